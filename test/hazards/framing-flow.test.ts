// Requests in sequence and in part: pipelining, connections that are used again, bodies announced
// before they are sent, bodies that never stop (T35, T37, T38, T44, T45, T50, T123).

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, request } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { Budget } from '../../proxy/policy/budget.ts'
import { read } from '../../proxy/stages/read.ts'
import { boundsOf } from '../support/body.ts'
import { LIST, startRaw } from './raw.ts'

const NONE = 'authorization: none'

test('each pipelined request is authenticated on its own (T37)', async (t) => {
  const bench = await startRaw(t)
  const { post, talk } = bench
  const seen = await bench.seen(async () => {
    const both = await talk(Buffer.concat([post(LIST), post(LIST, [NONE]), post(LIST)]), 3)
    assert.deepEqual(
      both.replies.map(({ status }) => status),
      [200, 401, 200],
    )
  })
  assert.equal(seen.length, 2)
})

test('a connection remembers no caller: each request shows its own token (T38)', async (t) => {
  const bench = await startRaw(t)
  const bob = await bench.proxy.token({ sub: 'bob', scope: '' })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.after(() => agent.destroy())
  const sockets = new Set<Socket>()
  const ask = async (authorization?: string) => {
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(authorization === undefined ? {} : { authorization }),
    }
    const outgoing = request(bench.proxy.url, { agent, method: 'POST', headers })
    outgoing.end(LIST)
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
    sockets.add(response.socket)
    response.resume()
    await once(response, 'end')
    return response.statusCode
  }
  const seen = await bench.seen(async () => {
    assert.equal(await ask(`Bearer ${bench.token}`), 200)
    assert.equal(await ask(), 401)
    assert.equal(await ask('Bearer x'), 401)
    assert.equal(await ask(`Bearer ${bob}`), 200)
    assert.equal(await ask(), 401)
  })
  assert.equal(sockets.size, 1)
  assert.deepEqual(
    seen.map(({ headers }) => headers.get('x-toolstile-subject')),
    ['alice', 'bob'],
  )
})

test('answers to pipelined requests keep their order (T37)', async (t) => {
  const { post, talk } = await startRaw(t)
  const ids = Array.from({ length: 50 }, (_, n) => n)
  const requests = ids.map((id) => post(LIST.replace('"id":1', `"id":${id}`)))
  const { replies } = await talk(Buffer.concat(requests), ids.length)
  assert.deepEqual(
    replies.map(({ body }) => JSON.parse(body).id),
    ids,
  )
})

test('a trailer is never a header (T35)', async (t) => {
  const bench = await startRaw(t)
  const chunk = `${LIST.length.toString(16)}\r\n${LIST}\r\n0\r\n`
  const trailers = `authorization: Bearer ${bench.token}\r\nx-toolstile-subject: root\r\n\r\n`
  const head = ['transfer-encoding: chunked', 'trailer: authorization']
  const seen = await bench.seen(async () => {
    const refused = await bench.talk(bench.post(`${chunk}${trailers}`, [...head, NONE]))
    assert.equal(refused.replies[0]?.status, 401)
    const passed = await bench.talk(bench.post(`${chunk}${trailers}`, head))
    assert.equal(passed.replies[0]?.status, 200)
  })
  assert.equal(seen.length, 1)
  assert.equal(seen[0]?.headers.get('x-toolstile-subject'), 'alice')
  assert.doesNotMatch(seen[0]?.rawHead ?? '', /root|trailer|transfer-encoding/i)
})

test('60,000 chunks of 1 byte are one body, a million of them are refused (T34)', async (t) => {
  const bench = await startRaw(t)
  const body = `${LIST}${' '.repeat(60_000)}`
  const inChunks = (text: string) =>
    `${[...text].map((byte) => `1\r\n${byte}\r\n`).join('')}0\r\n\r\n`
  const chunks = inChunks(body)
  const seen = await bench.seen(async () => {
    const { replies } = await bench.talk(bench.post(chunks, ['transfer-encoding: chunked']))
    assert.equal(replies[0]?.status, 200)
    const many = inChunks(`${LIST}${' '.repeat(1_000_000)}`)
    const refused = await bench.talk(bench.post(many, ['transfer-encoding: chunked']))
    assert.equal(refused.replies[0]?.status, 413)
  })
  assert.equal(seen.length, 1)
  assert.equal(seen[0]?.body.toString(), body)
})

test('a method named in a header is not the method (T43)', async (t) => {
  const bench = await startRaw(t)
  const seen = await bench.seen(async () => {
    for (const name of ['x-http-method-override', 'x-http-method', 'x-method-override']) {
      const { replies } = await bench.talk(bench.post(LIST, [`${name}: DELETE`]))
      assert.equal(replies[0]?.status, 200)
    }
  })
  assert.equal(seen.length, 3)
  for (const { line, rawHead } of seen) {
    assert.equal(line, 'POST /mcp HTTP/1.1')
    assert.doesNotMatch(rawHead, /DELETE/)
  }
})

