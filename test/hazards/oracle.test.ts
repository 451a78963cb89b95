// Denied equals unknown (law 7, T103, T112): for every way to name a thing, what a caller may not have
// and what does not exist are the same bytes, from the status line to the last byte of the body.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { type Asked, startHostile, whole } from '../support/hostile.ts'
import { startProxy } from '../support/proxy.ts'
import { legacy, modern, modernHeaders } from '../support/wire.ts'
import { openLine } from './line.ts'
import { bytesOf, POLICY, request, shown, WAYS } from './probes.ts'
import { head } from './raw.ts'

const INNER = 'the-id-of-the-upstream-itself'

/** Opens a session for `initialize`, and makes a task of every call that wants one. */
function answer({ body }: Asked): Buffer {
  const { id, method, params } = body.length === 0 ? {} : JSON.parse(body.toString())
  const taskId = params?.arguments?.taskId
  const result = taskId === undefined ? { content: [] } : { task: { taskId, status: 'working' } }
  const session = method === 'initialize' ? [`mcp-session-id: ${INNER}`] : []
  const text = JSON.stringify({ jsonrpc: '2.0', id, result })
  return whole(text, ['content-type: application/json', ...session])
}

async function setUp(t: TestContext, settings: Record<string, string>) {
  const upstream = await startHostile((asked, socket) => void socket.write(answer(asked)))
  t.after(() => upstream.stop())
  const proxy = await startProxy({ upstream: upstream.url, policy: POLICY, settings })
  t.after(() => proxy.stop())
  const line = await openLine(t, proxy.port)
  const alice = await proxy.token({ sub: 'alice', scope: '' })
  const mallory = await proxy.token({ sub: 'mallory', scope: '' })
  return { upstream, proxy, line, alice, mallory }
}

const SHAPES = [
  ['error', 'Permission denied: ', -31403],
  ['hide', 'Unknown ', -32602],
] as const

for (const [deny, sentence, code] of SHAPES) {
  test(`T103 under deny: ${deny} a denied name and one that does not exist are the same bytes`, async (t) => {
    const { upstream, line, mallory } = await setUp(t, { DENY: deny })
    for (const way of WAYS)
      for (const era of way.eras)
        await t.test(`${way.method}, ${era}, ${way.denied[0]}`, async () => {
          const names = [...way.denied, ...way.absent]
          assert.equal(new Set(names.map((name) => Buffer.byteLength(name))).size, 1)
          const seen = new Map<string, string>()
          for (const name of names)
            seen.set(await shown(line, request(mallory, way, era, name), name), name)
          assert.deepEqual([...seen.values()], names.slice(-1), [...seen.keys()].join('\n\n'))
          const [raw = ''] = seen.keys()
          assert.match(raw, /^HTTP\/1\.1 200 OK\r\n/)
          const { error } = JSON.parse(raw.slice(raw.indexOf('\r\n\r\n')))
          assert.equal(error.code, code)
          assert.ok(error.message.startsWith(sentence), error.message)
        })
    assert.deepEqual(upstream.asked, [])
    assert.equal(line.connections(), 1)
  })
}

test('T103 deny: challenge differs by design: it names the scopes of a rule, and of nothing else', async (t) => {
  const { upstream, line, mallory } = await setUp(t, { DENY: 'challenge' })
  for (const way of WAYS)
    for (const era of way.eras)
      for (const name of [...way.denied, ...way.absent]) {
        const raw = await shown(line, request(mallory, way, era, name), name)
        // A role that is lacking as well is nothing that a scope would help: answered as unknown.
        if (way.denied.includes(name) && name !== 'role_tool_x') {
          assert.match(raw, /^HTTP\/1\.1 403 /)
          assert.match(raw, /www-authenticate: Bearer error="insufficient_scope".*"secret:read"/i)
        } else {
          assert.match(raw, /^HTTP\/1\.1 200 /, name)
          assert.doesNotMatch(raw, /secret:read/)
          assert.match(raw, /"code":-31403/)
        }
      }
  assert.deepEqual(upstream.asked, [])
})

const TASK_METHODS = {
  legacy: ['tasks/get', 'tasks/result', 'tasks/cancel'],
  modern: ['tasks/get', 'tasks/update', 'tasks/cancel'],
} as const

