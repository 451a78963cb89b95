// Answers as streams: they arrive while the call still runs, questions go both ways, and who leaves
// takes the exchange along.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { type Call, type Catalogue, textAnswer, tool } from '../../upstream/catalogue.ts'
import { demoCatalogue } from '../../upstream/demo.ts'
import type { Kind } from '../support/agents.ts'
import { demoPolicy, documents, setScene } from '../support/scene.ts'
import { legacy, messages, next, openSession, post, postModern } from '../support/wire.ts'

const policy = { ...demoPolicy, tools: { ...demoPolicy.tools, gated: { anyone: true } } }

/** A tool that reports once, then waits until the test lets it go on. */
function gated() {
  const gate = Promise.withResolvers<void>()
  const began = Promise.withResolvers<Call>()
  const added = tool({
    name: 'gated',
    title: 'Gated',
    description: 'Waits at a gate.',
    input: z.object({ quiet: z.boolean().default(false) }),
    readOnly: true,
    run: async ({ quiet }, call) => {
      began.resolve(call)
      if (!quiet) await call.report(1, 2, 'at the gate')
      await gate.promise
      return textAnswer('through')
    },
  })
  const demo = demoCatalogue(documents)
  const catalogue: Catalogue = { ...demo, tools: [...demo.tools, added] }
  return { catalogue, open: gate.resolve, began: began.promise }
}

const live = [
  ['v1', 'sessions'],
  ['v2', 'sessions'],
  ['v1', 'modern'],
  ['v2 auto', 'modern'],
  ['v2 pinned', 'modern'],
] as const

for (const [kind, mode] of live) {
  test(`a ${kind} client hears of progress in mode ${mode} while the call runs`, async (t) => {
    const { catalogue, open } = gated()
    const { connect, reader } = await setScene(t, { mode, policy, catalogue })
    const agent = await connect(kind, reader)
    const steps: string[] = []
    // The gate opens when the progress has come through: a buffered stream would never end.
    const { text } = await agent.callTool('gated', {}, (step) => {
      steps.push(step)
      open()
    })
    assert.equal(text, 'through')
    assert.deepEqual(steps, ['at the gate'])
  })
}

for (const [kind, mode] of [
  ['v1', 'sessions'],
  ['v2', 'sessions'],
  ['v2 auto', 'sessions'],
  ['v2 auto', 'modern'],
  ['v2 pinned', 'modern'],
] as const) {
  test(`a ${kind} client answers the question of a tool in mode ${mode}`, async (t) => {
    const { connect, recorder, reader } = await setScene(t, { mode })
    const agent = await connect(kind as Kind, reader)
    assert.equal((await agent.callTool('ask_name')).text, 'Nice to meet you, Ada.')
    // Modern: the call is repeated with the answer; legacy: the answer is a message of its own.
    const methods = recorder.methods()
    const calls = methods.filter((method) => method === 'tools/call').length
    assert.equal(calls, mode === 'modern' ? 2 : 1)
    assert.equal(methods.includes('response'), mode !== 'modern')
  })
}

test('the repetition of a call with its answer is decided on again (R32)', async (t) => {
  const { proxy, recorder, reader, full } = await setScene(t, { mode: 'modern' })
  const asked = await postModern(proxy.url, reader, 'tools/call', { name: 'ask_name' })
  assert.match(await asked.text(), /"resultType":"input_required"/)
  recorder.clear()
  const inputResponses = { name: { action: 'accept', content: { name: 'Eve' } } }
  const none = await proxy.token({ sub: 'alice' })
  for (const [token, name] of [
    [none, 'ask_name'],
    [reader, 'calculate'],
  ] as const) {
    const response = await postModern(proxy.url, token, 'tools/call', { name, inputResponses })
    assert.match(await response.text(), /"code":-31403/)
  }
  assert.deepEqual(recorder.requests(), [])
  const answered = await postModern(proxy.url, full, 'tools/call', {
    name: 'ask_name',
    inputResponses,
  })
  assert.match(await answered.text(), /Nice to meet you, Eve\./)
})

const leaving = [
  ['a pending JSON answer', 'modern', { quiet: true }],
  ['an open stream', 'modern', { quiet: false }],
  ['an open stream', 'sessions', { quiet: false }],
] as const

for (const [what, mode, args] of leaving) {
  test(`a client that leaves ${what} in mode ${mode} aborts the exchange (R5)`, async (t) => {
    const { catalogue, open, began } = gated()
    const { proxy, recorder, reader } = await setScene(t, { mode, policy, catalogue })
    const leave = new AbortController()
    const { signal } = leave
    const params = { name: 'gated', arguments: args, _meta: { progressToken: 1 } }
    const calling =
      mode === 'modern'
        ? postModern(proxy.url, reader, 'tools/call', params, signal)
        : (await openSession(proxy.url, reader)).post(legacy('tools/call', params), { signal })
    const failed = assert.rejects(calling.then((response) => response.text()))
    const { signal: atServer } = await began
    leave.abort()
    await failed
    await (await recorder.seen('gated')).left
    // A 2025 server may go on after a disconnect; a 2026-07-28 one must not.
    if (mode === 'modern' && !atServer.aborted)
      await new Promise((resolve) => atServer.addEventListener('abort', resolve))
    open()
  })
}

test('a server that dies in the middle of a stream ends it without a clean end (T132)', async (t) => {
  const { catalogue, began } = gated()
  const { proxy, recorder, reader } = await setScene(t, { mode: 'modern', policy, catalogue })
  const params = { name: 'gated', arguments: {}, _meta: { progressToken: 1 } }
  const body = legacy('tools/call', params)
  const response = await post(proxy.url, body, { token: reader })
  const stream = messages(response)
  assert.equal((await next(stream)).method, 'notifications/progress')
  await began
  await recorder.stop()
  await assert.rejects(stream.next())
})
