// Hostile HTTP framing, targets and methods (T30-T50) on raw sockets: what is not exactly one plain
// request is refused, and no second request ever comes out of it.

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { LIST, type RawBench, startRaw } from './raw.ts'
import { assertRefusal } from './refusal.ts'

const SECRET = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"secret"}}'
const SMUGGLED = `POST /mcp HTTP/1.1\r\nhost: a\r\nx-toolstile-subject: root\r\ncontent-length: ${SECRET.length}\r\n\r\n${SECRET}`
const hex = (text: string) => text.length.toString(16)
const CHUNKED = `${hex(LIST)}\r\n${LIST}\r\n0\r\n\r\n`

type Make = (bench: RawBench) => Uint8Array
/** `refused` is 400 or 404. */
type Row = readonly [name: string, status: number | 'closed' | 'refused', make: Make]

const withHeader =
  (header: string, body = LIST): Make =>
  ({ post }) =>
    post(body, [header])
const plain =
  (...lines: string[]): Make =>
  () =>
    Buffer.from(lines.join('\r\n'), 'latin1')
const chunks =
  (body: string): Make =>
  ({ post }) =>
    post(Buffer.from(body, 'latin1'), ['transfer-encoding: chunked'])
const edited =
  (from: string | RegExp, to: string): Make =>
  ({ post }) =>
    Buffer.from(post(LIST).toString('latin1').replace(from, to), 'latin1')

const FRAMING: readonly Row[] = [
  [
    'T30 a length and chunks',
    400,
    ({ post }) => post(CHUNKED, ['content-length: 5', 'transfer-encoding: chunked']),
  ],
  [
    'T30 chunks and a length',
    400,
    ({ post }) => post(CHUNKED, ['transfer-encoding: chunked', 'content-length: 5']),
  ],
  ...[
    'xchunked',
    'chunked, identity',
    ',chunked',
    'chunked,',
    'identity, chunked',
    'gzip, chunked',
    'chunked\t, chunked',
    'identity',
    'chunked, chunked',
    '\x0bchunked',
    'chunked\0',
    '"chunked"',
    'gzip',
    'chunked;q=1',
  ].map(
    (coding): Row => [
      `T31 ${JSON.stringify(coding)}`,
      400,
      withHeader(`transfer-encoding: ${coding}`, CHUNKED),
    ],
  ),
  [
    'T31 the same coding twice',
    400,
    ({ post }) => post(CHUNKED, ['transfer-encoding: chunked', 'transfer-encoding: chunked']),
  ],
  ['T31 a space before the colon', 400, withHeader('transfer-encoding : chunked', CHUNKED)],
  [
    'T31 two codings',
    400,
    ({ post }) => post(CHUNKED, ['transfer-encoding: chunked', 'transfer-encoding: identity']),
  ],
  ['T32 bare LF', 400, plain(`POST /mcp HTTP/1.1\nhost: a\n\n`)],
  ['T32 bare LF in the head', 400, edited('\r\nhost', '\nhost')],
  ['T32 bare CR', 400, withHeader('x: a\rx-toolstile-subject: root')],
  ['T32 a folded header', 400, withHeader('x: a\r\n folded')],
  ['T32 a NUL', 400, withHeader('x: a\0b')],
  ['T32 a NUL in a name', 400, withHeader('x\0: a')],
  ['T32 a NUL in the target', 400, edited('/mcp', '/mcp\0')],
  ['T32 a bare CR in the request line', 400, edited('HTTP/1.1', 'HTTP/1.1\rx: a')],
  ['T32 a header without a colon', 400, withHeader('x')],
  ['T32 a header without a name', 400, withHeader(': x')],
  ['T32 a space in a name', 400, withHeader('x y: a')],
  ...['', '+5', '5_0', '0x5', '-1', '1e2', '99999999999999999999', '5, 5', '5 5'].map(
    (length): Row => [
      `T33 "${length}"`,
      400,
      ({ post }) => post(LIST, [`content-length: ${length}`]),
    ],
  ),
  [
    'T33 two lengths',
    400,
    ({ post }) => post(LIST, [`content-length: ${LIST.length}`, 'content-length: 5']),
  ],
  [
    'T33 two equal lengths',
    400,
    ({ post }) => post(LIST, Array(2).fill(`content-length: ${LIST.length}`)),
  ],
  ['T33 a space before the name', 400, ({ post }) => post(LIST, [' content-length: 5'])],
  ...['0_2e', '0x5', '', '-1', 'g', ' 2e', 'ffffffffffffffffff'].map(
    (size): Row => [
      `T34 a chunk of size "${size}"`,
      400,
      chunks(`${size}\r\n${LIST}\r\n0\r\n\r\n`),
    ],
  ),
  ['T34 a bad end of a chunk', 400, chunks(`${hex(LIST)}\r\n${LIST}xx0\r\n\r\n`)],
  ['T34 a bare LF after a size', 400, chunks(`${hex(LIST)}\n${LIST}\r\n0\r\n\r\n`)],
  ['T34 16 MB of chunk extensions', 400, chunks(`1;${'a'.repeat(16_000_000)}\r\n{\r\n0\r\n\r\n`)],
  [
    'T36 DELETE with chunks',
    400,
    ({ request }) =>
      request(
        'DELETE /mcp',
        ['transfer-encoding: chunked'],
        `${hex(SMUGGLED)}\r\n${SMUGGLED}\r\n0\r\n\r\n`,
      ),
  ],
  ['T36 DELETE with a length', 400, ({ request }) => request('DELETE /mcp', [], SMUGGLED)],
  [
    'T36 GET with chunks',
    400,
    ({ request }) => request('GET /mcp', ['transfer-encoding: chunked'], CHUNKED),
  ],
  ['T36 GET with a length', 400, ({ request }) => request('GET /mcp', [], SMUGGLED)],
  [
    'T36 OPTIONS with chunks',
    400,
    ({ request }) => request('OPTIONS /mcp', ['transfer-encoding: chunked'], CHUNKED),
  ],
  ['T36 a body beside the path', 400, ({ request }) => request('GET /health', [], SMUGGLED)],
  [
    'T36 a body on the metadata',
    400,
    ({ request }) =>
      request('GET /.well-known/oauth-protected-resource', ['transfer-encoding: chunked'], CHUNKED),
  ],
  ['T43 lower case', 400, plain('post /mcp HTTP/1.1', 'host: 127.0.0.1', '', '')],
  ['T43 no such method', 400, plain('SECRET /mcp HTTP/1.1', 'host: 127.0.0.1', '', '')],
  ['T43 T140 HTTP/2', 400, plain('PRI * HTTP/2.0', '', 'SM', '', '')],
  ['T43 CONNECT', 405, plain('CONNECT 169.254.169.254:80 HTTP/1.1', 'host: a', '', '')],
  ['T47 a head of 20 kB', 431, withHeader(`x: ${'a'.repeat(20_000)}`)],
  [
    'T47 3,000 headers',
    431,
    ({ post }) =>
      post(
        LIST,
        Array.from({ length: 3_000 }, (_, n) => `x${n}: a`),
      ),
  ],
  ['T48 no Host', 400, plain('POST /mcp HTTP/1.1', 'content-length: 0', '', '')],
  ['T49 HTTP/1.0', 505, edited('HTTP/1.1', 'HTTP/1.0')],
  [
    'T49 HTTP/1.0 without Host',
    505,
    ({ token }) =>
      Buffer.from(`POST /mcp HTTP/1.0\r\nauthorization: Bearer ${token}\r\n\r\n`, 'latin1'),
  ],
  ['T49 HTTP/0.9', 505, plain('GET /mcp', '', '')],
  ['T49 HTTP/1.2', 400, edited('HTTP/1.1', 'HTTP/1.2')],
  ['TLS', 400, () => Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 13, 10, 13, 10])],
]

