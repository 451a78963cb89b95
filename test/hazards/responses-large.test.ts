// Answers at and beyond the limits: what is too large to be judged whole is judged as it passes, and
// ends abnormally before the first entry of a list would leave (T126, R30).

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { chunked, whole, writeParts } from '../support/hostile.ts'
import { HIDDEN, LIST, leak, startBench, TOOLS, VISIBLE } from './answers.ts'
import type { Ask } from './ask.ts'

const MiB = 1_048_576
const LISTING: Ask = { method: 'tools/list' }
const CALL: Ask = { method: 'tools/call', params: { name: VISIBLE } }
const pad = (bytes: number) => 'a'.repeat(bytes)
const result = (members: string) => `{"jsonrpc":"2.0","id":1,"result":{${members}}}`
const error = (members: string) => `{"jsonrpc":"2.0","id":1,"error":{"code":1,${members}}}`
const big = (bytes: number) =>
  result(`"tools":[{"name":"${HIDDEN}"},{"name":"${VISIBLE}","description":"${pad(bytes)}"}]`)

async function asked(t: TestContext, ask: Ask, answer: Buffer) {
  const bench = await startBench(t)
  bench.upstream.script = (_, socket) =>
    writeParts(
      socket,
      Array.from({ length: Math.ceil(answer.length / 65_536) }, (_, n) =>
        answer.subarray(n * 65_536, (n + 1) * 65_536),
      ),
    )
  const got = await bench.ask(ask)
  assert.equal(leak(got), undefined)
  return { ...got, text: got.body.toString() }
}

test('a list just within 16 MiB is filtered', async (t) => {
  const got = await asked(t, LISTING, whole(big(16 * MiB - 200)))
  assert.equal(got.status, 200)
  assert.ok(got.text.includes(VISIBLE))
})

test('a list of 100,000 hidden entries is filtered', async (t) => {
  const entries = Array.from({ length: 100_000 }, () => `{"name":"${HIDDEN}"}`)
  const got = await asked(t, LISTING, whole(result(`"tools":[${entries},{"name":"${VISIBLE}"}]`)))
  assert.equal(got.text, result(`"tools":[{"name":"${VISIBLE}"}]`))
})

const REFUSED: readonly (readonly [string, Ask, string])[] = [
  ['a list of more than 16 MiB', LISTING, big(16 * MiB)],
  ['the same on another list', { method: 'prompts/list' }, big(16 * MiB)],
  ['a list after more than 16 MiB', LISTING, result(`"x":"${pad(16 * MiB)}",${TOOLS}`)],
  ['white space without end', LISTING, ' '.repeat(17 * MiB)],
]

for (const [name, ask, text] of REFUSED) {
  for (const [form, framed] of [
    ['with a length', whole(text)],
    ['in chunks', chunked(text, ['content-type: application/json'])],
  ] as const) {
    test(`${name} ${form} is a 502`, async (t) => {
      const got = await asked(t, ask, framed)
      assert.equal(got.status, 502)
      assert.doesNotMatch(got.text, new RegExp(VISIBLE))
    })
  }
}

const event = (text: string) => `data: ${text}\n\n`
const lines = (text: string) => `${text.replaceAll(',', ',\n').replace(/^/gm, 'data: ')}\n\n`

/** Events of more than 4 MiB, which are not buffered. */
const EVENTS: readonly (readonly [string, Ask, string])[] = [
  ['a list', LISTING, event(big(5 * MiB))],
  ['a list in many lines', LISTING, lines(big(5 * MiB))],
  ['a list after 5 MiB', LISTING, event(result(`"x":"${pad(5 * MiB)}",${TOOLS}`))],
  ['a list after 5 MiB of comments', LISTING, `${`: ${pad(998)}\n`.repeat(5_500)}${event(LIST)}`],
  ['an error that names it', LISTING, event(error(`"message":"${HIDDEN}","x":"${pad(5 * MiB)}"`))],
  [
    'an error that names it last',
    LISTING,
    event(error(`"x":"${pad(5 * MiB)}","message":"${HIDDEN}"`)),
  ],
  ['a replay of a list', { http: 'GET' }, event(big(5 * MiB))],
  [
    'a replay of an error',
    { http: 'GET' },
    event(error(`"x":"${pad(5 * MiB)}","message":"${HIDDEN}"`)),
  ],
  [
    'an update of a hidden resource',
    { http: 'GET' },
    event(
      `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"x":"${pad(5 * MiB)}","uri":"docs://hidden/page"}}`,
    ),
  ],
  ['a list to a call', CALL, event(big(5 * MiB))],
  ['a list to a call, after 5 MiB', CALL, event(result(`"content":"${pad(5 * MiB)}",${TOOLS}`))],
  ['a list to a call, in lines', CALL, lines(result(`"content":"${pad(5 * MiB)}",${TOOLS}`))],
  [
    'a list to a call, in the data of an error',
    CALL,
    event(error(`"message":"${pad(5 * MiB)}","data":{${TOOLS}}`)),
  ],
  ['an id after 5 MiB', CALL, `data: ${result(`"content":"${pad(5 * MiB)}"`)}\nid: ${LIST}\n\n`],
  ['a comment after 5 MiB', CALL, `data: ${result(`"content":"${pad(5 * MiB)}"`)}\n:${LIST}\n\n`],
  ['an event type after 5 MiB', CALL, `data: {"x":"${pad(5 * MiB)}"}\nevent: ${HIDDEN}\n\n`],
  ['text after 5 MiB', CALL, `data: ${result(`"content":"${pad(5 * MiB)}"`)}\ndata: ${LIST}\n\n`],
  ['another type', CALL, `event: x\n${event(result(`"content":"${pad(5 * MiB)}",${TOOLS}`))}`],
]

for (const [name, ask, stream] of EVENTS) {
  test(`an event of more than 4 MiB passes no hidden name: ${name}`, async (t) => {
    await asked(t, ask, chunked(stream))
  })
}

test('an event of 5 MiB that holds no list passes byte for byte', async (t) => {
  const stream = event(result(`"content":[{"type":"text","text":"${pad(5 * MiB)}"}]`))
  const got = await asked(t, CALL, chunked(stream))
  assert.ok(got.text === stream)
})
