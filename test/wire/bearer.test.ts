import assert from 'node:assert/strict'
import test from 'node:test'
import { MAX_TOKEN_BYTES, parseAuthorization, parseCompact } from '../../proxy/wire/bearer.ts'

const encode = (text: string) => Buffer.from(text).toString('base64url')
const join = (header: string, payload: string, signature = 'AAAA') =>
  `${encode(header)}.${encode(payload)}.${signature}`

test('credentials are one Bearer token after one space, in any case (T56)', () => {
  for (const value of ['Bearer abc.def', 'bearer abc.def', 'BEARER abc.def', 'bEaReR abc.def']) {
    assert.deepEqual(parseAuthorization(value), { token: 'abc.def' })
  }
  assert.deepEqual(parseAuthorization('Bearer a-._~+/9=='), { token: 'a-._~+/9==' })
})

const SPELLING = 'the credentials are not one space and one b64token'
const SCHEME = 'the Authorization scheme is not Bearer'
const ABSENT = 'the Authorization header is missing'
const unreadable: [value: string | undefined, fault: string, detail: string][] = [
  ['Bearer  x', 'malformed', SPELLING],
  ['Bearer\tx', 'malformed', SPELLING],
  ['Bearer x y', 'malformed', SPELLING],
  ['Bearer', 'malformed', SPELLING],
  ['Bearer ', 'malformed', SPELLING],
  ['Bearer "x"', 'malformed', SPELLING],
  ['Bearer x\n', 'malformed', SPELLING],
  ['Bearer x, Bearer y', 'malformed', SPELLING],
  ['Bearer =', 'malformed', SPELLING],
  ['Bearer x=y', 'malformed', SPELLING],
  ['Bearer \u00e9', 'malformed', SPELLING],
  ['Bearer: x', 'malformed', SPELLING],
  [`Bearer ${'x'.repeat(8_193)}`, 'malformed', 'the token is longer than 8192 bytes'],
  [' Bearer x', 'missing', SCHEME],
  ['Basic eDp5', 'missing', SCHEME],
  ['Bearerx y', 'missing', SCHEME],
  ['Bearer-x y', 'missing', SCHEME],
  ['xBearer y', 'missing', SCHEME],
  ['DPoP x', 'missing', SCHEME],
  ['', 'missing', ABSENT],
  [undefined, 'missing', ABSENT],
]
for (const [value, fault, detail] of unreadable) {
  test(`the Authorization value ${JSON.stringify(value)?.slice(0, 30)} is ${fault} (T56)`, () => {
    assert.deepEqual(parseAuthorization(value), { fault, detail })
  })
}

test('a token of exactly 8 KiB is read, one more byte is not (T73)', () => {
  assert.equal(MAX_TOKEN_BYTES, 8_192)
  const most = join('{}', '{}', '')
  const signature = (bytes: number) => 'A'.repeat(bytes - most.length)
  assert.ok(parseCompact(most + signature(8_192)).ok)
  assert.deepEqual(parseCompact(most + signature(8_193)), {
    ok: false,
    detail: 'the token is longer than 8192 bytes',
  })
})

test('claims may be 16 levels deep (T14)', () => {
  const nested = (depth: number) => `{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`
  assert.ok(parseCompact(join('{}', nested(16))).ok)
  assert.ok(parseCompact(join(nested(16), '{}')).ok)
  assert.deepEqual(parseCompact(join('{}', nested(17))), {
    ok: false,
    detail: 'the payload is not strict JSON: text is nested too deeply',
  })
})

test('both signs that base64url has of its own are read', () => {
  const parsed = parseCompact(join('{}', '{}', '-_-_'))
  assert.deepEqual(parsed.ok && [...parsed.signature], [0xfb, 0xff, 0xbf])
})

test('a token of exactly 8 KiB is read (T73)', () => {
  assert.ok('token' in parseAuthorization(`Bearer ${'x'.repeat(MAX_TOKEN_BYTES)}`))
})

test('a compact JWS gives its header, payload and signature', () => {
  const parsed = parseCompact(join('{"alg":"RS256"}', '{"sub":"a"}', 'AQID'))
  assert.ok(parsed.ok)
  assert.equal(parsed.header['alg'], 'RS256')
  assert.equal(parsed.payload['sub'], 'a')
  assert.deepEqual([...parsed.signature], [1, 2, 3])
})

const good = join('{"alg":"RS256"}', '{"sub":"a"}', 'AQI')
const refused: [name: string, token: string, detail: RegExp][] = [
  ['nothing', '', /3 parts/],
  ['two parts', 'YQ.YQ', /3 parts/],
  ['four parts', 'YQ.YQ.YQ.YQ', /3 parts/],
  ['a JWE', 'YQ.YQ.YQ.YQ.YQ', /encrypted/],
  ['6 parts', 'YQ.YQ.YQ.YQ.YQ.YQ', /3 parts/],
  ['1 MB', `${'a'.repeat(1_000_000)}.a.a`, /longer/],
  ['padding', `${good}=`, /signature is not canonical/],
  ['a line feed', `${good}\n`, /signature is not canonical/],
  ['a space inside', good.replace('.', ' .'), /header is not canonical/],
  ['the last character flipped in its unused bits', good.replace(/I$/, 'J'), /signature is not/],
  ['a payload spelt with other unused bits', good.replace('0.', '1.'), /payload is not canonical/],
  ['a lone base64url character', `${good}AA`, /signature is not canonical/],
  ['the plain base64 alphabet', good.replace(/AQI$/, '+/AA'), /signature is not canonical/],
  ['no signature', good.replace(/AQI$/, ''), /signature is not canonical/],
  ['a duplicate header', join('{"alg":"none","alg":"RS256"}', '{}'), /header is not strict/],
  ['two subjects', join('{}', '{"sub":"a","sub":"b"}'), /payload is not strict/],
  ['an escaped duplicate', join('{}', '{"sub":"a","s\\u0075b":"b"}'), /payload is not strict/],
  ['a __proto__ claim', join('{}', '{"__proto__":{"sub":"b"}}'), /payload is not strict/],
  ['a byte order mark', join('{}', '\ufeff{"sub":"a"}'), /payload is not strict/],
  ['an array as payload', join('{}', '[]'), /payload is not a JSON object/],
  ['null as header', join('null', '{}'), /header is not a JSON object/],
  ['a nested token as payload', join('{}', good), /payload is not strict/],
  [
    'bad UTF-8',
    `${encode('{}')}.${Buffer.from([0x22, 0xff, 0x22]).toString('base64url')}.AA`,
    /str/,
  ],
]
for (const [name, token, detail] of refused) {
  test(`a token with ${name} is refused before any crypto (T66, T73, T74)`, () => {
    const parsed = parseCompact(token)
    assert.equal(parsed.ok, false)
    assert.match(parsed.ok ? '' : parsed.detail, detail)
  })
}
