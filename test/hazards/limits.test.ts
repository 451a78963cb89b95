// Every bound holds and is a setting (T122-T128, T133, T137): what passes it is refused or ended, the
// rest goes on, and what was held is given back.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { type Script, startHostile, whole } from '../support/hostile.ts'
import { startProxy } from '../support/proxy.ts'
import { call, open } from './client.ts'
import { LIST, talk } from './raw.ts'

const POLICY = { version: 1, tools: { public: { anyone: true } } }
const RESULT = whole('{"jsonrpc":"2.0","id":1,"result":{}}')
const TOOLS = whole('{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}')
const JSON_HEAD =
  'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n'

async function setUp(t: TestContext, script: Script, settings: Record<string, string>) {
  const upstream = await startHostile(script)
  t.after(() => upstream.stop())
  const proxy = await startProxy({ upstream: upstream.url, policy: POLICY, settings })
  t.after(() => proxy.stop())
  const token = await proxy.token({ scope: '' })
  const post = (body: string, length = Buffer.byteLength(body)) =>
    Buffer.from(
      `POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${token}\r\n` +
        `accept: application/json, text/event-stream\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n${body}`,
    )
  return { upstream, proxy, token, post }
}

const answer: Script = ({ body }, socket) =>
  void socket.write(body.includes('tools/list') ? TOOLS : RESULT)

/** A raw connection; everything it received is in `seen`. */
async function dial(t: TestContext, port: number) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  t.after(() => socket.destroy())
  socket.on('error', () => undefined)
  let seen = ''
  socket.on('data', (chunk) => {
    seen += chunk
  })
  await once(socket, 'connect')
  return { socket, seen: () => seen, ended: ended(socket) }
}

function ended(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()))
}

async function gauge(adminUrl: string, name: string): Promise<number> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text()
  return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1])
}

/** Waits, 5 s at most, until the condition holds. */
async function until(holds: () => Promise<boolean> | boolean, what: string): Promise<void> {
  const deadline = Date.now() + 5_000
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, what)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

test('T133 one caller cannot take every connection to the upstream, others go on', async (t) => {
  const held: Socket[] = []
  const script: Script = (asked, socket) => {
    if (asked.headers.get('x-toolstile-subject') === 'greedy') held.push(socket)
    else socket.write(RESULT)
  }
  const settings = { MAX_INFLIGHT_PER_CALLER: '3', MAX_INFLIGHT: '5' }
  const { upstream, proxy, token } = await setUp(t, script, settings)
  const greedy = await proxy.token({ sub: 'greedy', scope: '' })
  const waiting = [1, 2, 3].map((id) => open(proxy.url, greedy, call(id)))
  await until(() => held.length === 3, 'three calls under way')
  const refused = await open(proxy.url, greedy, call(4)).head
  await refused.ended
  assert.equal(refused.status, 429)
  assert.equal(refused.response.headers['retry-after'], '1')
  assert.equal(refused.text(), '{"error":"too many requests under way"}')
  const other = await open(proxy.url, token, call(5)).head
  await other.ended
  assert.equal(other.status, 200)
  assert.equal(upstream.asked.length, 4)
  for (const socket of held) socket.write(RESULT)
  for (const { head } of waiting) await (await head).ended
  const again = open(proxy.url, greedy, call(6))
  await until(() => held.length === 4, 'a further call once the first ones are over')
  again.outgoing.destroy()
})

test('T133 past MAX_INFLIGHT a request is 503 with Retry-After and never reaches the upstream', async (t) => {
  const held: Socket[] = []
  const { upstream, proxy, token } = await setUp(t, (_, socket) => void held.push(socket), {
    MAX_INFLIGHT: '2',
  })
  const waiting = [1, 2].map((id) => open(proxy.url, token, call(id)))
  await until(() => held.length === 2, 'two calls under way')
  const refused = await open(proxy.url, token, call(3)).head
  await refused.ended
  assert.equal(refused.status, 503)
  assert.equal(refused.response.headers['retry-after'], '1')
  assert.equal(upstream.asked.length, 2)
  // A caller that leaves gives its place back.
  for (const { outgoing } of waiting) outgoing.destroy()
  await until(
    async () => (await gauge(proxy.adminUrl, 'toolstile_inflight_requests')) === 0,
    'nothing under way',
  )
  const next = open(proxy.url, token, call(4))
  await until(() => held.length === 3, 'a further call reaches the upstream')
  next.outgoing.destroy()
})

