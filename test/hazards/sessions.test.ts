// Sessions and tasks of somebody else (T18, T112-T116, T121) on raw sockets: whoever did not open
// them gets the bytes of what does not exist, and the upstream hears nothing of it.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Script, whole } from '../support/hostile.ts'
import { startProxy } from '../support/proxy.ts'
import { modern } from '../support/wire.ts'
import { LIST, type RawBench, type Reply, startRaw, talk } from './raw.ts'
import { assertRefusal } from './refusal.ts'

const INITIALIZE = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'a', version: '1' },
  },
})
const ANSWER = '{"jsonrpc":"2.0","id":9,"result":{"action":"accept"}}'
const NOTE = '{"jsonrpc":"2.0","method":"notifications/initialized"}'

/** An upstream with numbered sessions and tasks, which believes whatever reaches it. */
function statefulScript(): Script {
  let sessions = 0
  let tasks = 0
  return (asked, socket) => {
    const { id, method, params } = asked.body.length === 0 ? {} : JSON.parse(asked.body.toString())
    const answer = (result: object, head: readonly string[] = []) =>
      socket.write(
        whole(JSON.stringify({ jsonrpc: '2.0', id, result }), [
          'content-type: application/json',
          ...head,
        ]),
      )
    const capabilities = { tools: {}, tasks: { list: {} } }
    if (method === 'initialize') answer({ capabilities }, [`mcp-session-id: inner-${++sessions}`])
    else if (method === 'tools/call' && params.task !== undefined)
      answer({ task: { taskId: `task-${++tasks}`, status: 'working' } })
    else if (method === 'tasks/list')
      answer({ tasks: Array.from({ length: tasks }, (_, n) => ({ taskId: `task-${n + 1}` })) })
    else answer({ tools: [] })
  }
}

async function setUp(t: TestContext, settings: Record<string, string> = {}) {
  const bench = await startRaw(t, { settings })
  bench.upstream.script = statefulScript()
  const bob = await bench.proxy.token({ sub: 'bob', scope: '' })
  return { bench, asBob: `authorization: Bearer ${bob}` }
}

async function openSession(bench: RawBench, headers: readonly string[] = []): Promise<string> {
  const { replies } = await bench.talk(bench.post(INITIALIZE, headers))
  const id = replies[0]?.headers.get('mcp-session-id') ?? ''
  assert.notEqual(id, '')
  assert.doesNotMatch(id, /inner/)
  return id
}

/** What a client can tell of a reply. */
const visible = (reply: Reply | undefined) => {
  const headers = new Map(reply?.headers)
  headers.delete('date')
  return { ...reply, headers: [...headers] }
}

/** Every way to use a session. */
const USES: Readonly<Record<string, (bench: RawBench, headers: readonly string[]) => Buffer>> = {
  'T112 a request': ({ post }, headers) => post(LIST, headers),
  'T112 a notification': ({ post }, headers) => post(NOTE, headers),
  'T18 T112 an answer': ({ post }, headers) => post(ANSWER, headers),
  'T112 GET': ({ request }, headers) => request('GET /mcp', headers),
  'T100 T112 GET with a last event id': ({ request }, headers) =>
    request('GET /mcp', [...headers, 'last-event-id: 1']),
  'T112 DELETE': ({ request }, headers) => request('DELETE /mcp', headers),
}

test('the session of another caller is a session that does not exist', async (t) => {
  const { bench, asBob } = await setUp(t)
  const id = await openSession(bench)
  for (const [name, make] of Object.entries(USES)) {
    await t.test(name, async () => {
      const seen = await bench.seen(async () => {
        const ask = async (session: string) => {
          const bytes = make(bench, [asBob, `mcp-session-id: ${session}`])
          return (await bench.talk(bytes)).replies[0]
        }
        const stolen = await ask(id)
        assert.equal(stolen?.status, 404)
        assertRefusal(stolen)
        for (const other of [
          'x',
          `${id}A`,
          id.slice(0, -1),
          id.toUpperCase(),
          'inner-1',
          '..',
          '*',
        ])
          assert.deepEqual(visible(await ask(other)), visible(stolen))
      })
      assert.equal(seen.length, 0)
    })
  }
  await t.test('and that of its owner, by the id of the upstream', async () => {
    const seen = await bench.seen(async () => {
      const { replies } = await bench.talk(bench.post(LIST, [`mcp-session-id: ${id}`]))
      assert.equal(replies[0]?.status, 200)
    })
    assert.equal(seen[0]?.headers.get('mcp-session-id'), 'inner-1')
  })
  await t.test('T46 naming it in Connection drops neither it nor who uses it', async () => {
    const named = 'connection: keep-alive, mcp-session-id, x-toolstile-subject, authorization'
    const ask = async (headers: readonly string[]) =>
      (await bench.talk(bench.post(LIST, [`mcp-session-id: ${id}`, named, ...headers]))).replies[0]
    const seen = await bench.seen(async () => {
      assert.equal((await ask([]))?.status, 200)
      assert.equal((await ask([asBob]))?.status, 404)
    })
    assert.equal(seen.length, 1)
    assert.equal(seen[0]?.headers.get('mcp-session-id'), 'inner-1')
    assert.equal(seen[0]?.headers.get('x-toolstile-subject'), 'alice')
  })
})