test('T103, T121 the task of another caller and one that does not exist are the same bytes', async (t) => {
  const { upstream, line, alice, mallory } = await setUp(t, {})
  const tasks = ['task-of-alice-1', 'task-of-nobody1', '../task-of-alic', 'TASK-OF-ALICE-1']
  const every = async (expected: RegExp) => {
    const before = upstream.asked.length
    for (const era of ['legacy', 'modern'] as const)
      for (const method of TASK_METHODS[era]) {
        const answers = new Set<string>()
        for (const taskId of tasks) {
          const params = { taskId }
          const bytes =
            era === 'legacy'
              ? bytesOf(mallory, legacy(method, params), {})
              : bytesOf(mallory, modern(method, params), modernHeaders(method, taskId))
          answers.add(await shown(line, bytes, taskId))
        }
        assert.equal(answers.size, 1, [...answers].join('\n\n'))
        assert.match([...answers].join(), expected)
      }
    const listening = new Set<string>()
    for (const taskId of tasks) {
      const method = 'subscriptions/listen'
      const body = modern(method, { notifications: { taskIds: [taskId] } })
      listening.add(await shown(line, bytesOf(mallory, body, modernHeaders(method)), taskId))
    }
    assert.equal(listening.size, 1)
    assert.match([...listening].join(), expected)
    assert.equal(upstream.asked.length, before)
  }
  await every(/Method not found/)
  const taskId = tasks[0] ?? ''
  const params = { name: 'public', arguments: { taskId }, task: {} }
  const made = await line.ask(bytesOf(alice, legacy('tools/call', params), {}))
  assert.match(made.raw, /task-of-alice-1/)
  await every(/"code":-32602,"message":"Unknown task: …"/)
  const own = await line.ask(bytesOf(alice, legacy('tasks/get', { taskId }), {}))
  assert.match(own.raw, /"result"/)
})

test('T103, T112 unknown, tampered and stolen sessions are the same bytes in every use', async (t) => {
  const { upstream, line, alice, mallory } = await setUp(t, {})
  const opened = await line.ask(bytesOf(alice, legacy('initialize'), {}))
  const sealed = opened.reply.headers.get('mcp-session-id') ?? ''
  assert.notEqual(sealed, '')
  const length = Buffer.from(sealed, 'base64url').length
  const flip = (at: number) =>
    sealed.slice(0, at) + (sealed[at] === 'A' ? 'B' : 'A') + sealed.slice(at + 1)
  const ids = [
    sealed,
    ...Array.from({ length: sealed.length }, (_, at) => flip(at)),
    randomBytes(length).toString('base64url'),
    randomBytes(length + 1).toString('base64url'),
    INNER,
    'x',
    '%00',
    `${sealed}=`,
    sealed + sealed,
    'A'.repeat(5_000),
  ]
  const before = upstream.asked.length
  const uses = {
    POST: (id: string) => bytesOf(mallory, legacy('tools/list'), { 'mcp-session-id': id }),
    response: (id: string) =>
      bytesOf(mallory, '{"jsonrpc":"2.0","id":1,"result":{}}', { 'mcp-session-id': id }),
    notification: (id: string) =>
      bytesOf(mallory, legacy('notifications/initialized', {}, null), { 'mcp-session-id': id }),
    // A denied name inside of a session says nothing about the session.
    denied: (id: string) =>
      bytesOf(mallory, legacy('tools/call', { name: 'secret_tool' }), { 'mcp-session-id': id }),
    GET: (id: string) => head('GET', mallory, { 'mcp-session-id': id }),
    replay: (id: string) => head('GET', mallory, { 'mcp-session-id': id, 'last-event-id': '7' }),
    DELETE: (id: string) => head('DELETE', mallory, { 'mcp-session-id': id }),
  }
  for (const [use, make] of Object.entries(uses)) {
    const answers = new Set<string>()
    for (const id of ids) answers.add((await line.ask(make(id))).raw)
    assert.equal(answers.size, 1, `${use}: ${[...answers].join('\n\n')}`)
    assert.match([...answers].join(), /^HTTP\/1\.1 404 .*\{"error":"session not found"\}$/s)
  }
  assert.equal(upstream.asked.length, before)
  assert.equal(
    (await line.ask(head('DELETE', alice, { 'mcp-session-id': sealed }))).reply.status,
    200,
  )
})
