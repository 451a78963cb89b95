// Tokens that must not count (T60-T74), each sent to the listener as a client would: 401 with a
// challenge, no word about why, nothing fetched, and nothing at the upstream.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import {
  type Fields,
  type Forge,
  hmac,
  RSA_PUBLIC,
  resigned,
  STRANGER,
  startForge,
} from './forge.ts'
import { startRaw } from './raw.ts'
import { assertRefusal } from './refusal.ts'

const CALL =
  '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"secret","arguments":{}}}'
const AUD = 'http://127.0.0.1:8080/mcp'
const now = () => Math.floor(Date.now() / 1000)
const pem = RSA_PUBLIC.export({ type: 'spki', format: 'pem' })
const der = RSA_PUBLIC.export({ type: 'spki', format: 'der' })
const hs = { alg: 'HS256', typ: 'JWT', kid: 'rs' }
/** The order of P-256. */
const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

type Make = (forge: Forge) => string
type Row = readonly [name: string, make: Make]

const header =
  (change: Fields): Make =>
  ({ forge }) =>
    forge(change)
const claim =
  (change: Fields): Make =>
  ({ forge }) =>
    forge({}, change)
const text =
  (edit: (token: string) => string): Make =>
  ({ forge }) =>
    edit(forge())

const HEADERS: readonly Row[] = [
  ['T60 alg none', header({ alg: 'none' })],
  ['T60 alg None', header({ alg: 'None' })],
  ['T60 alg nOnE', header({ alg: 'nOnE' })],
  ['T60 alg none and no signature', ({ forge }) => resigned(forge({ alg: 'none' }), '')],
  ['T60 no alg', header({ alg: undefined })],
  ['T60 an empty signature', text((token) => resigned(token, ''))],
  ['T61 an RSA key as PEM secret', ({ claims }) => hmac(hs, claims(), pem)],
  ['T61 an RSA key as DER secret', ({ claims }) => hmac(hs, claims(), der)],
  ['T61 its modulus as secret', ({ claims }) => hmac(hs, claims(), modulus())],
  ['T61 an empty secret', ({ claims }) => hmac(hs, claims(), '')],
  ['T61 an HMAC of the EC kid', ({ claims }) => hmac({ ...hs, kid: 'es' }, claims(), pem)],
  ['T62 RS256 with the kid of an EC key', header({ alg: 'RS256' })],
  ['T62 ES256 with the kid of an RSA key', header({ kid: 'rs' })],
  ['T62 ES384', header({ alg: 'ES384' })],
  ['T62 EdDSA', header({ alg: 'EdDSA' })],
  ['T63 a kid that is a path', header({ kid: '../../dev/null' })],
  ['T63 a kid that is SQL', header({ kid: "' OR 1=1" })],
  ['T63 a kid that is an object', header({ kid: { a: 1 } })],
  ['T63 a kid that is a number', header({ kid: 1 })],
  ['T63 a kid that is null', header({ kid: null })],
  ['T63 an empty kid', header({ kid: '' })],
  ['T63 a kid of 129 characters', header({ kid: 'k'.repeat(129) })],
  ['T63 a kid of the prototype', header({ kid: '__proto__' })],
  ['T63 a kid that is a constructor', header({ kid: 'constructor' })],
  ['T64 jku', ({ forge, url }) => forge({ jku: `${url}/evil` }, {}, STRANGER)],
  ['T64 x5u', ({ forge, url }) => forge({ x5u: `${url}/evil` }, {}, STRANGER)],
  ['T64 jwk', ({ forge }) => forge({ jwk: publicJwk() }, {}, STRANGER)],
  ['T64 jwk and a true signature', header({ jwk: publicJwk() })],
  ['T64 x5c', header({ x5c: ['MIIB'] })],
  ['T64 jku that is null', header({ jku: null })],
  ['T65 an unknown crit', header({ crit: ['x'], x: 1 })],
  ['T65 crit of exp', header({ crit: ['exp'], exp: 1 })],
  ['T65 an empty crit', header({ crit: [] })],
  ['T65 b64 false with crit', header({ crit: ['b64'], b64: false })],
  ['T65 b64 false without crit', header({ b64: false })],
  ['T72 no typ', header({ typ: undefined })],
  ['T72 typ logout+jwt', header({ typ: 'logout+jwt' })],
  ['T72 typ that is a list', header({ typ: ['at+jwt'] })],
  ['T73 cty JWT', header({ cty: 'JWT' })],
  ['T73 zip', header({ zip: 'DEF' })],
  ['T73 enc', header({ enc: 'A128GCM' })],
]

