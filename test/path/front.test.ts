// The client side beside the MCP exchange: metadata documents, CORS, Host and Origin, health.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type IncomingMessage, request as open } from 'node:http'
import { test } from 'node:test'
import { setScene } from '../support/scene.ts'
import { legacy, post, reply } from '../support/wire.ts'

const METADATA = '/.well-known/oauth-protected-resource'
const APP = 'https://app.example.com'
const LIST = legacy('tools/list')

/** A POST with headers that `fetch` would set itself. */
async function postAs(port: number, headers: Record<string, string>): Promise<IncomingMessage> {
  const outgoing = open({ port, host: '127.0.0.1', path: '/mcp', method: 'POST', headers })
  outgoing.end(LIST)
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  response.resume()
  await once(response, 'close')
  return response
}

for (const path of [METADATA, `${METADATA}/mcp`]) {
  test(`GET ${path} describes the resource to anybody (RFC 9728)`, async (t) => {
    const { proxy } = await setScene(t, { mode: 'stateless' })
    const response = await fetch(new URL(path, proxy.url))
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('access-control-allow-origin'), '*')
    assert.equal(response.headers.get('content-type'), 'application/json')
    assert.equal(response.headers.get('cache-control'), 'public, max-age=300')
    assert.deepEqual(await response.json(), {
      resource: 'http://127.0.0.1:8080/mcp',
      authorization_servers: [proxy.issuer.url],
      scopes_supported: ['confidential:read', 'public:read'],
      bearer_methods_supported: ['header'],
      resource_name: 'toolstile',
    })
  })

  test(`OPTIONS ${path} is answered for any origin`, async (t) => {
    const { proxy } = await setScene(t, { mode: 'stateless' })
    const headers = { origin: 'https://anywhere.example' }
    const response = await fetch(new URL(path, proxy.url), { method: 'OPTIONS', headers })
    assert.equal(response.status, 204)
    assert.equal(response.headers.get('access-control-allow-origin'), '*')
  })
}

test('a scope that only a hidden rule needs is not advertised', async (t) => {
  const policy = {
    version: 1,
    tools: { echo: { scopes: ['public:read'] }, x: { scopes: ['secret'], deny: 'hide' } },
  }
  const { proxy } = await setScene(t, { mode: 'stateless', policy })
  const text = await (await fetch(new URL(METADATA, proxy.url))).text()
  assert.deepEqual(JSON.parse(text).scopes_supported, ['public:read'])
})

test('a browser of an allowed origin learns what it may send', async (t) => {
  const { proxy, recorder } = await setScene(t, { mode: 'modern', allowedOrigins: [APP] })
  const response = await fetch(proxy.url, {
    method: 'OPTIONS',
    headers: {
      origin: APP,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization, mcp-method, mcp-param-region, x-evil',
    },
  })
  assert.equal(response.status, 204)
  assert.equal(response.headers.get('access-control-allow-origin'), APP)
  const allowed = (response.headers.get('access-control-allow-headers') ?? '').split(', ')
  for (const name of [
    'authorization',
    'content-type',
    'mcp-protocol-version',
    'mcp-method',
    'mcp-name',
    'mcp-session-id',
    'last-event-id',
    'mcp-param-region',
  ])
    assert.ok(allowed.includes(name), name)
  assert.ok(!allowed.includes('x-evil'))
  assert.match(response.headers.get('access-control-expose-headers') ?? '', /mcp-session-id/)
  assert.match(response.headers.get('access-control-expose-headers') ?? '', /www-authenticate/)
  assert.deepEqual(recorder.requests(), [])
})

test('a browser of an allowed origin may read answers and refusals', async (t) => {
  const { proxy, reader } = await setScene(t, { mode: 'stateless', allowedOrigins: [APP] })
  const headers = { origin: APP }
  const response = await post(proxy.url, LIST, { token: reader, headers })
  assert.equal(response.headers.get('access-control-allow-origin'), APP)
  assert.equal((await reply(response)).result?.tools?.length, 4)
  const refused = await post(proxy.url, LIST, { headers })
  assert.equal(refused.status, 401)
  assert.equal(refused.headers.get('access-control-allow-origin'), APP)
})

for (const origin of ['https://evil.example', 'null', `${APP}.evil.example`, 'http://127.0.0.1']) {
  test(`the origin ${origin} gets 403 and reaches nothing (T48, R55)`, async (t) => {
    const scene = await setScene(t, { mode: 'stateless', allowedOrigins: [APP] })
    const { proxy, recorder, reader } = scene
    const headers = { origin }
    const response = await post(proxy.url, LIST, { token: reader, headers })
    assert.equal(response.status, 403)
    assert.equal(response.headers.get('access-control-allow-origin'), null)
    const preflight = await fetch(proxy.url, { method: 'OPTIONS', headers })
    assert.equal(preflight.status, 403)
    assert.equal(preflight.headers.get('access-control-allow-origin'), null)
    assert.deepEqual(recorder.requests(), [])
  })
}

for (const host of ['evil.example', 'evil.example:8080', '127.0.0.1.evil.example', 'a/b?c']) {
  test(`the host "${host}" is refused and reaches nothing (T48)`, async (t) => {
    const { proxy, recorder, reader } = await setScene(t, { mode: 'stateless' })
    const authorization = `Bearer ${reader}`
    const headers = { host, authorization, 'content-type': 'application/json' }
    const { statusCode } = await postAs(proxy.port, headers)
    assert.equal(statusCode, 403)
    assert.deepEqual(recorder.requests(), [])
  })
}

test('only the hosts that are set are accepted, loopback names included', async (t) => {
  const options = { mode: 'stateless', allowedHosts: ['mcp.example.com'] } as const
  const { proxy, reader } = await setScene(t, options)
  const authorization = `Bearer ${reader}`
  const accept = 'application/json, text/event-stream'
  const statusFor = async (host: string) => {
    const headers = { host, authorization, accept, 'content-type': 'application/json' }
    return (await postAs(proxy.port, headers)).statusCode
  }
  assert.equal(await statusFor('mcp.example.com'), 200)
  assert.equal(await statusFor('MCP.example.com:443'), 200)
  assert.equal(await statusFor('localhost'), 403)
})

test('/health answers on both sides without a token', async (t) => {
  const { proxy } = await setScene(t, { mode: 'stateless' })
  for (const base of [proxy.url, proxy.adminUrl]) {
    const response = await fetch(new URL('/health', base))
    assert.equal(response.status, 200)
    assert.deepEqual(await response.json(), { status: 'ok' })
  }
})

for (const path of ['/', '/mcp/', '/MCP', '/mcp%2f', '//mcp', '/metrics', '/ready', '/admin']) {
  test(`${path} is not found on the client side`, async (t) => {
    const { proxy, recorder, reader } = await setScene(t, { mode: 'stateless' })
    const target = `http://127.0.0.1:${proxy.port}${path}`
    assert.equal((await post(target, LIST, { token: reader })).status, 404)
    assert.deepEqual(recorder.requests(), [])
  })
}

test('another HTTP method than those of MCP gets 405 with the list of them', async (t) => {
  const { proxy, reader } = await setScene(t, { mode: 'stateless' })
  for (const method of ['PUT', 'PATCH', 'HEAD']) {
    const headers = { authorization: `Bearer ${reader}` }
    const response = await fetch(proxy.url, { method, headers })
    assert.equal(response.status, 405)
    assert.equal(response.headers.get('allow'), 'POST, GET, DELETE, OPTIONS')
  }
})
