// 1,000 clients at once, all with id 1, of callers with different rights (T110, T130): every answer goes
// to who asked, once; every request has one record; who leaves takes nothing along and leaves nothing.

import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Asked, startHostile, writeParts } from '../support/hostile.ts'
import { startProxy } from '../support/proxy.ts'
import { legacy } from '../support/wire.ts'
import {
  assertOwn,
  assertQuiet,
  callWith,
  type Dice,
  dice,
  hashOf,
  leave,
  markerOf,
  markersIn,
  POINTS,
  recordsByHash,
} from './crowd.ts'
import { openLine } from './line.ts'
import { bytesOf } from './probes.ts'
import { talk } from './raw.ts'

const CLIENTS = 1_000
const LEAVING = 50
const WAIT_MS = 60_000
const TOOLS = ['json_a', 'json_b', 'sse_a', 'sse_b'] as const
const SCOPES = ['', 'a', 'b', 'a b'] as const

const POLICY = {
  version: 1,
  tools: Object.fromEntries(TOOLS.map((name) => [name, { scopes: [name.slice(-1)] }])),
}
const may = (scope: string, tool: string) => scope.split(' ').includes(tool.slice(-1))

/** The bytes of an answer that holds the marker of its request, in chunks of random sizes. */
function answerTo({ body }: Asked, roll: Dice): readonly Buffer[] {
  const { id, method, params } = JSON.parse(body.toString())
  const marker = method === 'tools/list' ? params.cursor : params.arguments.text
  const content = [{ type: 'text', text: `${marker}${'.'.repeat(roll(3_000))}` }]
  const tools = TOOLS.map((name) => ({ name, inputSchema: { type: 'object' } }))
  const result = method === 'tools/list' ? { tools, nextCursor: marker } : { content }
  const message = JSON.stringify({ jsonrpc: '2.0', id, result })
  const progress = JSON.stringify({
    jsonrpc: '2.0',
    method: 'notifications/progress',
    params: { progressToken: marker, progress: 1 },
  })
  const streamed = method === 'tools/list' ? roll(2) === 0 : params.name.startsWith('sse')
  const text = streamed
    ? `${`data: ${progress}\n\n`.repeat(roll(4))}event: message\ndata: ${message}\n\n`
    : message
  const type = streamed ? 'text/event-stream' : 'application/json'
  const head = `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ntransfer-encoding: chunked\r\n\r\n`
  const parts = [Buffer.from(head)]
  for (let at = 0; at < text.length; ) {
    const size = 1 + roll(700)
    const chunk = Buffer.from(text.slice(at, at + size))
    parts.push(
      Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]),
    )
    at += size
  }
  return [...parts, Buffer.from('0\r\n\r\n')]
}

async function setUp(t: TestContext, roll: Dice) {
  const upstream = await startHostile(async (asked, socket) => {
    const parts = answerTo(asked, roll)
    await sleep(roll(30))
    await writeParts(socket, parts)
  })
  t.after(() => upstream.stop())
  const proxy = await startProxy({ upstream: upstream.url, policy: POLICY })
  t.after(() => proxy.stop())
  const tokens = await Promise.all(
    SCOPES.map((scope, at) => proxy.token({ sub: `caller-${at}`, scope })),
  )
  return { upstream, proxy, tokens }
}

test('T110 of 1,000 clients with the same id, 50 of which leave, each gets its own answers once', async (t) => {
  const seed = randomInt(2 ** 31)
  t.diagnostic(`seed ${seed}`)
  const roll = dice(seed)
  const { upstream, proxy, tokens } = await setUp(t, roll)
  const finished: string[] = []
  const refused: string[] = []
  const left: string[] = []

  /** One request of a client and the check of its answer. */
  const request = (client: number, n: number) => {
    const caller = roll(SCOPES.length)
    const [scope = '', token = ''] = [SCOPES[caller], tokens[caller]]
    const marker = markerOf(client, n)
    if (roll(5) === 0) {
      const bytes = bytesOf(token, legacy('tools/list', { cursor: marker }), {})
      const listed = TOOLS.filter((tool) => may(scope, tool))
      return {
        bytes,
        check: (reply: Parameters<typeof assertOwn>[0]) => {
          assertOwn(reply, marker)
          for (const tool of TOOLS)
            assert.equal(
              reply?.body.includes(`"${tool}"`),
              listed.includes(tool),
              `${scope}: ${tool}`,
            )
        },
      }
    }
    const tool = TOOLS[roll(TOOLS.length)] ?? 'json_a'
    const allowed = may(scope, tool)
    ;(allowed ? finished : refused).push(marker)
    return {
      bytes: callWith(token, tool, marker),
      check: (reply: Parameters<typeof assertOwn>[0]) => {
        if (allowed) return assertOwn(reply, marker)
        assert.match(reply?.body ?? '', /-31403/)
        assert.deepEqual(markersIn(reply?.body ?? ''), [])
      },
    }
  }
  let lists = 0
  const client = async (at: number): Promise<void> => {
    if (at < LEAVING) {
      const marker = markerOf(at, 'gone')
      left.push(marker)
      const tool = roll(2) === 0 ? 'json_a' : 'sse_a'
      const point = POINTS[at % POINTS.length] ?? 'in the body'
      return leave(proxy.port, callWith(tokens[3] ?? '', tool, marker), point, roll)
    }
    const asks = [request(at, 0), request(at, 1), request(at, 2)]
    lists += asks.length
    if (at % 2 === 0) {
      const bytes = Buffer.concat(asks.map(({ bytes }) => bytes))
      const { replies } = await talk(proxy.port, bytes, asks.length, WAIT_MS)
      assert.equal(replies.length, asks.length)
      for (const [n, { check }] of asks.entries()) check(replies[n])
      return
    }
    const line = await openLine(t, proxy.port, WAIT_MS)
    for (const { bytes, check } of asks) check((await line.ask(bytes)).reply)
    assert.equal(line.connections(), 1)
    line.close()
  }
  const begun = performance.now()
  await Promise.all(Array.from({ length: CLIENTS }, (_, at) => client(at)))
  await assertQuiet(proxy)
  t.diagnostic(`${lists} requests in ${Math.round(performance.now() - begun)} ms`)

  const seen = new Map<string, number>()
  for (const { body } of upstream.asked) {
    const [marker = ''] = markersIn(body.toString())
    seen.set(marker, (seen.get(marker) ?? 0) + 1)
  }
  await proxy.recorded(lists)
  const records = recordsByHash(proxy)
  for (const marker of finished) {
    assert.equal(seen.get(marker), 1, `${marker} at the upstream`)
    assert.equal(records.get(hashOf(marker)), 1, `records of ${marker}`)
  }
  for (const marker of refused) {
    assert.equal(seen.get(marker), undefined, `${marker} was refused`)
    assert.equal(records.get(hashOf(marker)), 1, `records of ${marker}`)
  }
  for (const marker of left) {
    const times = seen.get(marker) ?? 0
    assert.ok(times <= 1, `${marker} at the upstream ${times} times`)
    if (times === 1) assert.equal(records.get(hashOf(marker)), 1, `records of ${marker}`)
    else assert.ok((records.get(hashOf(marker)) ?? 0) <= 1)
  }
  assert.equal(
    new Set(proxy.records().map((row) => row['request_id'])).size,
    proxy.records().length,
  )
})
