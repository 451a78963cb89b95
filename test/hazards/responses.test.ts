// Hostile answers to tools/list, as a JSON body and as one event (T92-T102): the caller never
// receives the name of a tool it may not use, in any chunking and any decoding.

import { test } from 'node:test'
import { chunked, whole } from '../support/hostile.ts'
import { HIDDEN, LIST, type Row, startBench, TOOLS, VISIBLE } from './answers.ts'
import { PAYLOADS, type Payload } from './payloads.ts'

/** A JSON-RPC error is an answer; everything else that cannot be filtered is a 502. */
function asJSON([name, bytes, shows]: Payload): Row {
  const answer = whole(bytes)
  if (shows === 'shows') return { name, answer, shows: true, status: 200 }
  return { name, answer }
}

function asEvent([name, bytes, shows]: Payload): Row {
  // A line end inside the payload would need a data line of its own.
  const lines = Buffer.concat([Buffer.from('event: message\ndata: '), Buffer.from(bytes)])
  const answer = chunked(Buffer.concat([lines, Buffer.from('\n\n')]))
  return { name, answer, status: 200, ...(shows === 'shows' ? { shows: true } : {}) }
}

const KINDS = [
  ['a JSON body', asJSON],
  ['an event', asEvent],
] as const

for (const [kind, framed] of KINDS) {
  test(`a list in ${kind} is filtered or refused, whatever it looks like (T95, T96)`, async (t) => {
    const bench = await startBench(t)
    for (const payload of PAYLOADS) {
      const row = framed(payload)
      await t.test(row.name, () => bench.run(row))
    }
    await t.test('the proxy is alive and recorded each of them once', () => bench.alive())
  })
}

const sse = (text: string | Buffer) => chunked(text)
const LINES = JSON.stringify(JSON.parse(LIST), null, 1).split('\n')
const SEEN = `{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"${VISIBLE}"}]}}`

/** Name, stream, and whether the allowed tool must still appear. */
const STREAMS: readonly (readonly [string, string | Buffer, 'shows' | 'drops'])[] = [
  ['LF', `event: message\ndata: ${LIST}\n\n`, 'shows'],
  ['CR LF', `event: message\r\ndata: ${LIST}\r\n\r\n`, 'shows'],
  ['CR', `event: message\rdata: ${LIST}\r\r`, 'shows'],
  ['mixed line ends', `id: 1\rdata: ${LIST}\n\r\n`, 'shows'],
  ['no space after the colon', `data:${LIST}\n\n`, 'shows'],
  ['two spaces after the colon', `data:  ${LIST}\n\n`, 'shows'],
  ['one member per data line', `${LINES.map((line) => `data: ${line}\n`).join('')}\n`, 'shows'],
  ['the same with CR', `${LINES.map((line) => `data:${line}\r`).join('')}\r`, 'shows'],
  ['comments between data lines', `data: ${LINES.join(`\n:${HIDDEN}\ndata: `)}\n\n`, 'shows'],
  ['ids between data lines', `data: ${LINES.join('\nid: 7\ndata: ')}\n\n`, 'shows'],
  ['empty data lines', `data\ndata:\ndata: ${LIST}\ndata\n\n`, 'shows'],
  ['a name cut by a data line', `data: ${LIST.replace('hidden_', 'hidden_\ndata: ')}\n\n`, 'drops'],
  ['a byte order mark first', `\ufeffdata: ${LIST}\n\n`, 'shows'],
  ['two byte order marks', `\ufeff\ufeffdata: ${LIST}\n\n`, 'drops'],
  ['bad JSON first (T94)', `data: {bad\n\ndata: ${LIST}\n\n`, 'shows'],
  ['bad UTF-8 first', Buffer.from(`data: \xff${HIDDEN}\n\ndata: ${LIST}\n\n`, 'latin1'), 'shows'],
  ['a list twice', `data: ${LIST}\n\ndata: ${LIST}\n\n`, 'shows'],
  ['a second answer (T95)', `data: ${SEEN}\n\ndata: ${LIST}\n\n`, 'shows'],
  ['an error after the answer', `data: ${SEEN}\n\ndata: {"error":"${HIDDEN}"}\n\n`, 'shows'],
  [
    'progress first',
    `data: {"jsonrpc":"2.0","method":"notifications/progress","params":{}}\n\ndata: ${LIST}\n\n`,
    'shows',
  ],
  [
    'a primer without data first (wire fact 2)',
    `id: a_1\nretry: 5\ndata: \n\ndata: ${LIST}\n\n`,
    'shows',
  ],
  ['keep-alives between', `: keepalive\n\ndata: ${LIST}\n\n: ping\n\n`, 'shows'],
  ['another event type', `event: tools\ndata: ${LIST}\n\n`, 'drops'],
  ['an event type that holds it', `event: ${LIST}\ndata: ${SEEN}\n\n`, 'drops'],
  ['an event type with a space', `event: message \ndata: ${LIST}\n\n`, 'drops'],
  ['a comment that holds it', `:${LIST}\ndata: ${LIST}\n\n`, 'shows'],
  ['a comment of a keep-alive and it', `: keepalive ${HIDDEN}\n\ndata: ${LIST}\n\n`, 'shows'],
  ['an id that holds it', `id: ${LIST}\ndata: ${LIST}\n\n`, 'shows'],
  ['an id with NUL', `id: 1\0${HIDDEN}\ndata: ${LIST}\n\n`, 'shows'],
  ['a retry that holds it', `retry: ${HIDDEN}\ndata: ${LIST}\n\n`, 'shows'],
  ['an unknown field', `tools: ${LIST}\ndata: ${LIST}\n\n`, 'shows'],
  ['a field without a colon', `${HIDDEN}\ndata: ${LIST}\n\n`, 'shows'],
  ['DATA', `DATA: ${LIST}\n\n`, 'drops'],
  ['a space before data', ` data: ${LIST}\n\n`, 'drops'],
  ['a space before the colon', `data : ${LIST}\n\n`, 'drops'],
  ['no event at all', LIST, 'drops'],
  ['an event without its blank line', `data: ${LIST}\n`, 'drops'],
  ['an event without its line end', `data: ${LIST}`, 'drops'],
  ['an event that ends in one CR', `data: ${LIST}\r`, 'drops'],
  ['an incomplete event after a whole one', `data: ${LIST}\n\ndata: ${LIST}\n`, 'shows'],
  ['line separators of Unicode', `:\u2028data: ${LIST}\u2029\n\n`, 'drops'],
  ['a vertical tab as line end', `:x\vdata: ${LIST}\n\n`, 'drops'],
  ['a list of prompts', `data: ${LIST.replace('tools', 'prompts')}\n\n`, 'drops'],
  ['the list of one, the error of the next', `data: ${SEEN}\n\ndata: {${TOOLS}}\n\n`, 'shows'],
]

test('a list in an event stream is filtered or refused in any form (T92, T93, T99)', async (t) => {
  const bench = await startBench(t)
  for (const [name, stream, shows] of STREAMS) {
    const expected = shows === 'shows' ? ({ shows: true } as const) : {}
    const row: Row = { name, answer: sse(stream), status: 200, ...expected }
    await t.test(name, () => bench.run(row))
  }
  await t.test('the proxy is alive and recorded each of them once', () => bench.alive())
})