const SPELLINGS: readonly Row[] = [
  ['T66 padding', text((token) => `${token}=`)],
  ['T66 a point more', text((token) => `${token}.`)],
  ['T66 a character more', text((token) => `${token}A`)],
  ['T66 another last character', text(lastFlipped)],
  ['T66 plus for minus', text((token) => `${token.slice(0, -86)}${'+'.repeat(86)}`)],
  ['T67 r = s = 0', text((token) => resigned(token, Buffer.alloc(64)))],
  ['T67 r = s = 2^256 - 1', text((token) => resigned(token, Buffer.alloc(64, 255)))],
  ['T67 r = s = n', text((token) => resigned(token, Buffer.from(hex(N) + hex(N), 'hex')))],
  ['T67 DER for P1363', text((token) => resigned(token, Buffer.from('3006020101020101', 'hex')))],
  ['T67 the key of a stranger', ({ forge }) => forge({}, {}, STRANGER)],
  ['T67 another subject', text(anotherSubject)],
  ['T73 five parts', text((token) => `${token}.e.e`)],
  ['T73 two parts', text((token) => token.replace(/\.[^.]*$/, ''))],
  ['T73 one part', text((token) => token.replaceAll('.', ''))],
  ['T73 more than 8 KiB', claim({ x: 'a'.repeat(8_192) })],
  [
    'T74 two algorithms',
    ({ forge }) => forge('{"alg":"none","alg":"ES256","typ":"JWT","kid":"es"}'),
  ],
  ['T74 two kids', ({ forge }) => forge('{"alg":"ES256","typ":"JWT","kid":"rs","kid":"es"}')],
  ['T74 two subjects', payload((json) => json.replace('{', '{"sub":"root",'))],
  ['T74 an escaped second subject', payload((json) => json.replace('{', '{"s\\u0075b":"root",'))],
  ['T74 __proto__', payload((json) => json.replace('{', '{"__proto__":{"sub":"root"},'))],
  ['T74 a byte order mark', payload((json) => `\ufeff${json}`)],
  ['T74 a list', ({ forge }) => forge({}, '[]')],
  ['T74 text after it', payload((json) => `${json}{}`)],
]

const CLAIMS: readonly Row[] = [
  ['T68 no exp', claim({ exp: undefined })],
  ['T68 exp a string', claim({ exp: '9999999999' })],
  ['T68 exp a float', claim({ exp: now() + 60.5 })],
  ['T68 exp null', claim({ exp: null })],
  ['T68 exp true', claim({ exp: true })],
  ['T68 exp -1', claim({ exp: -1 })],
  ['T68 exp 1e300', claim({ exp: 1e300 })],
  ['T68 exp long ago', claim({ iat: now() - 700, exp: now() - 100 })],
  ['T68 a life of 25 h', claim({ exp: now() + 90_000 })],
  ['T69 nbf in a minute', claim({ nbf: now() + 60 })],
  ['T69 nbf a string', claim({ nbf: '0' })],
  ['T69 iat in an hour', claim({ iat: now() + 3_600, exp: now() + 4_000 })],
  ['T69 iat a float', claim({ iat: now() - 0.5 })],
  ['T70 no aud', claim({ aud: undefined })],
  ['T70 aud []', claim({ aud: [] })],
  ['T70 aud with a slash', claim({ aud: `${AUD}/` })],
  ['T70 aud a prefix', claim({ aud: 'http://127.0.0.1:8080' })],
  ['T70 aud longer', claim({ aud: `${AUD}.evil` })],
  ['T70 aud an object', claim({ aud: { 0: AUD } })],
  ['T70 aud nested', claim({ aud: [[AUD]] })],
  ['T70 aud null', claim({ aud: null })],
  ['T70 aud *', claim({ aud: '*' })],
  ['T71 no iss', claim({ iss: undefined })],
  ['T71 iss with a slash', ({ forge, url }) => forge({}, { iss: `${url}/` })],
  ['T71 iss in a list', ({ forge, url }) => forge({}, { iss: [url] })],
  ['T71 iss in capitals', ({ forge, url }) => forge({}, { iss: url.toUpperCase() })],
  ['T71 iss over https', ({ forge, url }) => forge({}, { iss: url.replace('http:', 'https:') })],
  ['T72 token_use refresh', claim({ token_use: 'refresh' })],
  ['T72 a token that is bound to a key', claim({ cnf: { jkt: 'x' } })],
  ['T72 token_use id', claim({ token_use: 'id' })],
  ['T72 typ Refresh of Keycloak', claim({ typ: 'Refresh' })],
]

const GROUPS = { headers: HEADERS, spellings: SPELLINGS, claims: CLAIMS }

