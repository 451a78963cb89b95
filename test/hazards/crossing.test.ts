// No answer reaches a caller that did not ask for it (T110, T130, T134): an upstream that answers
// twice, or before it has the request, can only confuse the caller whose request that was.

import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { type OnHead, type Script, startHostile, whole } from '../support/hostile.ts'
import { startProxy } from '../support/proxy.ts'
import { call, open } from './client.ts'

const POLICY = { version: 1, tools: { public: { anyone: true } } }
const result = (said: string) =>
  whole(
    JSON.stringify({ jsonrpc: '2.0', id: 1, result: { content: [{ type: 'text', text: said }] } }),
  )
const subject = (headers: ReadonlyMap<string, string>) => headers.get('x-toolstile-subject') ?? ''

async function setUp(t: TestContext, script: Script, onHead?: OnHead) {
  const upstream = await startHostile(script, onHead)
  t.after(() => upstream.stop())
  const proxy = await startProxy({ upstream: upstream.url, policy: POLICY })
  t.after(() => proxy.stop())
  const ask = async (sub: string, pad = '') => {
    const { params, ...rest } = call()
    const body = { ...rest, params: { ...params, arguments: { pad } } }
    const answer = await open(proxy.url, await proxy.token({ sub, scope: '' }), body).head
    await answer.ended
    return { status: answer.status, text: answer.text() }
  }
  return { upstream, ask }
}

test('T130 a second answer that comes while another caller waits is not taken for his', async (t) => {
  const sockets = new Map<string, Socket>()
  const { ask } = await setUp(t, ({ headers }, socket) => {
    const who = subject(headers)
    sockets.set(who, socket)
    if (who === 'alice') {
      socket.write(result('for alice'))
      return
    }
    // The second answer to alice is on its way before the only one to bob.
    sockets.get('alice')?.write(result('also for alice'))
    setImmediate(() => socket.write(result('for bob')))
  })
  assert.match((await ask('alice')).text, /"for alice"/)
  const bob = await ask('bob')
  assert.equal(bob.status, 200)
  assert.match(bob.text, /"for bob"/)
  assert.notEqual(sockets.get('alice'), sockets.get('bob'))
})

test('T134 an answer to a request that is not yet there leaves others alone', async (t) => {
  const early = new WeakSet<Socket>()
  const { ask } = await setUp(
    t,
    ({ headers }, socket) => void socket.write(result(`for ${subject(headers)}`)),
    (headers, socket) => {
      if (subject(headers) !== 'alice' || early.has(socket)) return
      early.add(socket)
      socket.write(result('early'))
    },
  )
  const alice = ask('alice', 'x'.repeat(900_000))
  const others = Array.from({ length: 50 }, () => ask('bob'))
  await alice
  for (const other of [...others, ask('bob')]) {
    const { status, text } = await other
    assert.equal(status, 200)
    assert.match(text, /"for bob"/)
  }
})

test('T131 one caller keeps its connection, call after call', async (t) => {
  const { upstream, ask } = await setUp(t, ({ headers }, socket) => {
    socket.write(result(`for ${subject(headers)}`))
  })
  for (let turn = 0; turn < 5; turn++) {
    await ask('alice')
    await ask('bob')
  }
  assert.equal(upstream.asked.length, 10)
  assert.equal(upstream.sockets.size, 2)
})