test('a connection that asked for an upgrade ends with its answer (T44)', async (t) => {
  const bench = await startRaw(t)
  const asks = ['connection: upgrade', 'upgrade: websocket']
  const seen = await bench.seen(async () => {
    // Node tells nobody of what is no HTTP behind it: the second one would hang.
    const broken = bench.post(LIST, ['x: \x01'])
    const { replies, closed } = await bench.talk(
      Buffer.concat([bench.post(LIST, asks), broken]),
      Number.POSITIVE_INFINITY,
    )
    assert.deepEqual(
      replies.map(({ status }) => status),
      [200],
    )
    assert.equal(replies[0]?.headers.get('connection'), 'close')
    assert.equal(closed, true)
  })
  assert.equal(seen.length, 1)
})

test('the query and an upgrade stay behind (T41, T44)', async (t) => {
  const bench = await startRaw(t)
  const upgrades = [
    ['upgrade: h2c', 'connection: upgrade, http2-settings', 'http2-settings: AAMAAABkAAQAAP__'],
    ['upgrade: websocket', 'connection: upgrade', 'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=='],
  ]
  const seen = await bench.seen(async () => {
    for (const headers of upgrades) {
      const line = 'POST /mcp?sessionId=1&_method=DELETE'
      const type = 'content-type: application/json'
      const { replies } = await bench.talk(bench.request(line, [type, ...headers], LIST))
      assert.equal(replies[0]?.status, 200)
    }
  })
  for (const { line, rawHead } of seen) {
    assert.equal(line, 'POST /mcp HTTP/1.1')
    assert.doesNotMatch(rawHead, /upgrade|http2|websocket/i)
  }
})

test('100 Continue comes after authentication, and only then (T45)', async (t) => {
  const { post, talk, seen } = await startRaw(t)
  const expect = 'expect: 100-continue'
  const asked = await seen(async () => {
    const cases = [
      [[expect], [100, 200]],
      [[expect, NONE], [401]],
      [[expect, 'content-type: text/plain'], [415]],
      [['expect: banana'], [417]],
      [[expect, expect], [400]],
    ] as const
    for (const [headers, statuses] of cases) {
      const { replies } = await talk(post(LIST, headers))
      assert.deepEqual(
        replies.map(({ status }) => status),
        statuses,
      )
    }
  })
  assert.equal(asked.length, 1)
  assert.equal(asked[0]?.headers.has('expect'), false)
})

test('a body that is not wanted is read for 64 KiB, and the connection ends (T50)', async (t) => {
  const bench = await startRaw(t)
  const head = bench.post('', [NONE, 'content-length: 1000000000'])
  const socket = connect(bench.proxy.port, '127.0.0.1')
  t.after(() => socket.destroy())
  let answer = ''
  socket.on('data', (chunk) => {
    answer += chunk
  })
  socket.on('error', () => undefined)
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.write(head)
  const block = Buffer.alloc(65_536)
  const feed = () => {
    while (!socket.destroyed && socket.write(block));
  }
  socket.on('drain', feed)
  feed()
  await closed
  assert.match(answer, /^HTTP\/1\.1 401 /)
  assert.ok(socket.bytesWritten < 16_000_000, `${socket.bytesWritten} bytes were taken`)
  assert.equal(bench.upstream.asked.length, 0)
})

test('a body that breaks off leaves one record and one connection less', async (t) => {
  const bench = await startRaw(t)
  const socket = connect(bench.proxy.port, '127.0.0.1')
  t.after(() => socket.destroy())
  await once(socket, 'connect')
  socket.end(bench.post(LIST, ['content-length: 500']))
  await once(socket.resume(), 'close')
  await bench.talk(bench.post(LIST))
  assert.equal(bench.upstream.asked.length, 1)
  assert.doesNotMatch(bench.proxy.logged(), /"a fault"/)
})

test('a body that trickles in is 408 (T123)', async (t) => {
  const outcome = Promise.withResolvers<unknown>()
  const server = createServer((request: IncomingMessage, response) => {
    const headers = new Map([['content-type', 'application/json']])
    const limits = { maxBytes: 1_000, maxDepth: 64, timeoutMs: 100 }
    outcome.resolve(
      read(
        { http: 'POST', headers },
        request,
        response,
        limits,
        { lease: new Budget(1_000).lease(), ...boundsOf() },
        (message) => message,
      ),
    )
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => server.close().closeAllConnections())
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.on('error', () => undefined)
  socket.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 900\r\n\r\n{')
  const trickle = setInterval(() => socket.write(' '), 20)
  t.after(() => clearInterval(trickle))
  assert.deepEqual(await outcome.promise, {
    denied: 'body_too_slow',
    detail: 'the body is not complete in time',
  })
})
