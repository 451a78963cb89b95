// Sessions of 2025-era servers: the id that a client holds is sealed to who it is, and everybody
// else gets the answer of a session that does not exist.

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { startProxy } from '../support/proxy.ts'
import { demoPolicy, issuer, records, setScene } from '../support/scene.ts'
import { bare, legacy, openSession, post, reply } from '../support/wire.ts'

const LIST = legacy('tools/list', {}, 7)

/** Every way to use a session, as another caller or another id would. */
const uses = {
  POST: (url: string, token: string, id: string) =>
    post(url, LIST, { token, headers: { 'mcp-session-id': id } }),
  GET: (url: string, token: string, id: string) =>
    bare('GET', url, { token, headers: { 'mcp-session-id': id } }),
  'GET with a last event id': (url: string, token: string, id: string) =>
    bare('GET', url, { token, headers: { 'mcp-session-id': id, 'last-event-id': '1' } }),
  DELETE: (url: string, token: string, id: string) =>
    bare('DELETE', url, { token, headers: { 'mcp-session-id': id } }),
}

async function visible(response: Response) {
  const headers = Object.fromEntries(response.headers)
  delete headers['date']
  return { status: response.status, headers, text: await response.text() }
}

function keyFile(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'toolstile-key-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'key')
  writeFileSync(path, randomBytes(48).toString('base64'))
  return path
}

test('a client never holds the session id of the server', async (t) => {
  const { proxy, recorder, reader } = await setScene(t, { mode: 'sessions' })
  const session = await openSession(proxy.url, reader)
  const last = recorder.requests().at(-1)
  assert.match(last?.body ?? '', /notifications\/initialized/)
  const inner = last?.headers['mcp-session-id']
  assert.equal(typeof inner, 'string')
  assert.notEqual(session.id, inner)
  assert.ok(!session.id.includes(String(inner)))
})

for (const [use, attempt] of Object.entries(uses)) {
  test(`${use} in the session of another caller is ${use} in an unknown one (T112)`, async (t) => {
    const { proxy, upstream, recorder, reader } = await setScene(t, { mode: 'sessions' })
    const { id } = await openSession(proxy.url, reader)
    const eve = await proxy.token({ sub: 'eve', scope: 'public:read confidential:read' })
    recorder.clear()
    const stolen = await visible(await attempt(proxy.url, eve, id))
    assert.deepEqual(stolen, await visible(await attempt(proxy.url, eve, 'no-such-session')))
    assert.equal(stolen.status, 404)
    assert.equal(stolen.text, '{"error":"session not found"}')
    assert.deepEqual(recorder.requests(), [])
    assert.equal(upstream.sessions(), 1)
  })
}

const tampered: Readonly<Record<string, (id: string) => string>> = {
  'its first character changed': (id) => (id.startsWith('A') ? 'B' : 'A') + id.slice(1),
  'its last character changed': (id) => id.slice(0, -1) + (id.endsWith('A') ? 'B' : 'A'),
  'its end cut off': (id) => id.slice(0, -4),
  'something added': (id) => `${id}AAAA`,
  padding: (id) => `${id}=`,
  'itself twice': (id) => id + id,
}

for (const [what, change] of Object.entries(tampered)) {
  test(`an id with ${what} is unknown`, async (t) => {
    const { proxy, recorder, reader } = await setScene(t, { mode: 'sessions' })
    const { id } = await openSession(proxy.url, reader)
    recorder.clear()
    assert.equal((await uses.POST(proxy.url, reader, change(id))).status, 404)
    assert.deepEqual(recorder.requests(), [])
  })
}

test('the id of the server itself is unknown to the proxy', async (t) => {
  const { upstream, proxy, reader } = await setScene(t, { mode: 'sessions' })
  const { id } = await openSession(upstream.url)
  assert.equal((await uses.POST(proxy.url, reader, id)).status, 404)
})

test('a new token of the same subject keeps the session (R54)', async (t) => {
  const { proxy, reader } = await setScene(t, { mode: 'sessions' })
  const session = await openSession(proxy.url, reader)
  const token = await proxy.token({ scope: 'public:read confidential:read' })
  const { result } = await reply(await session.post(LIST, { token }))
  assert.equal(result?.tools?.length, 7)
})