async function refused(t: TestContext, bench: RawBench, rows: readonly Row[], closes: boolean) {
  for (const [name, status, make] of rows) {
    await t.test(name, async () => {
      const seen = await bench.seen(async () => {
        // A request that hides in another one would be a second reply.
        const { replies, closed } = await bench.talk(make(bench), closes ? 2 : 1)
        const statuses = replies.map((reply) => reply.status)
        if (status === 'refused') assert.ok([400, 404].includes(statuses[0] ?? 0), `${statuses}`)
        else assert.deepEqual(statuses, status === 'closed' ? [] : [status])
        for (const reply of replies) assertRefusal(reply)
        if (closes) assert.equal(closed, true)
      })
      assert.equal(seen.length, 0)
    })
  }
}

test('framing that two parsers could read differently ends the connection', async (t) => {
  const bench = await startRaw(t)
  await refused(t, bench, FRAMING, true)
  const { replies } = await bench.talk(bench.post(LIST))
  assert.equal(replies[0]?.status, 200)
})

const target =
  (path: string): Make =>
  ({ request }) =>
    request(`POST ${path}`, ['content-type: application/json'], LIST)

const TARGETS: readonly Row[] = [
  ...[
    'http://evil/mcp',
    'http://169.254.169.254/',
    'http://127.0.0.1/mcp',
    'https://127.0.0.1/mcp',
    'file:///mcp',
  ].map((path): Row => [`T39 ${path}`, 400, target(path)]),
  ...[
    '//mcp',
    '/mcp/',
    '/MCP',
    '/%6dcp',
    '/x/../mcp',
    '/./mcp',
    '/mcp;x',
    '/mcp/..;/admin',
    '/mcp%2f..',
    '/x\\..\\mcp',
    '/mcp%00',
    '/mcp%20',
    '/mcp#x',
    '/',
    '/mcp/mcp',
    '/metrics',
    '/ready',
    '/admin/denials',
    '/health/../mcp',
    '/metrics%2f..%2fmcp',
    '/.well-known/oauth-protected-resource/../../mcp',
  ].flatMap((path): Row[] => [
    [`T40 T42 GET ${path}`, 404, ({ request }) => request(`GET ${path}`)],
    [`T40 T42 POST ${path}`, 'refused', target(path)],
  ]),
  [
    'T41 access_token',
    400,
    ({ request, token }) => request(`GET /mcp?access_token=${token}`, ['authorization: none']),
  ],
  ['T41 an escaped access_token', 400, target('/mcp?%61ccess%5ftoken=canary-token')],
  ...['PUT', 'PATCH', 'QUERY', 'TRACE', 'PROPFIND', 'SOURCE', 'M-SEARCH'].map(
    (method): Row => [
      `T43 ${method}`,
      405,
      ({ request }) => request(`${method} /mcp`, ['connection: close']),
    ],
  ),
]

test('targets and methods other than ours reach nobody', async (t) => {
  const bench = await startRaw(t)
  await refused(t, bench, TARGETS, false)
  assert.doesNotMatch(bench.proxy.logged(), /canary-token/)
})
