// Hostile answers to everything but tools/list: a list, or the name, where neither belongs, on calls,
// other lists, replays, notifications and the first exchange (T95, T100, T107; R29-R31).

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chunked, whole } from '../support/hostile.ts'
import { HIDDEN, LIST, type Row, startBench, TOOLS, VISIBLE } from './answers.ts'
import type { Ask } from './ask.ts'
import { SHAPES } from './payloads.ts'

const CALL: Ask = { method: 'tools/call', params: { name: VISIBLE, arguments: {} } }
const MODERN_CALL: Ask = { ...CALL, modern: true }
const REPLAY: Ask = { http: 'GET' }
const event = (text: string | Buffer) =>
  chunked(Buffer.concat([Buffer.from('data: '), Buffer.from(text), Buffer.from('\n\n')]))
const chunks = (text: string | Buffer) => chunked(text, ['content-type: application/json'])
const result = (members: string) => `{"jsonrpc":"2.0","id":1,"result":{${members}}}`

const CALLS: readonly Row[] = [
  { name: 'a list as JSON', ask: CALL, answer: whole(LIST), broken: 'or none' },
  { name: 'a list as chunked JSON', ask: CALL, answer: chunks(LIST), broken: 'or none' },
  { name: 'a list to a modern call', ask: MODERN_CALL, answer: chunks(LIST), broken: 'or none' },
  { name: 'a list after 8 kB', ask: CALL, answer: chunks(late(8_000)), broken: 'or none' },
  { name: 'a list as an event', ask: CALL, answer: event(LIST), status: 200 },
  { name: 'a list to a modern call as an event', ask: MODERN_CALL, answer: event(LIST) },
  {
    name: 'a list to a call that may become a task',
    ask: { method: 'tools/call', params: { name: VISIBLE, task: {} } },
    answer: whole(LIST),
    status: 502,
  },
  {
    name: 'a list of escaped key',
    ask: CALL,
    answer: chunks(LIST.replace('"tools"', '"\\u0074ool\\u017f"')),
    broken: 'or none',
  },
  {
    name: 'a second result',
    ask: CALL,
    answer: chunks(`{"jsonrpc":"2.0","id":1,"result":{},"result":{${TOOLS}}}`),
    broken: 'or none',
  },
  {
    name: 'a second result by an escaped key',
    ask: CALL,
    answer: chunks(`{"jsonrpc":"2.0","id":1,"result":{},"re\\u0073ult":{${TOOLS}}}`),
    broken: 'or none',
  },
  {
    name: 'a notification in place of the answer (T95, T101)',
    ask: CALL,
    answer: chunks(
      `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"docs://${HIDDEN}"}}`,
    ),
    broken: 'or none',
  },
  {
    name: 'gzip without saying so',
    ask: CALL,
    answer: chunks(Buffer.from([31, 139, 8])),
    broken: 'or none',
  },
  { name: 'ping', ask: { method: 'ping' }, answer: whole(LIST), broken: 'or none' },
]

/** An answer whose list comes after so many harmless bytes. */
function late(bytes: number): string {
  return result(`"content":[{"type":"text","text":"${'a'.repeat(bytes)}"}],${TOOLS}`)
}

const LISTS: readonly Row[] = [
  {
    name: 'tools to prompts/list',
    ask: { method: 'prompts/list' },
    answer: whole(LIST),
    status: 502,
  },
  {
    name: 'tools to resources/list',
    ask: { method: 'resources/list' },
    answer: whole(LIST),
    status: 502,
  },
  {
    name: 'prompts',
    ask: { method: 'prompts/list' },
    answer: whole(LIST.replace('tools', 'prompts')),
    shows: true,
  },
  {
    name: 'resources',
    ask: { method: 'resources/list' },
    answer: whole(
      result(`"resources":[{"uri":"docs://visible/${VISIBLE}"},{"uri":"docs://hidden/page"}]`),
    ),
    shows: true,
  },
  {
    name: 'a resource that climbs out of its prefix',
    ask: { method: 'resources/list' },
    answer: whole(
      result(
        `"resources":[{"uri":"docs://visible/../hidden/page"},{"uri":"docs://visible/${VISIBLE}"}]`,
      ),
    ),
    shows: true,
  },
  {
    name: 'templates',
    ask: { method: 'resources/templates/list' },
    answer: whole(result('"resourceTemplates":[{"uriTemplate":"docs://hidden/page/{x}"}]')),
    status: 200,
  },
  {
    name: 'modern tools',
    ask: { method: 'tools/list', modern: true },
    answer: whole(LIST),
    shows: true,
    status: 200,
  },
  {
    name: 'unfinished modern tools',
    ask: { method: 'tools/list', modern: true },
    answer: whole(result(`"resultType":"input_required",${TOOLS}`)),
    shows: true,
  },
]

