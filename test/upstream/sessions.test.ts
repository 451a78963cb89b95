// Sessions of the demo server on the wire: GET streams, resumption, subscriptions and their end.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { startUpstream } from '../../upstream/server.ts'

const accept = 'application/json, text/event-stream'

async function openSession(t: TestContext) {
  const upstream = await startUpstream({ mode: 'sessions', port: 0 })
  t.after(() => upstream.close())
  const headers: Record<string, string> = { accept, 'content-type': 'application/json' }
  const post = (method: string, params: object, id?: number, signal?: AbortSignal) =>
    fetch(upstream.url, {
      method: 'POST',
      headers,
      body: JSON.stringify({ jsonrpc: '2.0', id, method, params }),
      ...(signal === undefined ? {} : { signal }),
    })
  const clientInfo = { name: 'raw', version: '1' }
  const protocolVersion = '2025-11-25'
  const opened = await post('initialize', { protocolVersion, capabilities: {}, clientInfo }, 0)
  headers['mcp-session-id'] = opened.headers.get('mcp-session-id') ?? ''
  headers['mcp-protocol-version'] = protocolVersion
  await opened.text()
  assert.equal((await post('notifications/initialized', {})).status, 202)
  const listen = (extra: Record<string, string> = {}) =>
    fetch(upstream.url, { headers: { ...headers, accept: 'text/event-stream', ...extra } })
  return { upstream, headers, post, listen }
}

async function readUntil(response: Response, wanted: RegExp): Promise<RegExpExecArray> {
  assert.ok(response.body)
  let text = ''
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk
    const match = wanted.exec(text)
    if (match !== null) return match
  }
  throw new Error(`The stream ended before ${wanted}: ${text}`)
}

test('a list is answered as an event stream', async (t) => {
  const { post } = await openSession(t)
  const response = await post('tools/list', {}, 1)
  assert.equal(response.headers.get('content-type'), 'text/event-stream')
  assert.match(await response.text(), /event: message\nid: \S+\ndata: \{"result":\{"tools":/)
})

test('a client that lost its stream gets the rest by its last event id', async (t) => {
  const { post, listen } = await openSession(t)
  const params = { name: 'count_slowly', arguments: { steps: 2, intervalMs: 20 } }
  const lost = new AbortController()
  const first = await post('tools/call', params, 7, lost.signal)
  const [, lastId] = await readUntil(first, /id: (\S+)\nretry: \d+\n/)
  lost.abort()
  // 409 until the server has noticed that the first stream is gone.
  const resume = () => listen({ 'last-event-id': String(lastId) })
  let resumed = await resume()
  while (resumed.status === 409) resumed = await resume()
  assert.equal(resumed.status, 200)
  const [, answer] = await readUntil(resumed, /data: (\{"result".*"id":7\})\n/)
  assert.match(String(answer), /Counted to 2\./)
})

test('a subscriber hears on its GET stream that a resource has changed', async (t) => {
  const { upstream, post, listen } = await openSession(t)
  const stream = await listen()
  await (await post('resources/subscribe', { uri: 'docs://public/guide' }, 3)).text()
  upstream.touch('docs://confidential/memo')
  upstream.touch('docs://public/guide')
  const [, uri] = await readUntil(stream, /notifications\/resources\/updated.*"uri":"([^"]+)"/)
  assert.equal(uri, 'docs://public/guide')
})

test('DELETE ends a session, which is then unknown', async (t) => {
  const { upstream, headers, post } = await openSession(t)
  assert.equal(upstream.sessions(), 1)
  assert.equal((await fetch(upstream.url, { method: 'DELETE', headers })).status, 200)
  assert.equal(upstream.sessions(), 0)
  assert.equal((await post('tools/list', {}, 9)).status, 404)
})

test('a request without a session gets the answer of the SDK', async (t) => {
  const { upstream } = await openSession(t)
  const response = await fetch(upstream.url, {
    method: 'POST',
    headers: { accept, 'content-type': 'application/json' },
    body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
  })
  assert.equal(response.status, 400)
  assert.match(await response.text(), /"code":-32000,"message":"Bad Request: Server not init/)
  assert.equal(upstream.sessions(), 1)
})