test('a session means nothing in the modern era, and does not reach the upstream (T112, T118)', async (t) => {
  const { bench } = await setUp(t)
  const id = await openSession(bench)
  const headers = ['mcp-protocol-version: 2026-07-28', 'mcp-method: tools/list']
  for (const session of [id, 'inner-1']) {
    const seen = await bench.seen(async () => {
      const body = modern('tools/list')
      await bench.talk(bench.post(body, [...headers, `mcp-session-id: ${session}`]))
    })
    assert.equal(seen.length, 1)
    assert.equal(seen[0]?.headers.has('mcp-session-id'), false)
  }
})

test('an answer outside a session of its own reaches nobody (T18)', async (t) => {
  const { bench } = await setUp(t)
  const error = '{"jsonrpc":"2.0","id":9,"error":{"code":1,"message":"a"}}'
  const refused = await bench.seen(async () => {
    for (const body of [ANSWER, error, ANSWER.replace('"id":9', '"id":"a"')])
      for (const headers of [[], ['mcp-protocol-version: 2026-07-28']]) {
        const [reply] = (await bench.talk(bench.post(body, headers))).replies
        assert.equal(reply?.status, 400)
        assertRefusal(reply)
      }
  })
  assert.equal(refused.length, 0)
  const id = await openSession(bench)
  const passed = await bench.seen(async () => {
    const { replies } = await bench.talk(bench.post(ANSWER, [`mcp-session-id: ${id}`]))
    assert.equal(replies[0]?.status, 202)
  })
  assert.equal(passed[0]?.body.toString(), ANSWER)
  assert.equal(passed[0]?.headers.get('mcp-session-id'), 'inner-1')
})

test('no number of sessions pushes one out, here or at another replica (T115, T116)', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'toolstile-key-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const key = join(folder, 'key')
  writeFileSync(key, randomBytes(48).toString('base64'))
  const settings = { SESSION_KEY_FILE: key }
  const { bench, asBob } = await setUp(t, settings)
  const { issuer } = bench.proxy
  const policy = { version: 1, tools: { public: { anyone: true } } }
  const other = await startProxy({ upstream: bench.upstream.url, policy, settings, issuer })
  t.after(() => other.stop())
  const first = await openSession(bench)
  const ids = new Set([first])
  for (let n = 0; n < 300; n++) ids.add(await openSession(bench, n % 2 === 0 ? [] : [asBob]))
  assert.equal(ids.size, 301)
  const use = bench.post(LIST, [`mcp-session-id: ${first}`])
  const seen = await bench.seen(async () => {
    assert.equal((await bench.talk(use)).replies[0]?.status, 200)
    assert.equal((await talk(other.port, use)).replies[0]?.status, 200)
    const stolen = bench.post(LIST, [asBob, `mcp-session-id: ${first}`])
    assert.equal((await talk(other.port, stolen)).replies[0]?.status, 404)
  })
  assert.deepEqual(
    seen.map(({ headers }) => headers.get('mcp-session-id')),
    ['inner-1', 'inner-1'],
  )
})

const request = (method: string, params: object) =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
const TASK_CALL = request('tools/call', { name: 'public', arguments: {}, task: {} })

/** Every way to ask for a task, by its id. */
const TASKS: Readonly<Record<string, (id: string) => readonly [body: string, headers: string[]]>> =
  {
    ...Object.fromEntries(
      ['tasks/get', 'tasks/result', 'tasks/cancel'].map((method) => [
        `T121 ${method} of 2025`,
        (taskId: string) => [request(method, { taskId }), []],
      ]),
    ),
    ...Object.fromEntries(
      ['tasks/get', 'tasks/cancel', 'tasks/update'].map((method) => [
        `T121 ${method} of 2026`,
        (taskId: string) => [
          modern(method, { taskId }),
          ['mcp-protocol-version: 2026-07-28', `mcp-method: ${method}`, `mcp-name: ${taskId}`],
        ],
      ]),
    ),
    'T120 T121 a subscription to it': (taskId) => [
      modern('subscriptions/listen', { notifications: { taskIds: [taskId] } }),
      ['mcp-protocol-version: 2026-07-28', 'mcp-method: subscriptions/listen'],
    ],
  }

test('the task of another caller is a task that does not exist', async (t) => {
  const { bench, asBob } = await setUp(t)
  await openSession(bench)
  const { replies } = await bench.talk(bench.post(TASK_CALL))
  assert.equal(JSON.parse(replies[0]?.body ?? '').result.task.taskId, 'task-1')
  for (const [name, make] of Object.entries(TASKS)) {
    await t.test(name, async () => {
      const seen = await bench.seen(async () => {
        const ask = async (id: string) => {
          const [body, headers] = make(id)
          const reply = (await bench.talk(bench.post(body, [asBob, ...headers]))).replies[0]
          assert.ok(reply !== undefined)
          return visible({ ...reply, body: reply.body.replaceAll(id, 'ID') })
        }
        const stolen = await ask('task-1')
        assert.equal(stolen.status, 200)
        assert.equal(JSON.parse(stolen.body ?? '').error.message, 'Unknown task: ID')
        assert.deepEqual(await ask('task-9'), stolen)
      })
      assert.equal(seen.length, 0)
    })
  }
  await t.test('T121 nor is it in a list, and its owner finds it', async () => {
    const listed = async (headers: readonly string[]) => {
      const { replies } = await bench.talk(bench.post(request('tasks/list', {}), headers))
      return JSON.parse(replies[0]?.body ?? '').result.tasks
    }
    assert.deepEqual(await listed([asBob]), [])
    assert.deepEqual(await listed([]), [{ taskId: 'task-1' }])
    const seen = await bench.seen(async () => {
      await bench.talk(bench.post(request('tasks/get', { taskId: 'task-1' })))
    })
    assert.equal(seen.length, 1)
  })
})