for (const [group, rows] of Object.entries(GROUPS)) {
  test(`tokens of hostile ${group} are refused at the listener`, async (t) => {
    const forge = await startForge(t)
    const bench = await startRaw(t, { issuer: forge.process })
    for (const [name, make] of rows) {
      await t.test(name, async () => {
        forge.requests.length = 0
        const token = make(forge)
        const seen = await bench.seen(async () => {
          const { replies } = await bench.talk(bench.post(CALL, [`authorization: Bearer ${token}`]))
          const [reply] = replies
          assert.equal(reply?.status, 401, reply?.body)
          assertRefusal(reply)
          assert.match(reply.headers.get('www-authenticate') ?? '', /error="invalid_token"/)
        })
        assert.equal(seen.length, 0)
        // T64: what a token names is never fetched; the key set may be, for a kid that is new.
        assert.deepEqual(
          forge.requests.filter((path) => path !== '/jwks'),
          [],
        )
        assert.equal(bench.proxy.logged().includes(token), false)
      })
    }
    await t.test('and a good one is not', async () => {
      const seen = await bench.seen(async () => {
        const good = [`authorization: Bearer ${forge.forge()}`]
        assert.equal((await bench.talk(bench.post(CALL, good))).replies[0]?.status, 200)
      })
      assert.equal(seen[0]?.headers.get('x-toolstile-scopes'), 'secret:read')
    })
  })
}

const ACCEPTED: readonly Row[] = [
  ['T68 exp now, within the skew', claim({ exp: now() + 1 })],
  ['T69 nbf in 3 s', claim({ nbf: now() + 3 })],
  ['T70 aud in a list', claim({ aud: ['x', AUD] })],
  ['T72 typ JWT', header({ typ: 'JWT' })],
  ['T72 typ application/at+jwt', header({ typ: 'Application/AT+jwt' })],
  // Both values of s are true signatures (RFC 7518 3.4): the token is verified anew, and is the same.
  ['T66 the other s', text(otherS)],
  ['T63 no kid, and one key of the algorithm', header({ kid: undefined })],
]

test('tokens at the edge of what is good are accepted at the listener', async (t) => {
  const forge = await startForge(t)
  const bench = await startRaw(t, { issuer: forge.process })
  for (const [name, make] of ACCEPTED) {
    await t.test(name, async () => {
      const seen = await bench.seen(async () => {
        const { replies } = await bench.talk(
          bench.post(CALL, [`authorization: Bearer ${make(forge)}`]),
        )
        assert.equal(replies[0]?.status, 200, replies[0]?.body)
      })
      assert.equal(seen.length, 1)
      assert.equal(seen[0]?.headers.get('x-toolstile-subject'), 'alice')
    })
  }
})

test('a token under a secret counts only where a secret is set (T61)', async (t) => {
  const forge = await startForge(t)
  const bench = await startRaw(t, { issuer: forge.process })
  const token = hmac({ alg: 'HS256', typ: 'JWT' }, forge.claims(), randomBytes(48))
  const { replies } = await bench.talk(bench.post(CALL, [`authorization: Bearer ${token}`]))
  assert.equal(replies[0]?.status, 401)
  assert.equal(bench.upstream.asked.length, 0)
})

function payload(edit: (json: string) => string): Make {
  return ({ forge, claims }) => forge({}, edit(JSON.stringify(claims())))
}

function publicJwk(): Fields {
  const { d, ...rest } = STRANGER.export({ format: 'jwk' })
  assert.ok(d)
  return rest
}

function modulus(): Uint8Array {
  return Buffer.from(String(RSA_PUBLIC.export({ format: 'jwk' }).n), 'base64url')
}

function hex(value: bigint): string {
  return value.toString(16).padStart(64, '0')
}

/** The last of 86 characters of 64 bytes has four bits that say nothing. */
function lastFlipped(token: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const last = alphabet.indexOf(token.slice(-1))
  return token.slice(0, -1) + alphabet.charAt(last ^ 1)
}

/** Whoever keys a memory by the text of a token then has two of it. */
function otherS(token: string): string {
  const signature = Buffer.from(token.split('.')[2] ?? '', 'base64url')
  const s = BigInt(`0x${signature.subarray(32).toString('hex')}`)
  return resigned(token, Buffer.from(signature.subarray(0, 32).toString('hex') + hex(N - s), 'hex'))
}

function anotherSubject(token: string): string {
  const [head, body = '', signature] = token.split('.')
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString())
  const forged = Buffer.from(JSON.stringify({ ...claims, sub: 'root' })).toString('base64url')
  return `${head}.${forged}.${signature}`
}
