// What may be kept, by whom and for how long: an answer that depends on the caller is private, and
// never outlives the token that it was given for (R34, R35, T105).

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { CACHEABLE, startHinting } from '../support/hinting.ts'
import { startProxy } from '../support/proxy.ts'
import { issuer, setScene } from '../support/scene.ts'
import { legacy, post, postModern, reply } from '../support/wire.ts'

const policy = {
  version: 1,
  tools: { open: { anyone: true }, secret: { scopes: ['secret'] } },
  prompts: { '*': { anyone: true } },
  resources: { '*': { anyone: true } },
}

async function setUp(t: TestContext) {
  const upstream = await startHinting()
  t.after(() => upstream.stop())
  const settings = { CLOCK_SKEW: '0s' }
  const proxy = await startProxy({ upstream: upstream.url, policy, settings, issuer })
  t.after(() => proxy.stop())
  return { upstream, proxy }
}

const paramsOf = (method: string) =>
  method === 'resources/read' ? { uri: 'docs://public/guide' } : {}

for (const method of CACHEABLE) {
  test(`${method} says "public" at the server and "private" through the proxy (T105)`, async (t) => {
    const { upstream, proxy } = await setUp(t)
    const direct = await reply(await postModern(upstream.url, undefined, method, paramsOf(method)))
    assert.equal(direct.result?.['cacheScope'], 'public')
    const token = await proxy.token()
    const response = await postModern(proxy.url, token, method, paramsOf(method))
    assert.equal(response.headers.get('cache-control'), 'private, no-store')
    assert.match(response.headers.get('vary') ?? '', /\bAuthorization\b/)
    const { result } = await reply(response)
    assert.equal(result?.['cacheScope'], 'private')
    assert.equal(result?.['ttlMs'], direct.result?.['ttlMs'])
  })

  test(`${method} may be kept no longer than its token is valid (T105)`, async (t) => {
    const { proxy } = await setUp(t)
    const token = await proxy.token({}, { expiresIn: 60 })
    const response = await postModern(proxy.url, token, method, paramsOf(method))
    const ttlMs = Number((await reply(response)).result?.['ttlMs'])
    assert.ok(ttlMs > 0 && ttlMs <= 60_000, `${ttlMs} ms`)
  })
}

test('a list is private for a caller who sees all of it as well', async (t) => {
  const { proxy } = await setUp(t)
  const token = await proxy.token({ scope: 'secret' })
  const { result } = await reply(await postModern(proxy.url, token, 'tools/list'))
  assert.equal(result?.tools?.length, 2)
  assert.equal(result?.['cacheScope'], 'private')
})

test('a server that says nothing of caching gets the members that are required', async (t) => {
  const { proxy, reader } = await setScene(t, { mode: 'modern' })
  for (const method of ['tools/list', 'resources/read']) {
    const params = method === 'tools/list' ? {} : { uri: 'docs://public/guide' }
    const { result } = await reply(await postModern(proxy.url, reader, method, params))
    assert.equal(result?.['cacheScope'], 'private')
    assert.equal(typeof result?.['ttlMs'], 'number')
  }
})

test('a question to the user carries no caching (R34)', async (t) => {
  const { proxy, reader } = await setScene(t, { mode: 'modern' })
  const call = { name: 'ask_name' }
  const { result } = await reply(await postModern(proxy.url, reader, 'tools/call', call))
  assert.equal(result?.['resultType'], 'input_required')
  assert.equal(result?.['cacheScope'], undefined)
  assert.equal(result?.['ttlMs'], undefined)
})

test('a legacy list carries no caching members, and its head forbids caching', async (t) => {
  const { proxy, reader } = await setScene(t, { mode: 'stateless' })
  const response = await post(proxy.url, legacy('tools/list'), { token: reader })
  assert.equal(response.headers.get('cache-control'), 'private, no-store')
  const { result } = await reply(response)
  assert.equal(result?.['cacheScope'], undefined)
  assert.equal(result?.['ttlMs'], undefined)
})
