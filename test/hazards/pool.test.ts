// The connections to the upstream under hostile ends (T130, T131): aborts by the thousand, answers that
// nobody asked for, sockets that close as they are used. No answer goes to another request, and a call
// is executed at most once.

import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Hostile, type Script, startHostile, whole, writeParts } from '../support/hostile.ts'
import { startProxy } from '../support/proxy.ts'
import { inTurns } from './answers.ts'
import {
  assertOwn,
  assertQuiet,
  callWith,
  dice,
  hashOf,
  leave,
  markerOf,
  markersIn,
  POINTS,
  recordsByHash,
} from './crowd.ts'
import { openLine } from './line.ts'
import { talk } from './raw.ts'

const ABORTS = 10_000
const WIDTH = 48
const POLICY = { version: 1, tools: { public: { anyone: true } } }

async function setUp(t: TestContext, script: Script) {
  const upstream = await startHostile(script)
  t.after(() => upstream.stop())
  const proxy = await startProxy({ upstream: upstream.url, policy: POLICY })
  t.after(() => proxy.stop())
  return { upstream, proxy, token: await proxy.token({ scope: '' }) }
}

const markerIn = (body: Buffer) => JSON.parse(body.toString()).params.arguments.text
const answerFor = (marker: string) => {
  const result = { content: [{ type: 'text', text: marker }], padding: '.'.repeat(2_000) }
  return whole(JSON.stringify({ jsonrpc: '2.0', id: 1, result }))
}

/** How often the upstream was asked with each marker. */
function executions(asked: readonly { readonly body: Buffer }[]): ReadonlyMap<string, number> {
  const times = new Map<string, number>()
  for (const { body } of asked)
    for (const marker of new Set(markersIn(body.toString())))
      times.set(marker, (times.get(marker) ?? 0) + 1)
  return times
}

test('T130 after 10,000 aborts at random points no answer was given to another request', async (t) => {
  const seed = randomInt(2 ** 31)
  t.diagnostic(`seed ${seed}`)
  const roll = dice(seed)
  const { upstream, proxy, token } = await setUp(t, async ({ body }, socket) => {
    const answer = answerFor(markerIn(body))
    const at = 1 + roll(answer.length - 1)
    await writeParts(socket, [answer.subarray(0, at), answer.subarray(at)])
  })
  const begun = performance.now()
  let kept = 0
  await inTurns(Array.from({ length: ABORTS }), WIDTH, async (_, at) => {
    const point = POINTS[roll(POINTS.length)] ?? 'in the body'
    await leave(proxy.port, callWith(token, 'public', markerOf('gone', at)), point, roll)
    if (at % 10 !== 0) return
    const marker = markerOf('stay', at)
    const { replies } = await talk(proxy.port, callWith(token, 'public', marker), 1, 60_000)
    assertOwn(replies[0], marker)
    kept++
  })
  await assertQuiet(proxy)
  t.diagnostic(`${ABORTS} aborts, ${kept} whole, in ${Math.round(performance.now() - begun)} ms`)
  for (const [marker, times] of executions(upstream.asked)) assert.equal(times, 1, marker)
  const records = recordsByHash(proxy)
  for (const { body } of upstream.asked)
    assert.equal(records.get(hashOf(markerIn(body))), 1, markerIn(body))
})

async function closed(upstream: Hostile): Promise<void> {
  const deadline = Date.now() + 5_000
  while (upstream.sockets.size > 0) {
    assert.ok(Date.now() < deadline, 'a connection with a second answer is still open')
    await sleep(1)
  }
}

/** When the second answer follows the first. */
const SECOND: Readonly<Record<string, number | undefined>> = {
  'in the same segment': undefined,
  'in the next turn': 0,
  'a moment later': 3,
}

