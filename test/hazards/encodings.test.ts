// Hostile media types, charsets and encodings of a request body (T9, T10, T25-T29): nothing is decoded,
// guessed or cut short, and the upstream always gets a type written by the proxy.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { LIST, startRaw } from './raw.ts'
import { assertRefusal } from './refusal.ts'

const SECRET = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"secret"}}'
// T10: UTF-8 reads a harmless list, UTF-7 the call of a tool.
const POLYGLOT =
  '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"+ACIAfQAsACIAbQBlAHQAaABvAGQAIgA6ACIAdABvAG8AbABzAC8AYwBhAGwAbAAi-"}}'
const UTF16 = Buffer.from(SECRET, 'utf16le')
const PADDED = `${LIST}${' '.repeat(1_048_577)}`

type Row = readonly [
  name: string,
  headers: readonly string[],
  body: string | Uint8Array,
  status: number,
]

const REFUSED: readonly Row[] = [
  ...[
    'utf-16',
    'utf-16le',
    'utf-16be',
    'utf-32',
    'utf-7',
    'UTF-7',
    '"utf-7"',
    'latin1',
    'utf-8x',
    "utf-8'",
  ].map(
    (charset): Row => [
      `T9 T10 ${charset}`,
      [`content-type: application/json; charset=${charset}`],
      POLYGLOT,
      415,
    ],
  ),
  [
    'T10 two charsets',
    ['content-type: application/json; charset=utf-8; charset=utf-7'],
    POLYGLOT,
    415,
  ],
  ...[
    'gzip',
    'deflate',
    'br',
    'zstd',
    'gzip, gzip',
    'x-gzip',
    'identity, gzip',
    'compress',
    'aes128gcm',
    '',
  ].map(
    (encoding): Row => [
      `T25 "${encoding}"`,
      [`content-encoding: ${encoding}`],
      gzipSync(SECRET),
      415,
    ],
  ),
  [
    'T25 two encodings',
    ['content-encoding: identity', 'content-encoding: gzip'],
    gzipSync(SECRET),
    400,
  ],
  ['T26 a bomb', ['content-encoding: gzip'], gzipSync(Buffer.alloc(50_000_000)), 415],
  ...[
    'text/plain',
    'text/plain; a=application/json',
    'application/json-rpc',
    'application/vnd.x+json',
    'application/json, text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=a',
    'application/ json',
    'json',
    '',
  ].map((type): Row => [`T27 "${type}"`, [`content-type: ${type}`], SECRET, 415]),
  ['T25 a coding beside identity', ['content-encoding: identity, br'], gzipSync(SECRET), 415],
  ['T9 UTF-16 as it says', ['content-type: application/json; charset=utf-16'], UTF16, 415],
  ['T9 UTF-16 as it says not', [], UTF16, 400],
  ['T9 UTF-16BE', [], Buffer.from(UTF16).swap16(), 400],
  ['T9 UTF-32', [], Buffer.from([...SECRET].flatMap((char) => [char.charCodeAt(0), 0, 0, 0])), 400],
  ['T27 two types', ['content-type: application/json', 'content-type: text/plain'], LIST, 400],
  ['T29 more than MAX_BODY', [], PADDED, 413],
  ['T29 more than MAX_BODY in chunks', ['transfer-encoding: chunked'], inChunks(PADDED), 413],
]

function inChunks(body: string): string {
  const size = 65_536
  const parts = body.match(new RegExp(`.{1,${size}}`, 'gs')) ?? []
  return `${parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join('')}0\r\n\r\n`
}

test('a body of another type, charset, encoding or size is refused', async (t) => {
  const bench = await startRaw(t)
  for (const [name, headers, body, status] of REFUSED) {
    await t.test(name, async () => {
      const seen = await bench.seen(async () => {
        const { replies } = await bench.talk(bench.post(body, headers))
        assert.deepEqual(
          replies.map((reply) => reply.status),
          [status],
        )
        for (const reply of replies) assertRefusal(reply)
      })
      assert.equal(seen.length, 0)
    })
  }
})

const ACCEPTED = [
  ['content-type: APPLICATION/JSON'],
  ['content-type: application/json;;'],
  ['content-type: application/json; charset='],
  ['content-type: application/json ; charset="UTF-8"'],
  ['content-type: application/json; profile="x"'],
  ['content-encoding: identity'],
]

test('a harmless spelling is accepted, and the upstream gets ours (T10, T28)', async (t) => {
  const bench = await startRaw(t)
  for (const headers of ACCEPTED) {
    await t.test(String(headers), async () => {
      const seen = await bench.seen(async () => {
        const { replies } = await bench.talk(bench.post(LIST, headers))
        assert.equal(replies[0]?.status, 200)
      })
      assert.equal(seen[0]?.headers.get('content-type'), 'application/json')
      assert.equal(seen[0]?.headers.has('content-encoding'), false)
    })
  }
})

test('no type at all is refused (T27)', async (t) => {
  const bench = await startRaw(t)
  const { replies } = await bench.talk(bench.request('POST /mcp', [], LIST))
  assert.equal(replies[0]?.status, 415)
  assert.equal(bench.upstream.asked.length, 0)
})
