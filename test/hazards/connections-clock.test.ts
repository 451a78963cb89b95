// The clock of the machine jumps (T138): tokens are judged by it, and come and go with it; timers are
// not, so that no stream and no timeout ends early or late.

import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { startHostile, whole } from '../support/hostile.ts'
import { startProxy } from '../support/proxy.ts'
import { call, open } from './client.ts'

const POLICY = { version: 1, tools: { public: { anyone: true } } }
const ANSWER = whole('{"jsonrpc":"2.0","id":1,"result":{}}')
const HEAD =
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n'
const EVENT = 'data: {"jsonrpc":"2.0","method":"notifications/progress","params":{}}\n\n'
const MINUTE = 60_000

async function setUp(t: TestContext) {
  const streams = new Set<Socket>()
  const upstream = await startHostile((asked, socket) => {
    if (!asked.line.startsWith('GET')) return void socket.write(ANSWER)
    streams.add(socket)
    socket.write(HEAD)
  })
  t.after(() => upstream.stop())
  const proxy = await startProxy({ upstream: upstream.url, policy: POLICY })
  t.after(() => proxy.stop())
  const status = async (token: string) => {
    const answer = await open(proxy.url, token, call()).head
    await answer.ended
    return answer.status
  }
  const now = Date.now()
  const jump = (ms: number) => {
    t.mock.timers.reset()
    if (ms !== 0) t.mock.timers.enable({ apis: ['Date'], now: now + ms })
  }
  return { upstream, proxy, streams, status, jump }
}

test('a token follows the wall clock, remembered or not, and nothing is left of a jump (T138)', async (t) => {
  const { upstream, proxy, status, jump } = await setUp(t)
  const token = await proxy.token({ scope: '' }, { expiresIn: 300 })
  assert.equal(await status(token), 200)
  jump(10 * MINUTE)
  assert.equal(await status(token), 401)
  assert.equal(await status(await proxy.token({ scope: '' }, { expiresIn: 300 })), 401)
  jump(-10 * MINUTE)
  // Issued in the future, by this clock.
  assert.equal(await status(await proxy.token({ scope: '' })), 401)
  jump(0)
  assert.equal(await status(token), 200)
  assert.equal(await status(await proxy.token({ scope: '' })), 200)
  assert.equal(upstream.asked.length, 3)
})

test('a stream that stands outlives a jump of the clock, and so do the keys (T138)', async (t) => {
  const { proxy, streams, status, jump } = await setUp(t)
  const stream = await open(proxy.url, await proxy.token({ scope: '' })).head
  const [socket] = streams
  jump(120 * MINUTE)
  socket?.write(`${EVENT.length.toString(16)}\r\n${EVENT}\r\n`)
  await stream.holds('progress')
  jump(-120 * MINUTE)
  const again = EVENT.replace('progress', 'message')
  socket?.write(`${again.length.toString(16)}\r\n${again}\r\n`)
  await stream.holds('notifications/message')
  jump(0)
  assert.equal(await status(await proxy.token({ scope: '' })), 200)
  stream.outgoing.destroy()
})