for (const [when, delay] of Object.entries(SECOND))
  test(`T130 a second answer ${when} that nobody asked for reaches nobody`, async (t) => {
    const poison = markerOf('poison')
    const { upstream, proxy, token } = await setUp(t, async ({ body }, socket) => {
      const first = answerFor(markerIn(body))
      if (delay === undefined) return void socket.write(Buffer.concat([first, answerFor(poison)]))
      socket.write(first)
      await sleep(delay)
      // Only into a connection that is idle: an answer after the next request is what HTTP calls its answer.
      if (upstream.asked.at(-1)?.body === body && !socket.destroyed) socket.write(answerFor(poison))
    })
    const line = await openLine(t, proxy.port)
    for (let n = 0; n < 100; n++) {
      const marker = markerOf('one', n)
      const { reply } = await line.ask(callWith(token, 'public', marker))
      assert.deepEqual([...new Set(markersIn(reply.body))], [marker], reply.body)
      // The proxy gives the connection up when it hears more than it asked for.
      if (delay !== undefined) await closed(upstream)
    }
    assert.ok(!proxy.logged().includes('poison'))
    for (const [marker, times] of executions(upstream.asked)) assert.equal(times, 1, marker)
    await assertQuiet(proxy)
  })

test('T130 of 500 calls at once, each followed by a second answer, none gets that of another', async (t) => {
  const poison = markerOf('poison')
  const { upstream, proxy, token } = await setUp(t, ({ body }, socket) => {
    socket.write(Buffer.concat([answerFor(markerIn(body)), answerFor(poison)]))
  })
  await inTurns(Array.from({ length: 500 }), 50, async (_, at) => {
    const marker = markerOf('many', at)
    const { replies } = await talk(proxy.port, callWith(token, 'public', marker), 1, 60_000)
    assert.deepEqual([...new Set(markersIn(replies[0]?.body ?? ''))], [marker])
  })
  for (const [marker, times] of executions(upstream.asked)) assert.equal(times, 1, marker)
})

const CLOSING: Readonly<Record<string, Script>> = {
  'on the request': (_, socket) => void socket.destroy(),
  'on the request, with an end': (_, socket) => void socket.end(),
  'after half a head': (_, socket) => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-le', () => socket.destroy())
  },
  'by a reset': (_, socket) => void socket.resetAndDestroy(),
}

for (const [how, script] of Object.entries(CLOSING))
  test(`T131 a call whose connection the upstream closes ${how} is 502, and is not tried again`, async (t) => {
    const { upstream, proxy, token } = await setUp(t, script)
    const line = await openLine(t, proxy.port)
    const markers = Array.from({ length: 20 }, (_, n) => markerOf('closed', n))
    for (const marker of markers) {
      const { reply } = await line.ask(callWith(token, 'public', marker))
      assert.equal(reply.status, 502)
      assert.equal(reply.body, '{"error":"the upstream server gave a broken answer"}')
    }
    assert.deepEqual(
      [...executions(upstream.asked)],
      markers.map((marker) => [marker, 1]),
    )
    const rows = await proxy.recorded(markers.length)
    assert.deepEqual([...new Set(rows.map((row) => row['outcome']))], ['failed'])
  })

test('T131 calls on connections that close while idle are executed at most once', async (t) => {
  const seed = randomInt(2 ** 31)
  t.diagnostic(`seed ${seed}`)
  const roll = dice(seed)
  const { upstream, proxy, token } = await setUp(t, ({ body }, socket) => {
    // The connection ends at about the moment when the next request is sent on it.
    socket.write(answerFor(markerIn(body)), () => {
      if (roll(3) > 0) setTimeout(() => (roll(2) === 0 ? socket.end() : socket.destroy()), roll(4))
    })
  })
  const line = await openLine(t, proxy.port)
  const statuses = new Map<number, number>()
  for (let n = 0; n < 600; n++) {
    const marker = markerOf('idle', n)
    const { reply } = await line.ask(callWith(token, 'public', marker))
    statuses.set(reply.status, (statuses.get(reply.status) ?? 0) + 1)
    if (reply.status === 200) assertOwn(reply, marker)
    else assert.equal(reply.status, 502)
    if (roll(2) === 0) await sleep(roll(4))
  }
  for (const [marker, times] of executions(upstream.asked)) assert.equal(times, 1, marker)
  t.diagnostic([...statuses].map(([status, count]) => `${status}: ${count}`).join(', '))
  assert.ok((statuses.get(200) ?? 0) > 300)
})
