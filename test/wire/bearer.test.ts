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

const unreadable = [
  ['Bearer  x', 'malformed'],
  ['Bearer\tx', 'malformed'],
  ['Bearer x y', 'malformed'],
  ['Bearer', 'malformed'],
  ['Bearer ', 'malformed'],
  ['Bearer "x"', 'malformed'],
  ['Bearer x\n', 'malformed'],
  ['Bearer x, Bearer y', 'malformed'],
  ['Bearer =', 'malformed'],
  ['Bearer x=y', 'malformed'],
  ['Bearer \u00e9', 'malformed'],
  [`Bearer ${'x'.repeat(MAX_TOKEN_BYTES + 1)}`, 'malformed'],
  [' Bearer x', 'missing'],
  ['Basic eDp5', 'missing'],
  ['Bearerx y', 'missing'],
  ['DPoP x', 'missing'],
  ['', 'missing'],
  [undefined, 'missing'],
] as const
for (const [value, fault] of unreadable) {
  test(`the Authorization value ${JSON.stringify(value)?.slice(0, 30)} is ${fault} (T56)`, () => {
    const parsed = parseAuthorization(value)
    assert.equal('fault' in parsed && parsed.fault, fault)
  })
}

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
