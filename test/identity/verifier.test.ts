import assert from 'node:assert/strict'
import {
  createHmac,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign as signBytes,
} from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import test, { after } from 'node:test'
import { compactVerify } from 'jose'
import { startIssuer } from '../../proxy/cli/issuer.ts'
import { KeySource } from '../../proxy/identity/keys.ts'
import { Verifier, type VerifierOptions } from '../../proxy/identity/verifier.ts'
import { parseCompact } from '../../proxy/wire/bearer.ts'
import { spawnIssuer } from '../support/issuer.ts'

type Fields = { readonly [name: string]: unknown }

const ISSUER = 'https://idp.example'
const AUDIENCE = 'https://mcp.example/mcp'
const NOW = 1_800_000_000
const secret = randomBytes(32)
const es = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const rs = generateKeyPairSync('rsa', { modulusLength: 2048 })
const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const requests: string[] = []
const published: readonly Fields[] = [
  { ...es.publicKey.export({ format: 'jwk' }), kid: 'es', alg: 'ES256' },
  { ...rs.publicKey.export({ format: 'jwk' }), kid: 'rs' },
]

const server = createServer((request, response) => {
  requests.push(request.url ?? '')
  response.end(JSON.stringify({ keys: published }))
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
const keys = new KeySource({ issuer: ISSUER, jwksUrl: new URL(`${origin}/jwks`), now: () => 0 })
after(async () => {
  await keys.close()
  server.close()
  server.closeAllConnections()
})

const settings: VerifierOptions = {
  issuer: ISSUER,
  keys,
  secret: undefined,
  algorithms: ['RS256', 'ES256', 'EdDSA', 'PS256'],
  audience: [AUDIENCE],
  tokenTypes: ['at+jwt', 'JWT'],
  scopeClaim: ['scope', 'scp'],
  rolesClaim: ['roles'],
  clockSkewS: 5,
  maxTokenAgeS: 86_400,
  now: () => NOW * 1000,
}
const verifier = new Verifier(settings)

const claims: Fields = {
  iss: ISSUER,
  sub: 'alice',
  aud: AUDIENCE,
  client_id: 'cli',
  scope: 'public:read confidential:read',
  roles: ['admin'],
  iat: NOW - 10,
  exp: NOW + 300,
}
const encode = (text: string | Uint8Array) => Buffer.from(text).toString('base64url')

/** Signs any header and payload, however wrong, with ES256 unless told otherwise. */
function forge(header: Fields | string, payload: Fields | string, key: KeyObject = es.privateKey) {
  const text = (value: Fields | string) =>
    typeof value === 'string' ? value : JSON.stringify(value)
  const usual = { alg: 'ES256', typ: 'at+jwt', kid: 'es' }
  const head = typeof header === 'string' ? header : { ...usual, ...header }
  const input = `${encode(text(head))}.${encode(text(payload))}`
  const options = { key, dsaEncoding: 'ieee-p1363' as const }
  return `${input}.${encode(signBytes('sha256', Buffer.from(input), options))}`
}
const hmac = (header: Fields, payload: Fields, key: string | Uint8Array) => {
  const input = `${encode(JSON.stringify(header))}.${encode(JSON.stringify(payload))}`
  return `${input}.${encode(createHmac('sha256', key).update(input).digest())}`
}

async function refusal(token: string, options: Partial<VerifierOptions> = {}) {
  const result = await new Verifier({ ...settings, ...options }).verify(token)
  return 'denied' in result ? `${result.denied}: ${result.detail}` : 'accepted'
}

async function accept(
  payload: Fields,
  options: Partial<VerifierOptions> = {},
  header: Fields = {},
) {
  const result = await new Verifier({ ...settings, ...options }).verify(forge(header, payload))
  assert.ok(!('denied' in result), JSON.stringify(result))
  return result
}

test('a good token gives its caller and nothing else (T59)', async () => {
  assert.deepEqual(await verifier.verify(forge({}, claims)), {
    iss: ISSUER,
    sub: 'alice',
    client: 'cli',
    scopes: new Set(['public:read', 'confidential:read']),
    roles: new Set(['admin']),
    expiresAt: NOW + 300,
  })
})

test('the key that vouched for a token is told to the cache', async () => {
  const verified = await verifier.examine(forge({}, claims))
  assert.ok('caller' in verified && keys.has(verified.thumbprint ?? ''))
})

const headers: [name: string, header: Fields, detail: RegExp | 'accepted'][] = [
  ['alg none (T60)', { alg: 'none' }, /"alg" is not an accepted/],
  ['alg None (T60)', { alg: 'None' }, /"alg" is not an accepted/],
  ['alg nOnE (T60)', { alg: 'nOnE' }, /"alg" is not an accepted/],
  ['no alg', { alg: undefined }, /"alg" is not an accepted/],
  ['an alg that is a list', { alg: ['ES256'] }, /"alg" is not an accepted/],
  ['an alg in another case', { alg: 'es256' }, /"alg" is not an accepted/],
  ['alg ES384, which nobody configured', { alg: 'ES384' }, /"alg" is not an accepted/],
  ['RS256 with the kid of an EC key (T62)', { alg: 'RS256' }, /no one key/],
  ['ES256 with the kid of an RSA key (T62)', { kid: 'rs' }, /no one key/],
  ['no kid and one EC key (T63)', { kid: undefined }, 'accepted'],
  ['an unknown kid (T63)', { kid: '../../dev/null' }, /no one key/],
  ['a kid with SQL (T63)', { kid: "' OR 1=1" }, /no one key/],
  ['a kid that is an object (T63)', { kid: { a: 1 } }, /"kid" is not a string/],
  ['an empty kid (T63)', { kid: '' }, /"kid" is not a string/],
  ['a kid of 129 characters (T63)', { kid: 'k'.repeat(129) }, /"kid" is not a string/],
  ['a kid of 128 characters (T63)', { kid: 'k'.repeat(128) }, /no one key/],
  ['jku (T64)', { jku: `${origin}/evil` }, /the header has "jku"/],
  ['x5u (T64)', { x5u: `${origin}/evil` }, /the header has "x5u"/],
  ['jwk (T64)', { jwk: stranger.publicKey.export({ format: 'jwk' }) }, /the header has "jwk"/],
  ['x5c (T64)', { x5c: ['MIIB'] }, /the header has "x5c"/],
  ['jku null (T64)', { jku: null }, /the header has "jku"/],
  ['an unknown crit (T65)', { crit: ['x'], x: 1 }, /the header has "crit"/],
  ['crit of a claim (T65)', { crit: ['exp'], exp: 1 }, /the header has "crit"/],
  ['crit empty (T65)', { crit: [] }, /the header has "crit"/],
  ['b64 false with crit (T65)', { crit: ['b64'], b64: false }, /the header has "crit"/],
  ['b64 false without crit (T65)', { b64: false }, /the header has "b64"/],
  ['b64 true (T65)', { b64: true }, /the header has "b64"/],
  ['cty JWT (T73)', { cty: 'JWT' }, /the header has "cty"/],
  ['enc (T73)', { enc: 'A128GCM' }, /the header has "enc"/],
  ['zip (T73)', { zip: 'DEF' }, /the header has "zip"/],
  ['typ JWT (T72)', { typ: 'JWT' }, 'accepted'],
  ['typ AT+JWT (T72)', { typ: 'AT+JWT' }, 'accepted'],
  ['typ application/at+jwt (T72)', { typ: 'Application/AT+jwt' }, 'accepted'],
  ['typ xapplication/at+jwt (T72)', { typ: 'xapplication/at+jwt' }, /"typ" is not an accepted/],
  ['typ absent (T72)', { typ: undefined }, /"typ" is not an accepted/],
  ['typ logout+jwt (T72)', { typ: 'logout+jwt' }, /"typ" is not an accepted/],
  ['typ dpop+jwt (T72)', { typ: 'dpop+jwt' }, /"typ" is not an accepted/],
  ['typ that is a list (T72)', { typ: ['at+jwt'] }, /"typ" is not a string/],
  ['typ null (T72)', { typ: null }, /"typ" is not a string/],
  ['x5t, which names no key to use', { x5t: 'abc' }, 'accepted'],
]
for (const [name, header, detail] of headers) {
  test(`a header with ${name} is ${detail === 'accepted' ? 'accepted' : 'refused'}`, async () => {
    requests.length = 0
    const result = await refusal(forge(header, claims))
    if (detail === 'accepted') assert.equal(result, 'accepted')
    else assert.match(result, new RegExp(`^token_invalid: .*${detail.source}`))
    assert.deepEqual(
      requests.filter((url) => url !== '/jwks'),
      [],
    )
  })
}

const body: [name: string, payload: Fields, detail: RegExp | 'accepted'][] = [
  ['exp missing (T68)', { exp: undefined }, /"exp" claim is missing/],
  ['exp a string (T68)', { exp: String(NOW + 300) }, /"exp" claim is not an integer/],
  ['exp a float (T68)', { exp: NOW + 0.5 }, /"exp" claim is not an integer/],
  ['exp null (T68)', { exp: null }, /"exp" claim is not an integer/],
  ['exp true (T68)', { exp: true }, /"exp" claim is not an integer/],
  ['exp 1e300 (T68)', { exp: 1e300 }, /"exp" claim is not an integer/],
  ['exp -1 (T68)', { exp: -1 }, /^token_expired: "exp" claim is in the past/],
  ['exp now, within the skew (T68)', { exp: NOW }, 'accepted'],
  ['exp at the end of the skew (T68)', { exp: NOW - 5 }, /^token_expired/],
  ['a life of 24 h (T68)', { iat: NOW, exp: NOW + 86_400 }, 'accepted'],
  ['a life of 24 h and 1 s (T68)', { iat: NOW, exp: NOW + 86_401 }, /lives too long/],
  ['a life of 24 h and no iat (T68)', { iat: undefined, exp: NOW + 86_400 }, 'accepted'],
  ['a life of 25 h and no iat (T68)', { iat: undefined, exp: NOW + 90_000 }, /lives too long/],
  ['nbf in 3 s (T69)', { nbf: NOW + 3 }, 'accepted'],
  ['nbf in 5 s, the skew (T69)', { nbf: NOW + 5 }, 'accepted'],
  ['nbf in 6 s (T69)', { nbf: NOW + 6 }, /"nbf" claim is in the future/],
  ['nbf in 60 s (T69)', { nbf: NOW + 60 }, /"nbf" claim is in the future/],
  ['nbf a string (T69)', { nbf: '0' }, /"nbf" claim is not an integer/],
  ['nbf null (T69)', { nbf: null }, /"nbf" claim is not an integer/],
  ['iat in 3 s (T69)', { iat: NOW + 3 }, 'accepted'],
  ['iat in 1 h (T69)', { iat: NOW + 3600, exp: NOW + 7200 }, /"iat" claim is in the future/],
  ['iat a float (T69)', { iat: NOW - 0.5 }, /"iat" claim is not an integer/],
  ['aud missing (T70)', { aud: undefined }, /"aud" claim is missing/],
  ['aud [] (T70)', { aud: [] }, /"aud" claim does not name/],
  ['aud in a list (T70)', { aud: ['x', AUDIENCE] }, 'accepted'],
  ['aud with a trailing slash (T70)', { aud: `${AUDIENCE}/` }, /"aud" claim does not name/],
  ['aud with a longer path (T70)', { aud: `${AUDIENCE}.evil` }, /"aud" claim does not name/],
  ['aud a prefix (T70)', { aud: 'https://mcp.example' }, /"aud" claim does not name/],
  ['aud an object (T70)', { aud: { 0: AUDIENCE } }, /"aud" claim is not a string/],
  ['aud a nested list (T70)', { aud: [[AUDIENCE]] }, /"aud" claim is not a string/],
  ['aud a list with a number (T70)', { aud: [AUDIENCE, 1] }, /"aud" claim is not a string/],
  ['aud null (T70)', { aud: null }, /"aud" claim is not a string/],
  ['iss missing (T71)', { iss: undefined }, /"iss" claim is missing/],
  ['iss with a trailing slash (T71)', { iss: `${ISSUER}/` }, /"iss" claim is not the issuer/],
  ['iss in a list (T71)', { iss: [ISSUER] }, /"iss" claim is not the issuer/],
  ['iss in another case (T71)', { iss: 'https://IDP.example' }, /"iss" claim is not the issuer/],
  ['iss over http (T71)', { iss: 'http://idp.example' }, /"iss" claim is not the issuer/],
  ['sub missing (T57)', { sub: undefined }, /"sub" claim is missing/],
  ['sub empty (T57)', { sub: '' }, /"sub" claim is not 1 to 255/],
  ['sub a number (T57)', { sub: 7 }, /"sub" claim is not 1 to 255/],
  ['sub an object (T57)', { sub: { a: 1 } }, /"sub" claim is not 1 to 255/],
  ['sub null (T57)', { sub: null }, /"sub" claim is not 1 to 255/],
  ['sub of 255 characters (T57)', { sub: 's'.repeat(255) }, 'accepted'],
  ['sub of 256 characters (T57)', { sub: 's'.repeat(256) }, /"sub" claim is not 1 to 255/],
  ['sub with a header in it (T57)', { sub: 'a\r\nX-Role: admin' }, /"sub" claim is not 1 to 255/],
  ['sub with NUL (T57)', { sub: 'a\0' }, /"sub" claim is not 1 to 255/],
  ['sub with a C1 control (T57)', { sub: 'a\u0085' }, /"sub" claim is not 1 to 255/],
  ['sub with a line separator (T57)', { sub: 'a\u2028' }, /"sub" claim is not 1 to 255/],
  ['sub with a lone surrogate (T57)', { sub: 'a\ud800' }, /"sub" claim is not|not strict JSON/],
  ['sub with an accent (T57)', { sub: '\u00e9' }, 'accepted'],
  ['sub of two addresses (T58)', { sub: 'a@b@evil' }, 'accepted'],
  ['client_id a number', { client_id: 7 }, /the client claim/],
  ['client_id with a line feed', { client_id: 'a\nb' }, /the client claim/],
  ['token_use refresh (T72)', { token_use: 'refresh' }, /"token_use" claim is not "access"/],
  ['token_use id (T72)', { token_use: 'id' }, /"token_use" claim is not "access"/],
  ['a token bound to a key (T72)', { cnf: { jkt: 'x' } }, /"cnf" claim/],
  ['a token bound to nothing known (T72)', { cnf: null }, /"cnf" claim/],
  ['token_use access (T72)', { token_use: 'access' }, 'accepted'],
  ['typ ID of Keycloak (T72)', { typ: 'ID' }, /"typ" claim is not that of an access/],
  ['typ Refresh of Keycloak (T72)', { typ: 'Refresh' }, /"typ" claim is not that of an access/],
  ['typ Offline of Keycloak (T72)', { typ: 'Offline' }, /"typ" claim is not that of an access/],
  ['typ Logout of Keycloak (T72)', { typ: 'Logout' }, /"typ" claim is not that of an access/],
  ['typ Bearer of Keycloak (T72)', { typ: 'Bearer' }, 'accepted'],
]
for (const [name, change, detail] of body) {
  test(`a token with ${name} is ${detail === 'accepted' ? 'accepted' : 'refused'}`, async () => {
    const result = await refusal(forge({}, { ...claims, ...change }))
    if (detail === 'accepted') assert.equal(result, 'accepted')
    else assert.match(result, detail)
  })
}

test('typ may be absent where an empty type is configured (T72)', async () => {
  await accept(claims, { tokenTypes: ['at+jwt', ''] }, { typ: undefined })
  const plain = forge({ typ: 'JWT' }, claims)
  assert.match(await refusal(plain, { tokenTypes: ['at+jwt'] }), /"typ" is not an accepted/)
})

const texts: [name: string, header: Fields | string, payload: Fields | string][] = [
  ['two algorithms', '{"alg":"none","alg":"ES256","typ":"JWT","kid":"es"}', claims],
  ['two subjects', {}, JSON.stringify(claims).replace('{', '{"sub":"root",')],
  ['a __proto__ claim', {}, JSON.stringify(claims).replace('{', '{"__proto__":{"sub":"root"},')],
  ['a byte order mark', {}, `\ufeff${JSON.stringify(claims)}`],
  ['a list as payload', {}, '[]'],
]
for (const [name, header, payload] of texts) {
  test(`a signed token with ${name} is refused (T74)`, async () => {
    assert.match(
      await refusal(forge(header, payload)),
      /^token_invalid: the (header|payload) is not/,
    )
  })
}

test('a token signed by a stranger is refused', async () => {
  assert.match(await refusal(forge({}, claims, stranger.privateKey)), /signature does not verify/)
})

test('a changed claim is refused', async () => {
  const [head, , signature] = forge({}, claims).split('.')
  const token = `${head}.${encode(JSON.stringify({ ...claims, sub: 'root' }))}.${signature}`
  assert.match(await refusal(token), /signature does not verify/)
})

const signatures: [name: string, signature: Uint8Array][] = [
  ['r = s = 0', Buffer.alloc(64)],
  ['r = s = n', Buffer.alloc(64, 255)],
  ['DER', signBytes('sha256', Buffer.from('x'), es.privateKey)],
  ['one byte', Buffer.alloc(1)],
]
for (const [name, signature] of signatures) {
  test(`an ES256 signature that is ${name} is refused (T67)`, async () => {
    const token = forge({}, claims).replace(/[^.]+$/, encode(signature))
    assert.match(await refusal(token), /^token_invalid: the signature does not verify/)
  })
}

test('a valid ES256 signature in DER is refused (T67)', async () => {
  const [head, payload] = forge({}, claims).split('.')
  const der = signBytes('sha256', Buffer.from(`${head}.${payload}`), es.privateKey)
  assert.match(await refusal(`${head}.${payload}.${encode(der)}`), /signature does not verify/)
})

test('no other spelling of a good token is accepted (T66)', async () => {
  const token = forge({}, claims)
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const ends = [...alphabet].map((last) => token.slice(0, -1) + last)
  const variants = [`${token}=`, `${token}\n`, ` ${token}`, token.replace('.', '. '), `${token}.`]
  for (const variant of [...ends, ...variants]) {
    if (variant !== token) assert.match(await refusal(variant), /^token_invalid/)
  }
})

test('an RSA public key is no HMAC secret (T61)', async () => {
  const spki = { type: 'spki' } as const
  const pem = rs.publicKey.export({ ...spki, format: 'pem' })
  const der = rs.publicKey.export({ ...spki, format: 'der' })
  for (const key of [pem, der]) {
    const token = hmac({ alg: 'HS256', typ: 'JWT', kid: 'rs' }, claims, key)
    assert.match(await refusal(token), /"alg" is not an accepted/)
    const both = { algorithms: ['RS256', 'HS256'], secret }
    assert.match(await refusal(token, both), /signature does not verify/)
  }
})

test('HS256 works with the secret alone, and with it next to keys (T61)', async () => {
  const token = hmac({ alg: 'HS256', typ: 'JWT' }, claims, secret)
  const alone = { algorithms: ['HS256'], secret, keys: undefined }
  assert.equal(await refusal(token, alone), 'accepted')
  assert.match(await refusal(forge({}, claims), alone), /"alg" is not an accepted/)
  const both = { algorithms: ['ES256', 'HS256'], secret }
  assert.equal(await refusal(token, both), 'accepted')
  assert.equal(await refusal(forge({}, claims), both), 'accepted')
  const verified = await new Verifier({ ...settings, ...alone }).examine(token)
  assert.ok('caller' in verified && verified.thumbprint === undefined)
})

test('without an issuer only a secret vouches, and iss is taken as it is', async () => {
  const alone = { algorithms: ['HS256'], secret, keys: undefined, issuer: undefined }
  const issuers: [iss: unknown, taken: string | undefined][] = [
    ['https://any.example', 'https://any.example'],
    [undefined, ''],
    [['https://any.example'], undefined],
    ['a\nb', undefined],
    [null, undefined],
  ]
  for (const [iss, taken] of issuers) {
    const token = hmac({ alg: 'HS256', typ: 'JWT' }, { ...claims, iss }, secret)
    const caller = await new Verifier({ ...settings, ...alone }).verify(token)
    const detail = '"iss" claim is not a printable string'
    if (taken === undefined) assert.deepEqual(caller, { denied: 'token_invalid', detail })
    assert.equal('iss' in caller ? caller.iss : undefined, taken)
  }
  assert.throws(() => new Verifier({ ...settings, issuer: undefined }), TypeError)
})

test('a secret that is short or missing, and keys that are missing, are our own mistakes', () => {
  const SECRET = { name: 'TypeError', message: 'HS256 needs a secret of 32 bytes or more' }
  const KEYS = {
    name: 'TypeError',
    message: 'public key algorithms need a key source and an issuer',
  }
  const made = (options: Partial<VerifierOptions>) => () =>
    new Verifier({ ...settings, ...options })
  const algorithms = ['HS256']
  assert.throws(made({ algorithms, secret: randomBytes(31) }), SECRET)
  assert.throws(made({ algorithms }), SECRET)
  assert.throws(made({ algorithms: ['RS256', 'HS256'] }), SECRET)
  assert.throws(made({ keys: undefined }), KEYS)
  assert.throws(made({ issuer: undefined }), KEYS)
  assert.throws(made({ algorithms: ['HS256', 'RS256'], secret, keys: undefined }), KEYS)
  made({ algorithms, secret, keys: undefined, issuer: undefined })()
})

test('a refusal is one for the cache as well, whatever it rests on', async () => {
  for (const change of [
    { sub: undefined },
    { exp: NOW - 100 },
    { aud: 'x' },
    { token_use: 'id' },
  ]) {
    const examined = await verifier.examine(forge({}, { ...claims, ...change }))
    assert.equal('denied' in examined, true)
    assert.equal('caller' in examined, false)
  }
})

test('a fault while finding keys denies as unavailable (T90)', async () => {
  const broken = new KeySource({ issuer: ISSUER, jwksUrl: undefined, now: () => 0 })
  broken.key = () => Promise.reject(new Error('boom'))
  assert.match(await refusal(forge({}, claims), { keys: broken }), /^keys_unavailable/)
  broken.key = async () => 'unavailable'
  assert.equal(
    await refusal(forge({}, claims), { keys: broken }),
    'keys_unavailable: the keys of the issuer cannot be had',
  )
})

test('a fault anywhere else denies as invalid (T90)', async () => {
  const now = () => {
    throw new Error('boom')
  }
  assert.match(await refusal(forge({}, claims), { now }), /^token_invalid: the token cannot be/)
})

const shapes: [scope: unknown, scopes: string[]][] = [
  ['a b', ['a', 'b']],
  [
    ['a', 'b'],
    ['a', 'b'],
  ],
  ['a,b', ['a,b']],
  ['a  b', ['a', 'b']],
  ['a\tb', []],
  ['', []],
  [['a b', 'c'], ['c']],
  [['a', 1], []],
  [[['a']], []],
  [{ a: 1 }, []],
  [null, []],
  [7, []],
  [true, []],
  ['tools:r\u0435ad tools:read\u200b ok', ['ok']],
  ['a"b c\\d e', ['e']],
  ['TOOLS:READ', ['TOOLS:READ']],
  ['__proto__ constructor', ['__proto__', 'constructor']],
]
for (const [scope, scopes] of shapes) {
  test(`the scope claim ${JSON.stringify(scope)} means [${scopes}] (T82, T85)`, async () => {
    assert.deepEqual((await accept({ ...claims, scope })).scopes, new Set(scopes))
  })
}

test('the first configured scope claim that is present wins (T82)', async () => {
  const scopesOf = async (change: Fields) => (await accept({ ...claims, ...change })).scopes
  assert.deepEqual(await scopesOf({ scope: 'a', scp: 'b' }), new Set(['a']))
  assert.deepEqual(await scopesOf({ scope: null, scp: 'b' }), new Set())
  assert.deepEqual(await scopesOf({ scope: undefined, scp: ['b'] }), new Set(['b']))
  assert.deepEqual(await scopesOf({ scope: undefined }), new Set())
})

const paths: [path: string, change: Fields, roles: string[]][] = [
  ['realm_access.roles', { realm_access: { roles: ['x', 'y'] } }, ['x', 'y']],
  ['realm_access.roles', { 'realm_access.roles': 'z', realm_access: { roles: ['x'] } }, ['z']],
  ['https://x.example/roles', { 'https://x.example/roles': ['x'] }, ['x']],
  [
    'resource_access.my.client.roles',
    { resource_access: { 'my.client': { roles: 'x y' } } },
    ['x', 'y'],
  ],
  ['a.b.c', { a: { x: 1 }, 'a.b': { c: ['x'] } }, ['x']],
  ['constructor.name', {}, []],
  ['toString', {}, []],
  ['roles.length', { roles: ['x'] }, []],
  ['a.b', { a: null }, []],
  ['roles', { roles: ['Domain Admins', 'admin\n', 'ok'] }, ['Domain Admins', 'ok']],
]
for (const [path, change, roles] of paths) {
  test(`roles at ${path} of ${JSON.stringify(change)} are [${roles}] (T83)`, async () => {
    const caller = await accept({ ...claims, ...change }, { rolesClaim: [path] })
    assert.deepEqual(caller.roles, new Set(roles))
  })
}

test('the client is client_id, else azp, else nobody', async () => {
  const clientOf = async (change: Fields) => (await accept({ ...claims, ...change })).client
  assert.equal(await clientOf({ azp: 'b' }), 'cli')
  assert.equal(await clientOf({ client_id: undefined, azp: 'b' }), 'b')
  assert.equal(await clientOf({ client_id: undefined }), '')
})

test('a real issuer process is verified in each algorithm, through a rotation (T76)', async (t) => {
  const algorithms = ['RS256', 'ES256', 'EdDSA', 'PS256']
  const issuer = await spawnIssuer(algorithms)
  t.after(issuer.stop)
  let clock = 0
  const source = new KeySource({ issuer: issuer.url, jwksUrl: undefined, now: () => clock })
  t.after(() => source.close())
  const options = { ...settings, issuer: issuer.url, keys: source, now: Date.now }
  const real = new Verifier(options)
  for (let turn = 0; turn < 2; turn++) {
    for (const alg of algorithms) {
      const caller = await real.verify(await issuer.mint({ aud: AUDIENCE, scope: 'a' }, { alg }))
      assert.deepEqual('sub' in caller && [caller.sub, ...caller.scopes], ['alice', 'a'], alg)
    }
    await issuer.rotate()
    clock += 1000
  }
  const endless = await real.verify(await issuer.mint({ aud: AUDIENCE, exp: undefined }))
  assert.equal('detail' in endless && endless.detail, '"exp" claim is missing')
})

test('the demo issuer listens on loopback only', async () => {
  await assert.rejects(startIssuer({ host: '0.0.0.0' }), TypeError)
})

// Wycheproof: what it calls invalid must fail by our keys or jose's signature check, not only by
// the claims, which no vector has.
const corpus = new URL('../../../shared/corpora/wycheproof/testvectors_v1/', import.meta.url)
type Vector = { tcId: number; comment: string; jws: unknown; result: string }
type Group = { comment: string; private?: Fields; public?: Fields; tests: Vector[] }
const load = (name: string) =>
  (JSON.parse(readFileSync(new URL(name, corpus), 'utf8')) as { testGroups: Group[] }).testGroups

/** Accepted by Wycheproof's own reading as well as ours: a key we take, and a true signature. */
async function proves(group: Group, jws: string): Promise<boolean> {
  const { alg, kid, ...header } = readHeader(jws)
  if (typeof alg !== 'string' || 'jwk' in header) return false
  const set = group.public ?? {}
  const body = JSON.stringify('keys' in set ? set : { keys: [set] })
  const source = new KeySource({
    issuer: ISSUER,
    jwksUrl: new URL('https://idp.example/keys'),
    now: () => 0,
    fetchImpl: async () => new Response(body),
  })
  const found = await source.key(kid as string | undefined, alg)
  await source.close()
  if (typeof found === 'string') return false
  return compactVerify(jws, found.key, { algorithms: [alg] }).then(
    () => true,
    () => false,
  )
}

function readHeader(jws: string): Fields {
  try {
    return JSON.parse(Buffer.from(jws.split('.')[0] ?? '', 'base64url').toString()) ?? {}
  } catch {
    return {}
  }
}

// ROCA shows in no parameter of the key: the documented limit of T75.
const files: [name: string, proved: number, limits: string[]][] = [
  ['json_web_signature_test.json', 26, []],
  ['json_web_key_test.json', 2, ['7 rejectsKeyWithRocaVulnerability']],
]
const skip = existsSync(corpus) ? false : 'the Wycheproof corpus is not here'
for (const [file, count, limits] of files) {
  test(`no invalid vector of ${file} is proved, none is a token (T67, T75)`, { skip }, async () => {
    const wrong: string[] = []
    let proved = 0
    for (const group of load(file)) {
      for (const { jws, result, tcId, comment } of group.tests) {
        if (typeof jws !== 'string') continue
        const refused = await verifier.verify(jws)
        assert.equal('denied' in refused && refused.denied, 'token_invalid')
        const parsed = parseCompact(jws)
        if (!parsed.ok && /canonical|parts/.test(parsed.detail)) continue
        if (!(await proves(group, jws))) continue
        proved++
        if (result !== 'valid') wrong.push(`${tcId} ${comment}`)
      }
    }
    assert.deepEqual(wrong, limits)
    assert.equal(proved, count)
  })
}