test('the same subject of another client keeps the session', async (t) => {
  const { proxy, reader } = await setScene(t, { mode: 'sessions' })
  const session = await openSession(proxy.url, reader)
  const token = await proxy.token({ client_id: 'other', scope: 'public:read' })
  assert.equal((await session.post(LIST, { token })).status, 200)
})

test('every record of a session has one hash, initialize included (T114)', async (t) => {
  const { proxy, reader } = await setScene(t, { mode: 'sessions' })
  const session = await openSession(proxy.url, reader)
  await reply(await session.post(LIST))
  await session.end()
  const hash = createHash('sha256').update(session.id).digest('hex').slice(0, 16)
  const rows = (await records(proxy, 4)).map(({ method, session }) => [method, session])
  const methods = ['initialize', 'notifications/initialized', 'tools/list', 'DELETE']
  assert.deepEqual(
    rows,
    methods.map((method) => [method, hash]),
  )
  assert.ok(!proxy.logged().includes(session.id))
})

test('an initialize that opens no session has none in its record', async (t) => {
  const { proxy, reader } = await setScene(t, { mode: 'stateless' })
  const headers = { 'mcp-session-id': 'brought-by-the-client' }
  const clientInfo = { name: 'raw', version: '1' }
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo }
  await reply(await post(proxy.url, legacy('initialize', params), { token: reader, headers }))
  const [row] = await records(proxy, 1)
  assert.equal(row?.['method'], 'initialize')
  assert.equal(row?.['session'], undefined)
})

test('a session id that a client brings to initialize is not passed on (T113)', async (t) => {
  const { proxy, recorder, reader } = await setScene(t, { mode: 'sessions' })
  const { id } = await openSession(proxy.url, reader)
  recorder.clear()
  for (const fixed of [id, 'fixed-by-the-client']) {
    const clientInfo = { name: 'raw', version: '1' }
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo }
    const headers = { 'mcp-session-id': fixed }
    const response = await post(proxy.url, legacy('initialize', params), { token: reader, headers })
    assert.equal(response.status, 200)
    assert.notEqual(response.headers.get('mcp-session-id'), fixed)
  }
  for (const { headers } of recorder.requests()) assert.equal(headers['mcp-session-id'], undefined)
})

test('proxies that share a key accept the sessions of each other (T116)', async (t) => {
  const settings = { SESSION_KEY_FILE: keyFile(t) }
  const { proxy, recorder, reader } = await setScene(t, { mode: 'sessions', settings })
  const upstream = recorder.url
  const other = await startProxy({ upstream, policy: demoPolicy, settings, issuer })
  t.after(() => other.stop())
  const { id } = await openSession(proxy.url, reader)
  assert.equal((await uses.POST(other.url, reader, id)).status, 200)
  const eve = await other.token({ sub: 'eve', scope: 'public:read' })
  assert.equal((await uses.POST(other.url, eve, id)).status, 404)
})

test('a proxy with another key does not know the session (T116)', async (t) => {
  const { proxy, recorder, reader } = await setScene(t, { mode: 'sessions' })
  const other = await startProxy({ upstream: recorder.url, policy: demoPolicy, issuer })
  t.after(() => other.stop())
  const { id } = await openSession(proxy.url, reader)
  recorder.clear()
  assert.equal((await uses.POST(other.url, reader, id)).status, 404)
  assert.deepEqual(recorder.requests(), [])
})

test('DELETE ends the session at the server', async (t) => {
  const { proxy, upstream, reader } = await setScene(t, { mode: 'sessions' })
  const session = await openSession(proxy.url, reader)
  assert.equal(upstream.sessions(), 1)
  assert.equal((await session.end()).status, 200)
  assert.equal(upstream.sessions(), 0)
  assert.equal((await session.post(LIST)).status, 404)
})

for (const kind of ['v1', 'v2'] as const) {
  test(`a ${kind} client ends its session`, async (t) => {
    const { connect, upstream, reader } = await setScene(t, { mode: 'sessions' })
    const agent = await connect(kind, reader)
    await agent.endSession()
    assert.equal(upstream.sessions(), 0)
  })
}

for (const mode of ['stateless', 'modern'] as const) {
  for (const http of ['GET', 'DELETE'] as const) {
    test(`${http} in mode ${mode} gets the 405 of the server (R1)`, async (t) => {
      const { proxy, reader } = await setScene(t, { mode })
      assert.equal((await bare(http, proxy.url, { token: reader })).status, 405)
    })
  }
}
