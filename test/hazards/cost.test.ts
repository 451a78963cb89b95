// What a caller or a server can make the proxy spend with little of their own (T127, T128), and two ways
// to be missed: a task named beside the target (T121), CONNECT behind a call (T43).

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { chunked, whole } from '../support/hostile.ts'
import { startRaw } from './raw.ts'

const call = (params: object) =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
const CALL = call({ name: 'public' })

/** A connection of the bench that has sent these bytes. */
async function open(t: TestContext, port: number, bytes: Uint8Array) {
  const socket = connect({ port, host: '127.0.0.1' })
  t.after(() => socket.destroy())
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  socket.write(bytes)
  return socket
}

async function until(what: string, met: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000
  while (!met()) {
    if (Date.now() > deadline) throw new Error(`not in time: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const LAST_CHUNK = '0\r\n\r\n'

test('T128 a chunk of many events leaves in few writes', async (t) => {
  const { proxy, upstream, post } = await startRaw(t)
  const events = '\n'.repeat(20_000)
  // Without its end: a stream that is whole at once leaves in one write anyway.
  const parts = chunked(events)
  let end = () => {}
  upstream.script = (_, socket) => {
    end = () => socket.end(parts.subarray(-LAST_CHUNK.length))
    socket.write(parts.subarray(0, -LAST_CHUNK.length))
  }
  const socket = await open(t, proxy.port, post(CALL))
  let received = ''
  socket.on('data', (bytes: Buffer) => {
    received += bytes.toString('latin1')
  })
  await until('the head', () => received.includes('\r\n\r\n'))
  end()
  await until('the last chunk', () => received.endsWith(`\r\n${LAST_CHUNK}`))
  const sizes = received.match(/^[0-9a-f]+\r$/gm) ?? []
  const passed = sizes.reduce((sum, size) => sum + Number.parseInt(size, 16), 0)
  assert.equal(passed, events.length)
  assert.ok(sizes.length < 200, `${sizes.length} writes`)
})

test('T127 what was parsed is not held while the server is waited for', async (t) => {
  const { proxy, upstream, post } = await startRaw(t)
  upstream.script = () => undefined
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  const bytes = post(call({ name: 'public', arguments: { a: Array(80_000).fill({}) } }))
  const calls = 20
  const held = () => {
    collect()
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  }
  const before = held()
  for (let n = 0; n < calls; n++) await open(t, proxy.port, bytes)
  await until('every call', () => upstream.asked.length === calls)
  const seen = upstream.asked.splice(0).length
  assert.equal(seen, calls)
  // The bytes, their text, and what the sockets of this process still have of them.
  const factor = (held() - before) / (calls * bytes.length)
  assert.ok(factor < 10, `${factor.toFixed(1)} times the bytes`)
})

test('T121 a call that names the task of another in _meta is refused unseen', async (t) => {
  const { proxy, upstream, request, seen, talk } = await startRaw(t)
  upstream.script = (asked, socket) => {
    const { id, method, params } = JSON.parse(asked.body.toString())
    const capabilities = { tasks: { requests: { tools: { call: {} } } } }
    const task = { taskId: 'of-alice', status: 'working' }
    const result = method === 'initialize' ? { capabilities } : params.task ? { task } : {}
    socket.write(whole(JSON.stringify({ jsonrpc: '2.0', id, result })))
  }
  const say = async (sub: string, body: string) => {
    const token = await proxy.token({ sub, scope: '' })
    const headers = [`authorization: Bearer ${token}`, 'content-type: application/json']
    const { replies } = await talk(request('POST /mcp', headers, body))
    return replies[0]?.body ?? ''
  }
  const related = { 'io.modelcontextprotocol/related-task': { taskId: 'of-alice' } }
  const naming = call({ name: 'public', _meta: related })
  await say('alice', '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}')
  assert.match(await say('alice', call({ name: 'public', task: {} })), /of-alice/)
  const asked = await seen(async () => {
    const error = { code: -32602, message: 'Unknown task: of-alice' }
    assert.deepEqual(JSON.parse(await say('bob', naming)), { jsonrpc: '2.0', id: 1, error })
  })
  assert.deepEqual(asked, [])
  assert.match(await say('alice', naming), /"result":\{\}/)
})

test('T43 CONNECT behind a call is refused and has a record of its own', async (t) => {
  const { proxy, upstream, post } = await startRaw(t)
  upstream.script = () => undefined
  const tunnel = Buffer.from('CONNECT 169.254.169.254:80 HTTP/1.1\r\nhost: a\r\n\r\n')
  await open(t, proxy.port, Buffer.concat([post(CALL), tunnel]))
  const records = await proxy.recorded(2)
  assert.deepEqual(records.map(({ reason }) => reason).toSorted(), [
    'aborted',
    'method_not_allowed',
  ])
})
