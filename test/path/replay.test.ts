// Streams that a GET opens: what they replay and what they announce is judged by who listens now,
// not by who asked first (R30, T100, T101).

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { stringify } from 'yaml'
import { demoPolicy, PUBLIC_TOOLS, type Scene, setScene } from '../support/scene.ts'
import { events, legacy, messages, next, openSession, type Session } from '../support/wire.ts'

const GUIDE = 'docs://public/guide'
const MEMO = 'docs://confidential/memo'

/** Asks for a list and gives the id of the event before its result. */
async function listOnce(session: Session, method: string): Promise<string> {
  const stream = events(await session.post(legacy(method, {}, 9)))
  const { id } = await next(stream)
  assert.match((await next(stream)).data, /"result"/)
  assert.equal((await stream.next()).done, true)
  return id
}

async function replayed(session: Session, lastEventId: string, token: string) {
  const leave = new AbortController()
  const headers = { 'last-event-id': lastEventId }
  const response = await session.get({ token, headers, signal: leave.signal })
  assert.equal(response.status, 200)
  const message = await next(messages(response))
  leave.abort()
  assert.equal(message.id, 9)
  return message.result
}

const namesOf = (list: readonly { readonly name: string }[] | undefined) =>
  list?.map(({ name }) => name)

async function openFull(scene: Scene): Promise<Session> {
  return openSession(scene.proxy.url, scene.full)
}

test('a replay for a token of all scopes is the whole list', async (t) => {
  const scene = await setScene(t, { mode: 'sessions' })
  const session = await openFull(scene)
  const result = await replayed(session, await listOnce(session, 'tools/list'), scene.full)
  assert.equal(result?.tools?.length, 7)
})

test('a replay for a token of fewer scopes is filtered for that token (R30)', async (t) => {
  const scene = await setScene(t, { mode: 'sessions' })
  const session = await openFull(scene)
  const last = await listOnce(session, 'tools/list')
  assert.deepEqual(namesOf((await replayed(session, last, scene.reader))?.tools), PUBLIC_TOOLS)
  const none = await scene.proxy.token()
  assert.deepEqual((await replayed(session, last, none))?.tools, [])
})

for (const [method, member, kept] of [
  ['prompts/list', 'prompts', 1],
  ['resources/list', 'resources', 1],
  ['resources/templates/list', 'resourceTemplates', 1],
] as const) {
  test(`a replayed ${method} is filtered as well`, async (t) => {
    const scene = await setScene(t, { mode: 'sessions' })
    const session = await openFull(scene)
    const last = await listOnce(session, method)
    assert.equal((await replayed(session, last, scene.reader))?.[member]?.length, kept)
    const none = await scene.proxy.token()
    assert.deepEqual((await replayed(session, last, none))?.[member], [])
  })
}

test('a replay after a change of the policy follows the new policy (R30)', async (t) => {
  const scene = await setScene(t, { mode: 'sessions' })
  const session = await openFull(scene)
  const last = await listOnce(session, 'tools/list')
  const tools = { echo: { anyone: true } }
  writeFileSync(scene.proxy.policyFile, stringify({ ...demoPolicy, tools }))
  scene.proxy.running.reloadPolicy()
  assert.deepEqual(namesOf((await replayed(session, last, scene.full))?.tools), ['echo'])
})

test('a last event id outside of a session is not passed on (T100)', async (t) => {
  const { proxy, recorder, full } = await setScene(t, { mode: 'sessions' })
  const session = await openSession(proxy.url, full)
  recorder.clear()
  const headers = { 'mcp-session-id': undefined, 'last-event-id': 'x_000001' }
  const response = await session.get({ headers })
  assert.ok(response.status >= 400)
  assert.equal(recorder.requests()[0]?.headers['last-event-id'], undefined)
})

test('a client that lost its stream gets the rest by its last event id', async (t) => {
  const { proxy, reader } = await setScene(t, { mode: 'sessions' })
  const session = await openSession(proxy.url, reader)
  const lost = new AbortController()
  const params = { name: 'count_slowly', arguments: { steps: 2, intervalMs: 20 } }
  const first = await session.post(legacy('tools/call', params, 7), { signal: lost.signal })
  const { id } = await next(events(first))
  lost.abort()
  // 409 until the server has noticed that the first stream is gone.
  const resume = () => session.get({ headers: { 'last-event-id': id } })
  let resumed = await resume()
  while (resumed.status === 409) resumed = await resume()
  for await (const message of messages(resumed)) {
    if (message.id !== 7) continue
    assert.equal(message.result?.content?.[0]?.text, 'Counted to 2.')
    return
  }
  assert.fail('the answer was not replayed')
})

for (const kind of ['v1', 'v2'] as const) {
  test(`a ${kind} client hears of changes of a resource that it watches`, async (t) => {
    const { connect, upstream, recorder, reader } = await setScene(t, { mode: 'sessions' })
    const agent = await connect(kind, reader)
    const heard = new Promise<string>((resolve) => agent.onUpdated(resolve))
    await agent.subscribeResource({ uri: GUIDE })
    await (await recorder.seen('GET')).answered
    upstream.touch(GUIDE)
    assert.equal(await heard, GUIDE)
    await agent.unsubscribeResource({ uri: GUIDE })
  })

  test(`a ${kind} client cannot watch what it may not read`, async (t) => {
    const { connect, recorder, reader } = await setScene(t, { mode: 'sessions' })
    const agent = await connect(kind, reader)
    recorder.clear()
    await assert.rejects(agent.subscribeResource({ uri: MEMO }), { code: -31403 })
    await assert.rejects(agent.unsubscribeResource({ uri: MEMO }), { code: -31403 })
    assert.ok(!recorder.methods().some((method) => method.startsWith('resources/')))
  })
}

test('a listener does not hear of a resource that it may not read any more (T101)', async (t) => {
  const { proxy, upstream, full, reader } = await setScene(t, { mode: 'sessions' })
  const session = await openSession(proxy.url, full)
  for (const uri of [MEMO, GUIDE])
    assert.equal((await session.post(legacy('resources/subscribe', { uri }))).status, 200)
  const stream = messages(await session.get({ token: reader }))
  upstream.touch(MEMO)
  upstream.touch(GUIDE)
  assert.equal((await next(stream)).params?.['uri'], GUIDE)
})
