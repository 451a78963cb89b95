// Answers to tools/list that are hostile as HTTP: types, statuses, encodings, headers (T97, T98,
// T102, T108, T109). The body holds the list, so nothing of it may pass unread.

import { test } from 'node:test'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { chunked, whole } from '../support/hostile.ts'
import { HIDDEN, LIST, type Row, startBench } from './answers.ts'

const JSON_TYPE = 'content-type: application/json'
const SSE_TYPE = 'content-type: text/event-stream'
const EVENT = `data: ${LIST}\n\n`
const raw = (...lines: string[]) => Buffer.from(lines.join('\r\n'), 'latin1')
const shown = { shows: true, status: 200 } as const
const refused = { status: 502 } as const
const ERROR = `{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"Available: ${HIDDEN}"}}`

const TYPES: readonly Row[] = [
  ['Application/JSON', shown],
  ['application/json; charset=utf-8', shown],
  ['application/json ;charset="UTF-8"', shown],
  ['application/json;;', shown],
  ['application/json; charset=utf-7', refused],
  ['application/json; charset=utf-16', refused],
  ['application/json; charset=utf-8; charset=utf-7', refused],
  ['application/json, text/plain', refused],
  ['application/vnd.mcp+json', refused],
  ['application/json-rpc', refused],
  ['text/plain', refused],
  ['text/html', refused],
  ['application/octet-stream', refused],
  ['multipart/mixed; boundary=a', refused],
  ['', refused],
].map(([type, expected]) => ({
  name: `the type "${type}"`,
  answer: whole(LIST, [`content-type: ${type}`]),
  ...(expected as typeof shown),
}))

const MORE_TYPES: readonly Row[] = [
  { name: 'no type', answer: whole(LIST, []), status: 502 },
  { name: 'two types', answer: whole(LIST, [JSON_TYPE, 'content-type: text/plain']), status: 502 },
  { name: 'two same types', answer: whole(LIST, [JSON_TYPE, JSON_TYPE]), status: 502 },
  {
    name: 'Text/Event-Stream',
    answer: chunked(EVENT, ['content-type: Text/Event-Stream']),
    ...shown,
  },
  {
    name: 'an event stream of another charset',
    answer: chunked(EVENT, ['content-type: text/event-stream; charset=utf-16']),
    status: 502,
  },
  { name: 'events typed as JSON', answer: whole(EVENT), status: 502 },
  { name: 'JSON typed as events', answer: chunked(LIST), status: 200 },
]

const status = (line: string, head = [JSON_TYPE], body = LIST) => whole(body, head, line)
const STATUSES: readonly Row[] = [
  { name: '201', answer: status('201 Created'), shows: true, status: 201 },
  { name: '203', answer: status('203 Other'), shows: true, status: 203 },
  { name: '206', answer: status('206 Partial'), shows: true, status: 206 },
  { name: '299', answer: status('299 x'), shows: true, status: 299 },
  { name: '201 as events', answer: chunked(EVENT, [SSE_TYPE], '201 x'), shows: true, status: 201 },
  { name: '204 with a body', answer: status('204 No Content'), status: 502 },
  { name: '205 with a body', answer: status('205 Reset', ['x: y']), status: 502 },
  ...['300', '301', '302', '303', '305', '307', '308'].map((code) => ({
    name: `${code} with Location (T108)`,
    answer: status(`${code} x`, [JSON_TYPE, `location: http://127.0.0.1:1/${HIDDEN}`]),
    status: 502,
  })),
  { name: '304', answer: raw('HTTP/1.1 304 x', `etag: "${HIDDEN}"`, '', ''), status: 502 },
  ...['401', '403', '407'].map((code) => ({
    name: `${code} with a challenge (T109)`,
    answer: status(`${code} x`, [JSON_TYPE, `www-authenticate: Bearer scope="${HIDDEN}"`], ERROR),
    status: 502,
  })),
  ...['400', '404', '405', '409', '413', '422', '429'].flatMap((code) => [
    {
      name: `${code} with an error`,
      answer: status(`${code} x`, [JSON_TYPE], ERROR),
      status: +code,
    },
    {
      name: `${code} with the list`,
      answer: status(`${code} x`),
      shows: true as const,
      status: +code,
    },
    {
      name: `${code} in plain text`,
      answer: status(`${code} x`, ['content-type: text/plain'], `no ${HIDDEN}`),
      status: +code,
    },
  ]),
  ...['500', '501', '502', '503', '599'].map((code) => ({
    name: `${code} that names it`,
    answer: status(`${code} ${HIDDEN}`, [JSON_TYPE, `retry-after: ${HIDDEN}`], ERROR),
    status: 502,
  })),
  { name: '400 as events', answer: chunked(EVENT, [SSE_TYPE], '400 x'), status: 400 },
  { name: '400 with a batch', answer: status('400 x', [JSON_TYPE], `[${ERROR}]`), status: 400 },
  { name: 'a reason that names it', answer: status(`200 ${HIDDEN}`), ...shown },
  { name: 'no reason', answer: status('200'), ...shown },
  { name: 'status 999', answer: status('999 x'), status: 502 },
  { name: 'status 099', answer: status('099 x'), status: 502 },
]

