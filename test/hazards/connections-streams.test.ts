// Streams that end early, never begin, or are not read (T81, T124, T132, T133, R5): each side learns of
// the end of the other at once, and nothing piles up in between.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { type TestContext, test } from 'node:test'
import { type Script, startHostile } from '../support/hostile.ts'
import { startProxy } from '../support/proxy.ts'
import { call, open } from './client.ts'

const POLICY = { version: 1, tools: { public: { anyone: true } } }
const head = (type: string) =>
  `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ntransfer-encoding: chunked\r\n\r\n`
const SSE = head('text/event-stream')
const JSON_HEAD = head('application/json')
const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
const EVENT = 'data: {"jsonrpc":"2.0","method":"notifications/progress","params":{}}\n\n'
const ANSWER = 'data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n'
const START = '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"'

async function setUp(t: TestContext, script: Script, settings: Record<string, string> = {}) {
  const upstream = await startHostile(script)
  t.after(() => upstream.stop())
  const proxy = await startProxy({ upstream: upstream.url, policy: POLICY, settings })
  t.after(() => proxy.stop())
  return { upstream, proxy, token: await proxy.token({ scope: '' }) }
}

const LEAVING = [
  ['while an event stream runs', SSE + chunk(EVENT), 'progress'],
  ['while the head is awaited', '', undefined],
  ['in the middle of a JSON body', JSON_HEAD + chunk(START), 'content'],
] as const

for (const [when, sent, seen] of LEAVING) {
  test(`a client that leaves ${when} aborts the upstream within a second (R5)`, async (t) => {
    const asked = Promise.withResolvers<Socket>()
    const { proxy, token } = await setUp(t, (_, socket) => {
      socket.write(sent)
      asked.resolve(socket)
    })
    const { outgoing, head } = open(proxy.url, token, call())
    const socket = await asked.promise
    if (seen !== undefined) await (await head).holds(seen)
    const closed = once(socket, 'close')
    const left = performance.now()
    outgoing.destroy()
    await closed
    const took = performance.now() - left
    t.diagnostic(`abort latency ${took.toFixed(1)} ms`)
    assert.ok(took < 1_000, `${took} ms`)
    await until(() => proxy.records().length === 1)
    assert.equal(proxy.records()[0]?.['outcome'], 'aborted')
  })
}

const DYING = [
  ['an event stream', SSE + chunk(EVENT), 'progress'],
  ['a JSON body', JSON_HEAD + chunk(START), 'content'],
] as const

for (const [what, sent, seen] of DYING) {
  for (const way of ['destroy', 'end', 'resetAndDestroy'] as const) {
    test(`an upstream that dies in ${what} by ${way} is no clean end for the client (T132)`, async (t) => {
      const asked = Promise.withResolvers<Socket>()
      const { proxy, token } = await setUp(t, (_, socket) => {
        socket.write(sent)
        asked.resolve(socket)
      })
      const answer = await open(proxy.url, token, call()).head
      await answer.holds(seen)
      const dead = performance.now()
      ;(await asked.promise)[way]()
      assert.equal(await answer.ended, false)
      assert.ok(performance.now() - dead < 1_000)
      await until(() => proxy.records().length === 1)
      assert.equal(proxy.records()[0]?.['outcome'], 'failed')
    })
  }
}

test('an upstream that never answers is 504 at UPSTREAM_TIMEOUT (T133)', async (t) => {
  const closed = Promise.withResolvers<void>()
  const script: Script = (_, socket) => void socket.once('close', () => closed.resolve())
  const { proxy, token } = await setUp(t, script, { UPSTREAM_TIMEOUT: '300ms' })
  const asked = performance.now()
  const answer = await open(proxy.url, token, call()).head
  const took = performance.now() - asked
  assert.equal(answer.status, 504)
  // undici checks its timers every half second.
  assert.ok(took >= 290 && took < 2_500, `${took} ms`)
  await closed.promise
})

test('an upstream that refuses the connection is 502, and is asked again next time', async (t) => {
  const upstream = await startHostile(() => undefined)
  await upstream.stop()
  const proxy = await startProxy({ upstream: upstream.url, policy: POLICY })
  t.after(() => proxy.stop())
  const token = await proxy.token()
  for (const _ of [1, 2]) {
    const answer = await open(proxy.url, token, call()).head
    await answer.ended
    assert.equal(answer.status, 502)
    assert.doesNotMatch(answer.text(), /ECONN|127\.0\.0\.1/)
  }
})

test('a client that does not read pauses the upstream (T124)', async (t) => {
  const total = 200 * 1_048_576
  const event = chunk(EVENT.replace('{}', `{"x":"${'a'.repeat(65_536)}"}`))
  const asked = Promise.withResolvers<Socket>()
  const { proxy, token } = await setUp(t, async (_, socket) => {
    asked.resolve(socket)
    socket.write(SSE)
    while (socket.bytesWritten < total && !socket.destroyed)
      if (!socket.write(event)) await once(socket, 'drain').catch(() => undefined)
  })
  const { outgoing, head } = open(proxy.url, token, call())
  const answer = await head
  answer.response.pause()
  const socket = await asked.promise
  // A stall is the absence of an event: one second without a byte.
  let before = -1
  while (socket.bytesWritten !== before) {
    before = socket.bytesWritten
    await new Promise((resolve) => setTimeout(resolve, 1_000))
  }
  assert.equal(socket.writableNeedDrain, true)
  t.diagnostic(`${Math.round(before / 1_024)} KiB were taken before the pause`)
  assert.ok(before < 32 * 1_048_576, `${before} bytes were taken`)
  const drained = once(socket, 'drain')
  answer.response.resume()
  await drained
  outgoing.destroy()
})

test('an event arrives before the next one is written (R4)', async (t) => {
  const first = Promise.withResolvers<void>()
  const { proxy, token } = await setUp(t, async (_, socket) => {
    socket.write(SSE + chunk(EVENT))
    await first.promise
    socket.write(`${chunk(ANSWER)}0\r\n\r\n`)
  })
  const answer = await open(proxy.url, token, call()).head
  await answer.holds('progress')
  assert.equal(answer.text(), EVENT)
  first.resolve()
  assert.equal(await answer.ended, true)
  assert.equal(answer.text(), EVENT + ANSWER)
})

test('a head arrives before the first event is written (R4)', async (t) => {
  const { proxy, token } = await setUp(t, (_, socket) => void socket.write(SSE))
  const answer = await open(proxy.url, token).head
  assert.equal(answer.status, 200)
  answer.outgoing.destroy()
})

test('events that need no change keep every byte (R4)', async (t) => {
  const stream = [
    ': keepalive\n\n',
    'id: s_0001\nretry: 1500\ndata: \n\n',
    `event: message\r\nid:7\r\n${EVENT.replaceAll('\n', '\r\n')}`,
    'data:{"jsonrpc":"2.0",\ndata: "method":"notifications/message",\ndata:  "params":{ "n" : 1e400}}\n\n',
    ':\r\r',
    'data: {"jsonrpc":"2.0","id":1,"result":{"a":"\\ud800","n":12345678901234567890}}\n\n',
  ].join('')
  const { proxy, token } = await setUp(t, (_, socket) => {
    socket.write(SSE)
    for (const part of stream.match(/.{1,7}/gs) ?? []) socket.write(chunk(part))
    socket.write('0\r\n\r\n')
  })
  const answer = await open(proxy.url, token, call()).head
  assert.equal(await answer.ended, true)
  assert.equal(answer.text(), stream)
})

async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 5_000
  while (!holds() && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5))
}
