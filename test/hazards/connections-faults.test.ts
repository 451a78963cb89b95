// A fault in any stage (T90, T139): the request fails closed, its upstream sees nothing or its client
// gets nothing, one record is written, and the next request is served by the same process.

import assert from 'node:assert/strict'
import { ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import { TokenCache } from '../../proxy/identity/cache.ts'
import { KeySource } from '../../proxy/identity/keys.ts'
import { Verifier } from '../../proxy/identity/verifier.ts'
import { PolicySource } from '../../proxy/policy/source.ts'
import { OpenStreams } from '../../proxy/policy/streams.ts'
import { TaskOwners } from '../../proxy/policy/tasks.ts'
import { Connection } from '../../proxy/upstream/connection.ts'
import { UpstreamPool } from '../../proxy/upstream/pool.ts'
import { ListGuard } from '../../proxy/wire/guard.ts'
import { SSEFilter } from '../../proxy/wire/sse.ts'
import { chunked, whole } from '../support/hostile.ts'
import { settled } from './answers.ts'
import { named } from './bodies.ts'
import { LIST, type RawBench, startRaw } from './raw.ts'
import { assertRefusal } from './refusal.ts'

const throws = () => {
  throw new Error('canary-boom at secret.ts:1')
}
const rejects = () => Promise.reject(new Error('canary-boom at secret.ts:1'))
const throwsNothing = () => {
  throw undefined
}
const rejectsNothing = () => Promise.reject(undefined)
const CALL = named('public')
const TASK = CALL.replace('"name"', '"task":{},"name"')
const result = (members: string) => `{"jsonrpc":"2.0","id":1,"result":{${members}}}`
const EVENT = chunked(`data: ${result('"content":[]')}\n\n`)

/** What breaks, how, and what the client may see: a status, or 0 for a connection that ends. */
type Row = {
  readonly name: string
  readonly breaks: (t: TestContext) => void
  readonly ask?: (bench: RawBench, token: readonly string[]) => Uint8Array
  readonly answer?: Buffer
  readonly status: readonly number[]
  /** The upstream was asked before it broke. */
  readonly asked?: true
}

const call = ({ post }: RawBench, token: readonly string[]) => post(CALL, token)
const get = ({ request }: RawBench, token: readonly string[]) => request('GET /mcp', token)

const FAULTS: readonly Row[] = [
  {
    name: 'T90 T139 the memory of tokens throws',
    breaks: (t) => t.mock.method(TokenCache.prototype, 'identify', throws),
    status: [500],
  },
  {
    name: 'T90 T139 the memory of tokens rejects',
    breaks: (t) => t.mock.method(TokenCache.prototype, 'identify', rejects),
    status: [500],
  },
  {
    name: 'T90 T139 it rejects with nothing',
    breaks: (t) => t.mock.method(TokenCache.prototype, 'identify', rejectsNothing),
    status: [500],
  },
  {
    name: 'T90 T139 the verifier rejects',
    breaks: (t) => t.mock.method(Verifier.prototype, 'examine', rejects),
    status: [401, 500, 503],
  },
  {
    name: 'T90 T139 the verifier throws',
    breaks: (t) => t.mock.method(Verifier.prototype, 'examine', throws),
    status: [401, 500, 503],
  },
  {
    name: 'T90 T139 the keys reject',
    breaks: (t) => t.mock.method(KeySource.prototype, 'key', rejects),
    status: [503],
  },
  {
    name: 'T90 T139 the keys throw',
    breaks: (t) => t.mock.method(KeySource.prototype, 'key', throws),
    status: [503],
  },
  {
    name: 'T139 the policy throws',
    breaks: (t) => t.mock.getter(PolicySource.prototype, 'current', throws),
    status: [0, 500],
  },
  {
    name: 'T139 the count of streams throws',
    breaks: (t) => t.mock.method(OpenStreams.prototype, 'full', throws),
    ask: get,
    status: [500],
  },
  {
    name: 'T139 the register of streams throws',
    breaks: (t) => t.mock.method(OpenStreams.prototype, 'stand', throws),
    ask: get,
    status: [500],
  },
  {
    name: 'T139 the owners of tasks throw',
    breaks: (t) => {
      t.mock.getter(TaskOwners.prototype, 'offered', () => true)
      t.mock.method(TaskOwners.prototype, 'toolOf', throws)
    },
    ask: ({ post }, token) =>
      post('{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{"taskId":"a"}}', token),
    status: [500],
  },
  {
    name: 'T139 the pool throws',
    breaks: (t) => t.mock.method(UpstreamPool.prototype, 'take', throws),
    status: [500, 502],
  },
  {
    name: 'T139 a connection throws as it is asked',
    breaks: (t) => t.mock.method(Connection.prototype, 'ask', throws),
    status: [500, 502],
  },
  {
    name: 'T139 a connection throws nothing as it is asked',
    breaks: (t) => t.mock.method(Connection.prototype, 'ask', throwsNothing),
    status: [500, 502],
  },
  {
    name: 'T139 a new task cannot be remembered',
    breaks: (t) => t.mock.method(TaskOwners.prototype, 'remember', throws),
    ask: ({ post }, token) => post(TASK, token),
    answer: whole(result('"task":{"taskId":"canary-task"}')),
    status: [502],
    asked: true,
  },
  {
    name: 'T139 the guard of an answer throws',
    breaks: (t) => t.mock.method(ListGuard.prototype, 'push', throws),
    answer: whole(result('"content":[]')),
    status: [0, 200, 502],
    asked: true,
  },
  {
    name: 'T139 the filter of events throws',
    breaks: (t) => t.mock.method(SSEFilter.prototype, 'push', throws),
    answer: EVENT,
    status: [0, 200, 502],
    asked: true,
  },
  {
    name: 'T139 the head of the answer cannot be written',
    breaks: (t) => t.mock.method(ServerResponse.prototype, 'writeHead', throws, { times: 1 }),
    answer: whole(result('"content":[]')),
    status: [500, 502],
    asked: true,
  },
]

test('a fault in any stage fails its request closed and nothing else', async (t) => {
  const bench = await startRaw(t)
  for (const row of FAULTS) {
    await t.test(row.name, async (t) => {
      const { answer } = row
      if (answer !== undefined) bench.upstream.script = (_, socket) => void socket.write(answer)
      // A token that was never seen: what is remembered would pass a broken verifier by.
      const token = [`authorization: Bearer ${await bench.proxy.token({ scope: '' })}`]
      const [asked, records] = [bench.upstream.asked.length, bench.proxy.records().length]
      row.breaks(t)
      const { replies } = await bench.talk((row.ask ?? call)(bench, token))
      const [reply] = replies
      const status = reply?.status ?? 0
      assert.ok(row.status.includes(status), `${status} ${reply?.body}`)
      // A stream that began may hold nothing of what could not be judged.
      if (status === 200) assert.doesNotMatch(reply?.body ?? '', /content|result/)
      else if (reply !== undefined) assertRefusal(reply)
      assert.equal(bench.upstream.asked.length - asked, row.asked === undefined ? 0 : 1)
      await settled(() => bench.proxy.records().length > records)
      const [record, second] = bench.proxy.records().slice(records)
      assert.equal(second, undefined)
      assert.ok(record !== undefined && record['outcome'] !== 'allowed')
      t.mock.restoreAll()
      bench.upstream.script = (_, socket) => void socket.write(whole(result('"tools":[]')))
      const after = await bench.talk(bench.post(LIST, token))
      assert.equal(after.replies[0]?.status, 200)
      await settled(() => bench.proxy.records().length > records + 1)
    })
  }
})
