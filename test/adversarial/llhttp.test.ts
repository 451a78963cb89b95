// The messages of llhttp's own tests: requests at the real listener, responses out of a hostile upstream.
// Nothing hidden is executed or shown, nothing extra is sent, and the next good exchange works.

import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import { describe, test } from 'node:test'
import { HIDDEN, inTurns, LIST, leak, settled, VISIBLE } from '../hazards/answers.ts'
import { type Ask, send } from '../hazards/ask.ts'
import { startHostile, whole } from '../support/hostile.ts'
import { startProxy } from '../support/proxy.ts'
import { type Block, blocksIn } from './blocks.ts'
import { corpus } from './front.ts'
import { judge, judgeRest, passed } from './judge.ts'
import type { Aimed } from './lane.ts'
import { draft, legacyDraft } from './messages.ts'
import { startRig } from './rig.ts'
import { type Shot, TRACE } from './shot.ts'
import { UPSTREAMS } from './upstreams.ts'

const { folder, skip } = corpus('llhttp')
const REQUESTS = skip ? [] : blocksIn(new URL('test/request/', folder))
const RESPONSES = skip ? [] : blocksIn(new URL('test/response/', folder))

const OURS = `host: 127.0.0.1\r\n${TRACE}\r\nauthorization: Bearer {token}\r\naccept: application/json, text/event-stream\r\ncontent-type: application/json\r\n`
const callOf = (name: string) =>
  `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"${name}","arguments":{}}}`
const SECRET = callOf('secret')
const SECOND = `POST /mcp HTTP/1.1\r\n${OURS}content-length: ${SECRET.length}\r\n\r\n${SECRET}`

/** As it is, and with our path, host and token: alone, before a call, and with a message as its body. */
function variants({ bytes }: Block): readonly string[] {
  const text = bytes.toString('latin1')
  const ours = text
    .replace(
      /^((?:\r\n)*[^ \r\n]+ )(\S+)( [^\r\n]*\r?\n?)/,
      (_, method, _target, end) => `${method}/mcp${end}${OURS}`,
    )
    .replace(/\r\nHost:[^\r\n]*/g, '')
  return [
    text,
    text + SECOND,
    ours,
    ours + SECOND,
    withBody(ours, SECRET),
    withBody(ours, callOf('public')),
  ]
}

