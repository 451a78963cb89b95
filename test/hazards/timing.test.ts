// Denied equals unknown in time as well (T103, T112): 2,000 pairs on one kept-alive connection, in an
// order that is drawn anew for each pair. The threat's own criterion: the medians differ by less than
// 1 ms, and the Mann-Whitney U test cannot tell the two samples apart (p > 0.01).

import assert from 'node:assert/strict'
import { randomBytes, randomInt } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { startHostile, whole } from '../support/hostile.ts'
import { startProxy } from '../support/proxy.ts'
import { legacy } from '../support/wire.ts'
import { type Line, openLine } from './line.ts'
import { bytesOf } from './probes.ts'
import { mannWhitney, median } from './statistics.ts'

const PAIRS = 2_000
const WARM_UP = 200
const MAX_DIFFERENCE_MS = 1
const MIN_P = 0.01

const LACKS = { scopes: ['secret:read'] }
const many = (n: number, name: (at: number) => string) =>
  Object.fromEntries(Array.from({ length: n }, (_, at) => [name(at), LACKS]))

/** A name that is longer than every prefix. */
const LONG = 'l'.repeat(120)

/** Large enough that a search that stops early would show. */
const POLICY = {
  version: 1,
  tools: {
    public: { anyone: true },
    secret_tool: LACKS,
    'private_*': LACKS,
    [LONG]: LACKS,
    ...many(2_000, (at) => `tool_${at}`),
    ...many(60, (at) => `${'p'.repeat(at + 20)}*`),
  },
  prompts: { secret_text: LACKS, ...many(500, (at) => `prompt_${at}`) },
  resources: { 'docs://secret/*': LACKS, ...many(500, (at) => `docs://area-${at}/*`) },
}

type Pair = readonly [denied: Uint8Array, absent: Uint8Array]

async function setUp(t: TestContext, deny: string) {
  const upstream = await startHostile(({ body }, socket) => {
    const { id, params } = JSON.parse(body.toString())
    const taskId = params?.arguments?.taskId
    const result = taskId === undefined ? {} : { task: { taskId, status: 'working' } }
    const head = ['content-type: application/json', 'mcp-session-id: inner-id-of-the-session']
    socket.write(whole(JSON.stringify({ jsonrpc: '2.0', id, result }), head))
  })
  t.after(() => upstream.stop())
  const proxy = await startProxy({
    upstream: upstream.url,
    policy: POLICY,
    settings: { DENY: deny },
  })
  t.after(() => proxy.stop())
  const line = await openLine(t, proxy.port)
  const token = await proxy.token({ sub: 'mallory', scope: '' })
  const alice = await proxy.token({ sub: 'alice', scope: '' })
  const ask = (method: string, params: object) => bytesOf(token, legacy(method, params), {})
  return { upstream, line, token, alice, ask }
}

/** Times both of a pair, the first of which is drawn; one answer each, all of the same bytes. */
async function timed(line: Line, [denied, absent]: Pair) {
  const times = { denied: [] as number[], absent: [] as number[] }
  const shapes = { denied: new Set<string>(), absent: new Set<string>() }
  for (let n = -WARM_UP; n < PAIRS; n++) {
    const order =
      randomInt(2) === 0 ? (['denied', 'absent'] as const) : (['absent', 'denied'] as const)
    for (const which of order) {
      const { raw, ms } = await line.ask(which === 'denied' ? denied : absent)
      if (n < 0) continue
      times[which].push(ms)
      shapes[which].add(raw)
    }
  }
  assert.equal(shapes.denied.size, 1)
  assert.equal(shapes.absent.size, 1)
  const difference = median(times.denied) - median(times.absent)
  return { difference, p: mannWhitney(times.denied, times.absent).p, median: median(times.absent) }
}

/** With nothing to find, 1 run of 100 fails by chance: a second one, on fresh samples, decides. */
async function indistinguishable(t: TestContext, line: Line, pair: Pair): Promise<void> {
  const runs: string[] = []
  for (let run = 0; run < 2; run++) {
    const { difference, p, median: middle } = await timed(line, pair)
    const us = (ms: number) => `${(ms * 1_000).toFixed(1)} us`
    runs.push(`difference ${us(difference)} of ${us(middle)}, p ${p.toFixed(3)}`)
    t.diagnostic(runs.at(-1) ?? '')
    if (Math.abs(difference) < MAX_DIFFERENCE_MS && p > MIN_P) return
  }
  assert.fail(runs.join('; '))
}

const NAMES: readonly (readonly [string, string, string, string, string])[] = [
  ['error', 'tools/call', 'name', 'secret_tool', 'absent_tool'],
  ['error', 'tools/call', 'name', 'private_abc', 'absent_tool'],
  ['hide', 'tools/call', 'name', 'secret_tool', 'absent_tool'],
  ['error', 'tools/call', 'name', LONG, 'm'.repeat(120)],
  ['error', 'prompts/get', 'name', 'secret_text', 'absent_text'],
  ['error', 'resources/read', 'uri', 'docs://secret/memo', 'docs://absent/memo'],
]

for (const [deny, method, member, denied, absent] of NAMES)
  test(`T103 ${method} of ${denied} takes as long as of ${absent}, deny: ${deny}`, async (t) => {
    const { upstream, line, ask } = await setUp(t, deny)
    const pair = [ask(method, { [member]: denied }), ask(method, { [member]: absent })] as const
    await indistinguishable(t, line, pair)
    assert.deepEqual(upstream.asked, [])
    assert.equal(line.connections(), 1)
  })

test('T112 the session of another caller takes as long as an unknown one', async (t) => {
  const { upstream, line, token, alice } = await setUp(t, 'error')
  const opened = await line.ask(bytesOf(alice, legacy('initialize'), {}))
  const sealed = opened.reply.headers.get('mcp-session-id') ?? ''
  const random = randomBytes(Buffer.from(sealed, 'base64url').length).toString('base64url')
  const list = (id: string) => bytesOf(token, legacy('tools/list'), { 'mcp-session-id': id })
  await indistinguishable(t, line, [list(sealed), list(random)])
  assert.equal(upstream.asked.length, 1)
})

test('T121 the task of another caller takes as long as an unknown one', async (t) => {
  const { upstream, line, alice, ask } = await setUp(t, 'error')
  const params = { name: 'public', arguments: { taskId: 'task-of-alice-1' }, task: {} }
  await line.ask(bytesOf(alice, legacy('tools/call', params), {}))
  const get = (taskId: string) => ask('tasks/get', { taskId })
  await indistinguishable(t, line, [get('task-of-alice-1'), get('task-of-nobody1')])
  assert.equal(upstream.asked.length, 1)
})
