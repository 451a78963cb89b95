// JSONTestSuite at the real listener, in four positions: as the whole body, as arguments, as id, and in
// the result of an upstream. What is no JSON is never passed on, what is JSON arrives byte for byte.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { HIDDEN, inTurns, leak, settled, VISIBLE } from '../hazards/answers.ts'
import { send } from '../hazards/ask.ts'
import { startHostile, whole } from '../support/hostile.ts'
import { startProxy } from '../support/proxy.ts'
import { corpus } from './front.ts'
import { judge, judgeRest, passed } from './judge.ts'
import type { Aimed } from './lane.ts'
import { draft } from './messages.ts'
import { type Rig, startRig } from './rig.ts'
import { UPSTREAMS, type UpstreamName } from './upstreams.ts'

const { folder, skip } = corpus('JSONTestSuite')
const parsing = new URL('test_parsing/', folder)
const FILES = skip
  ? []
  : readdirSync(parsing)
      .filter((file) => file.endsWith('.json'))
      .sort()
const textOf = (file: string) => readFileSync(new URL(encodeURIComponent(file), parsing))

const around = (before: string, after: string) => (bytes: Buffer) =>
  Buffer.concat([Buffer.from(before), bytes, Buffer.from(after)])
const POSITIONS = {
  body: (bytes: Buffer) => bytes,
  arguments: around(
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"public","arguments":',
    '}}',
  ),
  id: around(
    '{"jsonrpc":"2.0","method":"tools/call","params":{"name":"public","arguments":{}},"id":',
    '}',
  ),
}

/** Only arguments reach an upstream for it to read. */
function aims(position: string, at: number): readonly UpstreamName[] {
  return position === 'arguments' ? UPSTREAMS : UPSTREAMS.slice(at % 4, (at % 4) + 1)
}

/** A string, or an integer as everybody writes it. */
function isId(text: string): boolean {
  const value: unknown = JSON.parse(text)
  return typeof value === 'string' || (Number.isSafeInteger(value) && String(value) === text)
}

/** Valid JSON that is refused all the same: a repeated name. */
const REPEATED = /^y_object_duplicated_key/

describe('JSONTestSuite in a request', { skip }, () => {
  let rig: Rig
  before(async () => {
    rig = await startRig({ directly: 'one' })
  })
  after(() => rig.stop())
  for (const [position, wrap] of Object.entries(POSITIONS)) {
    test(`as ${position}: no n_ passes, no reading differs, y_ passes where MCP allows it (T19)`, async () => {
      const shots = FILES.flatMap((file, at) =>
        aims(position, at).map((against): Aimed & { file: string } => {
          const { shot } = draft('{}', ['mcp-session-id: {session}'])
          shot.body = wrap(textOf(file))
          return { file, shot, against }
        }),
      )
      const volley = await rig.fire(shots)
      assert.deepEqual(judgeRest(volley), [])
      for (const [at, seen] of volley.seen.entries()) {
        const file = shots[at]?.file ?? ''
        const where = `${file} to ${seen.against}`
        assert.deepEqual(judge(seen), [], where)
        const [record] = seen.records
        const isForwarded = passed(seen).length > 0
        if (file.startsWith('n_')) {
          assert.equal(isForwarded, false, where)
          assert.equal(seen.front.replies[0]?.status, 400, where)
        }
        if (file.startsWith('y_') && position === 'arguments')
          assert.equal(isForwarded, !REPEATED.test(file), `${where}: ${record?.reason}`)
        if (position === 'id' && file.startsWith('y_'))
          assert.equal(isForwarded, isId(textOf(file).toString()), where)
        if (position === 'body') assert.equal(isForwarded, false, where)
      }
    })
  }
})

describe('JSONTestSuite in the result of an upstream', { skip }, () => {
  for (const kind of ['application/json', 'text/event-stream']) {
    test(`as ${kind}: a list that holds no JSON is not passed on, one that holds JSON is filtered`, async (t) => {
      const upstream = await startHostile((asked, socket) => {
        const file = asked.headers.get('mcp-param-row') ?? ''
        const list = around(
          `{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"${VISIBLE}"},{"name":"${HIDDEN}"}],"x":`,
          '}}',
        )
        const text = FILES.includes(file) ? list(textOf(file)) : list(Buffer.from('1'))
        const isEvent = kind === 'text/event-stream'
        const body = isEvent
          ? Buffer.concat([Buffer.from('data: '), text, Buffer.from('\n\n')])
          : text
        socket.write(whole(body, [`content-type: ${kind}`]))
      })
      t.after(() => upstream.stop())
      const tools = { [VISIBLE]: { anyone: true } }
      const proxy = await startProxy({ upstream: upstream.url, policy: { version: 1, tools } })
      t.after(() => proxy.stop())
      const agent = new Agent({ keepAlive: true, maxSockets: 8 })
      t.after(() => agent.destroy())
      const token = await proxy.token({ scope: '' })
      let shown = 0
      await inTurns(FILES, 8, async (file) => {
        const got = await send(proxy.url, agent, token, { method: 'tools/list' }, file)
        assert.equal(leak(got), undefined, file)
        const passes = got.body.includes(VISIBLE)
        if (passes) shown++
        if (file.startsWith('n_')) assert.equal(passes, false, file)
        // A line break ends a line of an event stream, so that only JSON of one line fits into one.
        const fits = kind === 'application/json' || !/[\r\n]/.test(textOf(file).toString('latin1'))
        if (file.startsWith('y_') && !REPEATED.test(file) && fits) {
          assert.ok(passes, file)
          assert.ok(got.body.includes(Buffer.concat([Buffer.from('"x":'), textOf(file)])), file)
        }
      })
      assert.ok(shown > 80, `${shown} were shown`)
      const last = await send(proxy.url, agent, token, { method: 'tools/list' }, 'alive')
      assert.equal(last.status, 200)
      await settled(() => proxy.records().length > FILES.length)
      assert.equal(proxy.records().length, FILES.length + 1)
    })
  }
})