const encoded = (name: string, bytes: Buffer) =>
  whole(bytes, [JSON_TYPE, `content-encoding: ${name}`])
const twice = whole(gzipSync(LIST), [
  JSON_TYPE,
  'content-encoding: identity',
  'content-encoding: gzip',
])
const ENCODINGS: readonly Row[] = [
  { name: 'gzip', answer: encoded('gzip', gzipSync(LIST)), status: 502 },
  { name: 'x-gzip', answer: encoded('x-gzip', gzipSync(LIST)), status: 502 },
  { name: 'deflate', answer: encoded('deflate', deflateSync(LIST)), status: 502 },
  { name: 'br', answer: encoded('br', brotliCompressSync(LIST)), status: 502 },
  { name: 'zstd', answer: encoded('zstd', zstdCompressSync(LIST)), status: 502 },
  {
    name: 'twenty codings',
    answer: encoded(Array(20).fill('gzip').join(', '), gzipSync(LIST)),
    status: 502,
  },
  { name: 'two headers of it', answer: twice, status: 502 },
  { name: 'gzip twice', answer: encoded('gzip, gzip', gzipSync(gzipSync(LIST))), status: 502 },
  { name: 'gzip that is not', answer: encoded('gzip', Buffer.from(LIST)), status: 502 },
  { name: 'an unknown one', answer: encoded(HIDDEN, Buffer.from(LIST)), status: 502 },
  { name: 'identity', answer: encoded('identity', Buffer.from(LIST)), ...shown },
  { name: 'gzip without saying so', answer: whole(gzipSync(LIST)), status: 502 },
  {
    name: 'gzip events',
    answer: chunked(gzipSync(EVENT), [SSE_TYPE, 'content-encoding: gzip']),
    status: 502,
  },
  { name: 'gzip events without saying so', answer: chunked(gzipSync(EVENT)), status: 200 },
]

const HEADERS: readonly Row[] = [
  ...[
    `set-cookie: a=${HIDDEN}`,
    `x-tools: ${HIDDEN}`,
    `server: ${HIDDEN}`,
    `x-powered-by: ${HIDDEN}`,
    `link: <${HIDDEN}>`,
    `etag: "${HIDDEN}"`,
    `location: /${HIDDEN}`,
    `allow: ${HIDDEN}`,
    `retry-after: ${HIDDEN}`,
    `cache-control: ${HIDDEN}`,
    `vary: ${HIDDEN}`,
    `www-authenticate: ${HIDDEN}`,
    `mcp-session-id: ${HIDDEN}`,
    `mcp-param-x: ${HIDDEN}`,
    `access-control-allow-origin: ${HIDDEN}`,
    `content-disposition: attachment; filename=${HIDDEN}`,
    `${HIDDEN}: 1`,
    `__proto__: ${HIDDEN}`,
    `trailer: ${HIDDEN}`,
  ].map((line) => ({
    name: `the header ${line}`,
    answer: whole(LIST, [JSON_TYPE, line]),
    ...shown,
  })),
  {
    name: '150 headers',
    answer: whole(LIST, [JSON_TYPE, ...Array.from({ length: 150 }, (_, n) => `x-${n}: ${HIDDEN}`)]),
    ...shown,
  },
  {
    name: 'a head of 20 kB',
    answer: whole(LIST, [JSON_TYPE, `x: ${'a'.repeat(20_000)}`]),
    ...refused,
  },
  {
    name: 'a session id that is none',
    answer: whole(LIST, [JSON_TYPE, `mcp-session-id: ${'a'.repeat(3_100)}`]),
    ...refused,
  },
  { name: 'NUL in a header', answer: whole(LIST, [JSON_TYPE, 'x: a\0b']), ...refused },
  { name: 'a header without a colon', answer: whole(LIST, [JSON_TYPE, HIDDEN]), ...refused },
]

const GROUPS: Readonly<Record<string, readonly Row[]>> = {
  'T97 types': [...TYPES, ...MORE_TYPES],
  'T97 T108 T109 statuses': STATUSES,
  'T98 encodings': ENCODINGS,
  'T109 headers': HEADERS,
}

for (const [group, rows] of Object.entries(GROUPS)) {
  test(`${group} of a list that are hostile pass nothing unread`, async (t) => {
    const bench = await startBench(t)
    for (const row of rows) await t.test(row.name, () => bench.run(row))
    await t.test('the proxy is alive and recorded each of them once', () => bench.alive())
  })
}