test('T126 bodies that are within MAX_BODY, but together too many, are 503', async (t) => {
  const settings = { MAX_BODY: '64KiB', MAX_BUFFERED: '100KiB' }
  const { upstream, proxy, post } = await setUp(t, answer, settings)
  const body = LIST.padEnd(60_000, ' ')
  const slow = await dial(t, proxy.port)
  slow.socket.write(post(body, 60_000).subarray(0, -1))
  const second = await dial(t, proxy.port)
  // The first body is held to the last byte but one: there is no room for another of its size.
  await until(async () => {
    const { replies } = await talk(proxy.port, post(body))
    return replies[0]?.status === 503
  }, 'a second body is refused')
  assert.equal((await talk(proxy.port, post(LIST))).replies[0]?.status, 200)
  slow.socket.write(' ')
  await until(() => slow.seen().startsWith('HTTP/1.1 200'), 'the first body is answered')
  second.socket.destroy()
  assert.equal((await talk(proxy.port, post(body))).replies[0]?.status, 200)
  assert.equal(upstream.leftover(), 0)
})

test('T126 an answer that must be seen whole and finds no room is 503', async (t) => {
  const list = `{"jsonrpc":"2.0","id":1,"result":{"tools":[]},"x":"${'x'.repeat(4_000)}"}`
  const { proxy, post } = await setUp(t, (_, socket) => void socket.write(whole(list)), {
    MAX_BUFFERED: '2KiB',
  })
  const { replies } = await talk(proxy.port, post(LIST))
  assert.equal(replies[0]?.status, 503)
  await until(() => proxy.records().length === 1, 'the exchange is recorded')
  assert.equal(proxy.records()[0]?.['reason'], 'overloaded')
})

test('T133 a JSON answer that falls silent ends its client, not cleanly, as upstream_slow', async (t) => {
  const script: Script = (_, socket) => void socket.write(`${JSON_HEAD}11\r\n{"jsonrpc":"2.0",\r\n`)
  const { proxy, token, upstream } = await setUp(t, script, { UPSTREAM_IDLE_TIMEOUT: '200ms' })
  const answered = await open(proxy.url, token, call()).head
  assert.equal(answered.status, 200)
  assert.equal(await answered.ended, false)
  await until(() => upstream.sockets.size === 0, 'the upstream connection is gone')
  await until(() => proxy.records().length === 1, 'the exchange is recorded')
  assert.equal(proxy.records()[0]?.['reason'], 'upstream_slow')
  assert.equal(proxy.records()[0]?.['outcome'], 'failed')
})

test('T133 a JSON answer that trickles is slow, but not silent', async (t) => {
  const script: Script = (_, socket) => {
    socket.write(JSON_HEAD)
    const parts = [...'{"jsonrpc":"2.0","id":1,"result":{}}']
    const timer = setInterval(() => {
      const part = parts.shift()
      socket.write(part === undefined ? '0\r\n\r\n' : `1\r\n${part}\r\n`)
      if (part === undefined) clearInterval(timer)
    }, 10)
    t.after(() => clearInterval(timer))
  }
  const { proxy, token } = await setUp(t, script, { UPSTREAM_IDLE_TIMEOUT: '200ms' })
  const answered = await open(proxy.url, token, call()).head
  assert.equal(await answered.ended, true)
  assert.equal(answered.text(), '{"jsonrpc":"2.0","id":1,"result":{}}')
})

test('T124 a client that pauses is not taken for a silent upstream', async (t) => {
  const text = 'x'.repeat(8_000_000)
  const body = `{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"${text}"}]}}`
  const { proxy, post } = await setUp(t, (_, socket) => void socket.write(whole(body)), {
    UPSTREAM_IDLE_TIMEOUT: '100ms',
  })
  const reader = await dial(t, proxy.port)
  reader.socket.pause()
  reader.socket.write(post(JSON.stringify(call())))
  await new Promise((resolve) => setTimeout(resolve, 500))
  reader.socket.resume()
  await until(() => reader.seen().length > text.length, 'the whole answer')
  assert.ok(reader.seen().includes('"}]}}'))
})

test('T124 a client that takes nothing for STALL_TIMEOUT is dropped with its upstream leg', async (t) => {
  const text = 'x'.repeat(32_000_000)
  const body = `{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"${text}"}]}}`
  const { upstream, proxy, post } = await setUp(t, (_, socket) => void socket.write(whole(body)), {
    STALL_TIMEOUT: '400ms',
  })
  const reader = await dial(t, proxy.port)
  reader.socket.pause()
  reader.socket.write(post(JSON.stringify(call())))
  await until(() => proxy.records().length === 1, 'the exchange ended')
  assert.equal(proxy.records()[0]?.['outcome'], 'aborted')
  await until(() => upstream.sockets.size === 0, 'the upstream connection is gone')
})