/** The same head with another body, delimited the same way. */
function withBody(text: string, body: string): string {
  const end = text.indexOf('\r\n\r\n')
  const head = text.slice(0, end < 0 ? text.length : end).replace(/^[A-Z-]+ /, 'POST ')
  if (/\r\ntransfer-encoding:/i.test(head))
    return `${head}\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
  const sized = head.replace(/(\r\ncontent-length: *)\d+/i, `$1${body.length}`)
  const said = /\r\ncontent-length:/i.test(head)
    ? sized
    : `${head}\r\ncontent-length: ${body.length}`
  return `${said}\r\n\r\n${body}`
}

test('the request blocks of llhttp smuggle nothing (T30-T37)', { skip }, async (t) => {
  const rig = await startRig()
  t.after(() => rig.stop())
  const { shot } = draft('{}')
  const shots = REQUESTS.flatMap((block) =>
    variants(block).map((text, at): Aimed & { name: string } => ({
      name: `${block.name}, variant ${at}`,
      against: UPSTREAMS[at % 4] ?? 'stateless',
      shot: {
        ...shot,
        line: text.trimStart(),
        framing: 'bytes',
        body: Buffer.from(text, 'latin1'),
      } satisfies Shot,
    })),
  )
  assert.ok(shots.length > 900, `only ${shots.length}`)
  const volley = await rig.fire(shots)
  assert.deepEqual(judgeRest(volley), [])
  let forwarded = 0
  for (const [at, seen] of volley.seen.entries()) {
    assert.deepEqual(judge(seen), [], shots[at]?.name)
    forwarded += passed(seen).length
  }
  assert.ok(forwarded > 20, `only ${forwarded} sound ones with a public call were forwarded`)
  const good = legacyDraft('tools/call', { name: 'public', arguments: {} }).shot
  const last = await rig.fire(UPSTREAMS.map((against) => ({ shot: good, against })))
  for (const seen of last.seen) {
    assert.deepEqual(judge(seen), [])
    assert.deepEqual(passed(seen)[0]?.deeds, ['tool public'], seen.against)
  }
})

describe('the response blocks of llhttp', { skip }, () => {
  const asks: readonly Ask[] = [
    { method: 'tools/list' },
    { method: 'tools/call', params: { name: VISIBLE, arguments: {} } },
    { method: 'tools/list', modern: true },
    { http: 'GET' },
  ]
  for (const [at, ask] of asks.entries()) {
    const named = 'http' in ask ? ask.http : `${ask.modern ? 'modern' : 'legacy'} ${ask.method}`
    test(`as answers to a ${named} show nothing hidden and spoil no other exchange (T130, T134)`, async (t) => {
      const plans = new Map<string, Buffer>()
      const upstream = await startHostile((asked, socket) => {
        const plan = plans.get(asked.headers.get('mcp-param-row') ?? '')
        if (plan === undefined) return void socket.write(whole(LIST))
        socket.end(plan)
      })
      t.after(() => upstream.stop())
      const policy = { version: 1, tools: { [VISIBLE]: { anyone: true } } }
      const proxy = await startProxy({ upstream: upstream.url, policy })
      t.after(() => proxy.stop())
      const agent = new Agent({ keepAlive: true, maxSockets: 16 })
      t.after(() => agent.destroy())
      const token = await proxy.token({ scope: '' })
      for (const block of RESPONSES)
        for (const [n, bytes] of answers(block).entries())
          plans.set(`${block.name}-${n}-${at}`, bytes)
      await inTurns([...plans.keys()], 16, async (label) => {
        const got = await send(proxy.url, agent, token, ask, label)
        assert.equal(leak(got), undefined, label)
        const good = await send(proxy.url, agent, token, { method: 'tools/list' }, 'good')
        assert.equal(good.status, 200, `after ${label}`)
        assert.equal(leak(good), undefined, `after ${label}`)
        assert.ok(good.body.includes(VISIBLE), `after ${label}: ${good.body}`)
      })
      assert.equal(upstream.asked.length, 2 * plans.size)
      await settled(() => proxy.records().length >= 2 * plans.size)
      const records = proxy.records()
      assert.equal(records.length, 2 * plans.size)
      assert.deepEqual(
        records.filter(({ reason }) => reason === 'internal'),
        [],
      )
      assert.doesNotMatch(proxy.logged(), /a fault|a route failed|could not be recorded/)
    })
  }
})

/** As it is, with a second answer behind it, and with a list of ours as its body. */
function answers({ bytes }: Block): readonly Buffer[] {
  const text = bytes.toString('latin1')
  const end = text.indexOf('\r\n\r\n')
  const head = text.slice(0, end < 0 ? text.length : end)
  const typed = head
    .replace(/\r\ncontent-type:[^\r\n]*/gi, '')
    .replace(/\r\n|$/, '\r\ncontent-type: application/json$&')
  const body = /\r\ntransfer-encoding:/i.test(head)
    ? `${LIST.length.toString(16)}\r\n${LIST}\r\n0\r\n\r\n`
    : LIST
  const sized = typed.replace(/(\r\ncontent-length: *)\d+/i, `$1${LIST.length}`)
  return [
    bytes,
    Buffer.concat([bytes, whole(LIST)]),
    Buffer.from(`${typed}\r\n\r\n${body}`, 'latin1'),
    Buffer.from(`${sized}\r\n\r\n${body}`, 'latin1'),
    Buffer.concat([
      Buffer.from(`${sized}\r\n\r\n${body}`, 'latin1'),
      whole(LIST.replace(VISIBLE, HIDDEN)),
    ]),
  ]
}