const FIRST: readonly Row[] = [
  {
    name: 'initialize with a list',
    ask: { method: 'initialize', params: { protocolVersion: '2025-11-25' } },
    answer: whole(result(`"protocolVersion":"2025-11-25",${TOOLS}`)),
    status: 502,
  },
  {
    name: 'initialize as an event with a list',
    ask: { method: 'initialize' },
    answer: event(result(`"capabilities":{},${TOOLS}`)),
    status: 200,
  },
  {
    name: 'initialize with experimental capabilities',
    ask: { method: 'initialize' },
    answer: whole(result(`"x":"${VISIBLE}","capabilities":{"experimental":{"${HIDDEN}":{}}}`)),
    shows: true,
  },
  {
    name: 'discover with a list',
    ask: { method: 'server/discover', modern: true },
    answer: whole(result(`"supportedVersions":["2026-07-28"],${TOOLS}`)),
    status: 502,
  },
  {
    name: 'a notification answered with a list',
    ask: { method: 'notifications/initialized', id: null },
    answer: whole(LIST),
    status: 202,
  },
  {
    name: 'a notification answered with an event',
    ask: { method: 'notifications/initialized', id: null },
    answer: event(LIST),
    status: 202,
  },
  {
    name: 'DELETE answered with a list',
    ask: { http: 'DELETE' },
    answer: whole(LIST),
    status: 200,
  },
]

const error = (id: string) =>
  `{"jsonrpc":"2.0",${id}"error":{"code":-32602,"message":"Available: ${HIDDEN}"}}`
const REPLAYS: readonly Row[] = [
  { name: 'a list (R30)', ask: REPLAY, answer: event(LIST), shows: true, status: 200 },
  { name: 'a list of any id', ask: REPLAY, answer: event(LIST.replace('1', '"x"')), shows: true },
  { name: 'a list as JSON', ask: REPLAY, answer: whole(LIST), status: 502 },
  {
    name: 'an error that names it (T102)',
    ask: REPLAY,
    answer: event(error('"id":7,')),
    status: 200,
  },
  {
    name: '400 with an error of a list (T102)',
    ask: REPLAY,
    answer: whole(error('"id":7,'), ['content-type: application/json'], '400 x'),
    status: 400,
  },
  {
    name: 'an update of a resource (T101)',
    ask: REPLAY,
    answer: event(
      '{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"docs://hidden/page"}}',
    ),
    status: 200,
  },
  {
    name: 'the status of a task of somebody (R31)',
    ask: REPLAY,
    answer: event(
      `{"jsonrpc":"2.0","method":"notifications/tasks/status","params":{"taskId":"${HIDDEN}"}}`,
    ),
    status: 200,
  },
]

const GROUPS = {
  'T95 calls': CALLS,
  'T107 other lists': LISTS,
  'T107 the first exchange': FIRST,
  'T100 replays': REPLAYS,
}

for (const [group, rows] of Object.entries(GROUPS)) {
  test(`${group}: hostile answers pass no hidden name`, async (t) => {
    const bench = await startBench(t)
    for (const row of rows) await t.test(row.name, () => bench.run(row))
    await t.test('the proxy is alive and recorded each of them once', () => bench.alive())
  })
}

test('a list in any shape is refused on a replay, or filtered (T100)', async (t) => {
  const bench = await startBench(t)
  // Without an id of its own a replay cannot tell who was asked: only the shape counts.
  const asked = /id|no jsonrpc|1\.0|another list|an error|no list|null as list|a string as list/
  for (const [name, bytes] of SHAPES.filter(([name]) => !asked.test(name)))
    await t.test(name, () => bench.run({ name, ask: REPLAY, answer: event(bytes) }))
})

test('a change of a list is told, and names nothing (T101)', async (t) => {
  const bench = await startBench(t)
  const lists = ['tools', 'prompts', 'resources']
  const told = lists.map(
    (list) => `{"jsonrpc":"2.0","method":"notifications/${list}/list_changed"}`,
  )
  const events = told.map((text) => `data: ${text}\n\n`).join('')
  bench.upstream.script = (_, socket) => void socket.write(chunked(events))
  const got = await bench.ask(REPLAY)
  assert.equal(got.status, 200)
  assert.equal(got.body.toString(), events)
})

test('an emptied page keeps its cursor (T106)', async (t) => {
  const bench = await startBench(t)
  const page = `"tools":[{"name":"${HIDDEN}"}],"nextCursor":"p2"`
  for (const answer of [whole(result(page)), event(result(page))]) {
    bench.upstream.script = (_, socket) => void socket.write(answer)
    const got = await bench.ask({ method: 'tools/list' })
    assert.match(got.body.toString(), /"tools":\[\],"nextCursor":"p2"/)
  }
})

test('a notification is accepted although its answer never ends', async (t) => {
  const bench = await startBench(t)
  const head =
    'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n'
  bench.upstream.script = (_, socket) => void socket.write(head)
  const got = await bench.ask({ method: 'notifications/initialized', id: null })
  assert.deepEqual([got.status, got.body.length], [202, 0])
})
