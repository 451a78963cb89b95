// Many callers at once (T110, T125, T130, T135): nobody gets the answer of somebody else, nobody takes
// all streams, and the end of the process cuts nothing that can still finish.

import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { type Script, startHostile, whole } from '../support/hostile.ts'
import { startProxy } from '../support/proxy.ts'
import { inTurns } from './answers.ts'
import { call, open } from './client.ts'

const POLICY = { version: 1, tools: { public: { anyone: true } } }
const SSE =
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n'

async function setUp(t: TestContext, script: Script, settings: Record<string, string> = {}) {
  const upstream = await startHostile(script)
  t.after(() => upstream.stop())
  const proxy = await startProxy({ upstream: upstream.url, policy: POLICY, settings })
  t.after(() => proxy.stop())
  return { upstream, proxy }
}

const answerFor = (marker: string) =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, result: { marker: `<${marker}>` } })

test('of 1,000 callers with the same id at once, each gets its own answer (T110)', async (t) => {
  const { proxy } = await setUp(t, async (asked, socket) => {
    const subject = asked.headers.get('x-toolstile-subject') ?? ''
    // Answers leave in another order than the requests came.
    for (let n = 0; n < subject.length % 7; n++) await turn()
    socket.write(whole(answerFor(subject)))
  })
  const subjects = Array.from({ length: 1_000 }, (_, n) => `caller-${'x'.repeat(n % 7)}-${n}`)
  const tokens = new Map<string, string>()
  await inTurns(subjects, 32, async (sub) => {
    tokens.set(sub, await proxy.token({ sub, scope: '' }))
  })
  const answers = await Promise.all(
    subjects.map(async (sub) => {
      const answer = await open(proxy.url, tokens.get(sub) ?? '', call()).head
      await answer.ended
      return answer.text()
    }),
  )
  assert.deepEqual(answers, subjects.map(answerFor))
})

test('of callers who leave at any moment, none leaves an answer to the next (T130)', async (t) => {
  const { proxy } = await setUp(t, async (asked, socket) => {
    const answer = whole(answerFor(asked.headers.get('mcp-param-x') ?? asked.body.toString()))
    for (let at = 0; at < answer.length; at += 40) {
      socket.write(answer.subarray(at, at + 40))
      await turn()
    }
  })
  const token = await proxy.token({ scope: '' })
  const ids = Array.from({ length: 600 }, (_, n) => n)
  await inTurns(ids, 24, async (n) => {
    const body = { ...call(), params: { name: 'public', arguments: { n } } }
    const { outgoing, head } = open(proxy.url, token, body)
    if (n % 2 === 0) {
      for (let turns = 0; turns < n % 14; turns++) await turn()
      outgoing.destroy()
      return
    }
    const answer = await head
    assert.equal(await answer.ended, true)
    assert.equal(answer.text(), answerFor(JSON.stringify(body)))
  })
})

test('a caller beyond MAX_STREAMS_PER_CALLER gets 429, until one of its streams ends (T125)', async (t) => {
  const { proxy, upstream } = await setUp(t, (_, socket) => void socket.write(SSE), {
    MAX_STREAMS_PER_CALLER: '3',
  })
  const token = await proxy.token({ sub: 'greedy', scope: '' })
  const first = await Promise.all([1, 2, 3].map(() => open(proxy.url, token).head))
  const refused = await open(proxy.url, token).head
  assert.equal(refused.status, 429)
  assert.ok(refused.response.headers['retry-after'])
  assert.equal((await open(proxy.url, token, LISTEN, LISTEN_HEADERS).head).status, 429)
  assert.equal(upstream.asked.length, 3)
  const other = await open(proxy.url, await proxy.token({ sub: 'other', scope: '' })).head
  assert.equal(other.status, 200)
  other.outgoing.destroy()
  first[0]?.outgoing.destroy()
  await freed(() => [...upstream.sockets].length === 2)
  const again = await open(proxy.url, token).head
  assert.equal(again.status, 200)
  for (const { outgoing } of [...first, again]) outgoing.destroy()
})

test('a caller cannot pass the limit by asking for all streams at once (T125)', async (t) => {
  const waiting: Socket[] = []
  const { proxy } = await setUp(t, (_, socket) => void waiting.push(socket), {
    MAX_STREAMS_PER_CALLER: '3',
  })
  const token = await proxy.token({ scope: '' })
  const heads = Array.from({ length: 12 }, () => open(proxy.url, token).head)
  let refused = 0
  for (const head of heads) void head.then(({ status }) => status === 429 && refused++)
  await freed(() => waiting.length + refused === 12)
  for (const socket of waiting) socket.write(SSE)
  const answers = await Promise.all(heads)
  assert.equal(answers.filter(({ status }) => status === 200).length, 3)
  for (const { outgoing } of answers) outgoing.destroy()
})

const LISTEN = {
  ...call(),
  method: 'subscriptions/listen',
  params: { notifications: {}, _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } },
}
const LISTEN_HEADERS = {
  'mcp-protocol-version': '2026-07-28',
  'mcp-method': 'subscriptions/listen',
}

test('a drain finishes calls, ends standing streams cleanly, and then refuses (T135)', async (t) => {
  const pending = Promise.withResolvers<Socket>()
  const { proxy } = await setUp(t, (asked, socket) => {
    if (asked.line.startsWith('GET')) socket.write(SSE)
    else pending.resolve(socket)
  })
  const token = await proxy.token({ scope: '' })
  const stream = await open(proxy.url, token).head
  const calling = open(proxy.url, token, call()).head
  const socket = await pending.promise
  const stopped = proxy.running.stop(0)
  assert.equal(await stream.ended, true)
  socket.write(whole(answerFor('late')))
  const answer = await calling
  assert.equal(await answer.ended, true)
  assert.equal(answer.text(), answerFor('late'))
  await stopped
  await assert.rejects(open(proxy.url, token, call()).head, { code: 'ECONNREFUSED' })
})

test('a drain ends within its budget although a call never does (T135)', async (t) => {
  const pending = Promise.withResolvers<void>()
  const { proxy } = await setUp(t, () => pending.resolve(), { DRAIN_TIMEOUT: '1s' })
  const { head } = open(proxy.url, await proxy.token(), call())
  await pending.promise
  const begun = performance.now()
  await proxy.running.stop(0)
  assert.ok(performance.now() - begun < 1_500)
  await assert.rejects(head)
})

async function freed(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 5_000
  while (!holds() && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5))
}