test('T122 a head that does not come, or trickles, ends its connection in time', async (t) => {
  const { proxy, upstream } = await setUp(t, answer, { HEADERS_TIMEOUT: '300ms' })
  const silent = await dial(t, proxy.port)
  const slow = await dial(t, proxy.port)
  slow.socket.write('POST /mcp HTTP/1.1\r\nhost: a')
  const trickle = setInterval(() => slow.socket.write('a'), 20)
  t.after(() => clearInterval(trickle))
  await Promise.all([silent.ended, slow.ended])
  assert.match(slow.seen(), /^HTTP\/1\.1 408 /)
  assert.equal(upstream.asked.length, 0)
  // A connection that said nothing asked nothing: there is one record, of the slow head.
  await until(() => proxy.records().length > 0, 'the record')
  assert.deepEqual(
    proxy.records().map(({ reason, status }) => [reason, status]),
    [['head_too_slow', 408]],
  )
})

test('T123 a body that is not complete within BODY_TIMEOUT is 408, and the upstream sees nothing', async (t) => {
  const { proxy, upstream, post } = await setUp(t, answer, { BODY_TIMEOUT: '200ms' })
  const slow = await dial(t, proxy.port)
  slow.socket.write(post('{', 500))
  const trickle = setInterval(() => slow.socket.write(' '), 20)
  t.after(() => clearInterval(trickle))
  await slow.ended
  assert.match(slow.seen(), /^HTTP\/1\.1 408 [\s\S]*"the body took too long"/)
  assert.equal(upstream.asked.length, 0)
  await until(() => proxy.records().length > 0, 'the record')
  assert.equal(proxy.records()[0]?.['reason'], 'body_too_slow')
})

test('T122 a connection without a request ends after KEEP_ALIVE_TIMEOUT', async (t) => {
  const { proxy, post } = await setUp(t, answer, { KEEP_ALIVE_TIMEOUT: '100ms' })
  const idle = await dial(t, proxy.port)
  idle.socket.write(post(LIST))
  await idle.ended
  assert.match(idle.seen(), /^HTTP\/1\.1 200 /)
})

test('T47 a head of more than MAX_HEADERS is 431', async (t) => {
  const { proxy, upstream } = await setUp(t, answer, { MAX_HEADERS: '8KiB' })
  const head = `POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\nx-a: ${'a'.repeat(8_192)}\r\n\r\n`
  const { replies } = await talk(proxy.port, Buffer.from(head))
  assert.equal(replies[0]?.status, 431)
  await until(() => proxy.records().length === 1, 'the record')
  assert.equal(proxy.records()[0]?.['reason'], 'head_too_large')
  assert.equal(upstream.asked.length, 0)
})

test('T122 past MAX_CONNECTIONS the connection that was idle longest gives way', async (t) => {
  const { proxy, post } = await setUp(t, answer, { MAX_CONNECTIONS: '4' })
  const idle = [await dial(t, proxy.port), await dial(t, proxy.port), await dial(t, proxy.port)]
  const good = await dial(t, proxy.port)
  good.socket.write(post(JSON.stringify(call())))
  await until(() => good.seen().includes('"result"'), 'an answer')
  const next = await dial(t, proxy.port)
  next.socket.write(post(JSON.stringify(call())))
  await until(() => next.seen().includes('"result"'), 'an answer on a new connection')
  await idle[0]?.ended
  assert.deepEqual(
    [idle[1], idle[2], good].map((one) => one?.socket.destroyed),
    [false, false, false],
  )
})

test('T137 when every connection has a request under way, a new one is told 503', async (t) => {
  const held: Socket[] = []
  const script: Script = (_, socket) => void held.push(socket)
  const { proxy, post } = await setUp(t, script, { MAX_CONNECTIONS: '2' })
  const busy = [await dial(t, proxy.port), await dial(t, proxy.port)]
  for (const { socket } of busy) socket.write(post(JSON.stringify(call())))
  await until(() => held.length === 2, 'two calls under way')
  const late = await dial(t, proxy.port)
  await late.ended
  assert.match(late.seen(), /^HTTP\/1\.1 503 /)
  for (const socket of held) socket.write(RESULT)
  await until(() => busy.every(({ seen }) => seen().includes('"result"')), 'both are answered')
})

test('T37 T127 a connection with more than 100 requests waiting ends, and none of them is begun', async (t) => {
  const { upstream, proxy, post } = await setUp(t, () => undefined, {})
  const many = await dial(t, proxy.port)
  many.socket.write(Buffer.concat(Array.from({ length: 150 }, () => post(JSON.stringify(call())))))
  await many.ended
  await until(() => proxy.records().length > 100, 'what came is recorded')
  const reasons = proxy.records().map(({ reason }) => reason)
  assert.equal(reasons.filter((reason) => reason === 'overloaded').length, 1)
  assert.ok(reasons.every((reason) => reason === 'overloaded' || reason === 'aborted'))
  assert.ok(upstream.asked.length <= 1)
})

test('T37 T127 of pipelined requests each waits for the answer to the one before it', async (t) => {
  const held: Socket[] = []
  const { upstream, proxy, post } = await setUp(t, (_, socket) => void held.push(socket), {})
  const many = await dial(t, proxy.port)
  const ids = Array.from({ length: 100 }, (_, id) => id)
  many.socket.write(Buffer.concat(ids.map((id) => post(JSON.stringify(call(id))))))
  for (const id of ids) {
    await until(() => held.length > 0, `call ${id} reaches the upstream`)
    assert.equal(upstream.asked.length, id + 1)
    assert.equal(JSON.parse(upstream.asked[id]?.body.toString() ?? '').id, id)
    held.pop()?.write(RESULT)
  }
  await until(() => many.seen().split('"result"').length === 101, 'all are answered')
  assert.equal(many.socket.destroyed, false)
})

test('T126 events that are held back count against MAX_BUFFERED', async (t) => {
  const head = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n'
  const script: Script = (_, socket) => void socket.write(`${head}data: ${'x'.repeat(200_000)}`)
  const { proxy, token } = await setUp(t, script, { MAX_BUFFERED: '64KiB' })
  const answered = await open(proxy.url, token, call()).head
  assert.equal(answered.status, 502)
  assert.equal(await answered.ended, true)
  assert.doesNotMatch(answered.text(), /data|xxx/)
})

test('T30 T43 what is no request is answered once, recorded once, and ends its connection', async (t) => {
  const { proxy, upstream } = await setUp(t, answer, {})
  const rows = [
    ['GARBAGE', 400, 'http_malformed'],
    ['\x16\x03\x01\x02\x00\x01\x00', 400, 'http_malformed'],
    ['POST /mcp HTTP/1.1\r\nhost: a\r\ncontent-length: x', 400, 'http_malformed'],
    ['CONNECT 169.254.169.254:80 HTTP/1.1\r\nhost: a', 405, 'method_not_allowed'],
  ] as const
  for (const [head, status, reason] of rows) {
    const before = proxy.records().length
    const { replies } = await talk(proxy.port, Buffer.from(`${head}\r\n\r\n`, 'latin1'), 2)
    assert.deepEqual(
      replies.map((reply) => [reply.status, reply.headers.get('connection')]),
      [[status, 'close']],
    )
    assert.deepEqual(Object.keys(JSON.parse(replies[0]?.body ?? '')), ['error'])
    await until(() => proxy.records().length > before, 'the record')
    assert.deepEqual(
      proxy
        .records()
        .slice(before)
        .map((row) => [row['reason'], row['status'], row['decision']]),
      [[reason, status, 'denied']],
    )
  }
  assert.equal(upstream.asked.length, 0)
})

test('T37 what is no request waits for the answers to those before it', async (t) => {
  const { proxy, upstream, post } = await setUp(
    t,
    async (_, socket) => {
      await new Promise((resolve) => setTimeout(resolve, 50))
      socket.write(RESULT)
    },
    {},
  )
  const garbage = Buffer.from('GARBAGE\r\n\r\nGARBAGE\r\n\r\n')
  const bytes = Buffer.concat([post(JSON.stringify(call())), garbage])
  const { replies } = await talk(proxy.port, bytes, 3)
  assert.deepEqual(
    replies.map((reply) => reply.status),
    [200, 400],
  )
  await until(() => proxy.records().length >= 2, 'both are recorded')
  // A record is written after its answer, so not always in the order of the answers.
  assert.deepEqual(new Set(proxy.records().map((row) => row['status'])), new Set([200, 400]))
  assert.equal(upstream.asked.length, 1)
})
