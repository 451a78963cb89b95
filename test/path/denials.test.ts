// The three ways to refuse a name, byte for byte and as the SDK clients surface them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InsufficientScopeError } from '@modelcontextprotocol/client'
import { demoPolicy, setScene } from '../support/scene.ts'
import { legacy, post, postModern } from '../support/wire.ts'

const METADATA = 'http://127.0.0.1:8080/.well-known/oauth-protected-resource/mcp'
const SECRET = 'get_confidential_info'
const withDeny = (deny: string) => ({
  ...demoPolicy,
  tools: {
    ...demoPolicy.tools,
    [SECRET]: { scopes: ['public:read', 'confidential:read'], deny },
    needs_role: { scopes: ['confidential:read'], roles: ['admin'], deny },
  },
})

/** Everything of an answer that a caller could tell two names apart by. */
async function visible(response: Response, name: string) {
  const headers = Object.fromEntries(response.headers)
  delete headers['date']
  return { status: response.status, headers, text: (await response.text()).replaceAll(name, '?') }
}

const shapes = [
  { deny: 'error', error: { code: -31403, message: 'Permission denied: tool "?"' } },
  { deny: 'hide', error: { code: -32602, message: 'Unknown tool: ?' } },
] as const

for (const { deny, error } of shapes) {
  test(`deny: ${deny} answers a denied name as one that does not exist (T103)`, async (t) => {
    const policy = withDeny(deny)
    const settings = { DENY: deny }
    const { proxy, recorder, reader } = await setScene(t, { mode: 'stateless', policy, settings })
    const ask = async (name: string) =>
      visible(await post(proxy.url, legacy('tools/call', { name }), { token: reader }), name)
    const denied = await ask(SECRET)
    assert.deepEqual(await ask('get_confidential_inf0'), {
      ...denied,
    })
    assert.equal(denied.status, 200)
    assert.deepEqual(JSON.parse(denied.text), { jsonrpc: '2.0', id: 1, error })
    assert.deepEqual(recorder.requests(), [])
  })

  test(`deny: ${deny} answers both eras with the same bytes`, async (t) => {
    const { proxy, reader } = await setScene(t, { mode: 'modern', policy: withDeny(deny) })
    const old = await post(proxy.url, legacy('tools/call', { name: SECRET }), { token: reader })
    const now = await postModern(proxy.url, reader, 'tools/call', { name: SECRET })
    assert.deepEqual(await visible(now, SECRET), await visible(old, SECRET))
  })
}

test('deny: challenge asks for all the scopes of the call, not only for those missing', async (t) => {
  const policy = withDeny('challenge')
  const { proxy, recorder, reader } = await setScene(t, { mode: 'stateless', policy })
  const call = legacy('tools/call', { name: SECRET })
  const response = await post(proxy.url, call, { token: reader })
  assert.equal(response.status, 403)
  assert.equal(
    response.headers.get('www-authenticate'),
    'Bearer error="insufficient_scope", error_description="insufficient scope", ' +
      `scope="public:read confidential:read", resource_metadata="${METADATA}"`,
  )
  assert.deepEqual(await response.json(), {
    error: 'insufficient_scope',
    error_description: 'insufficient scope',
  })
  assert.deepEqual(recorder.requests(), [])
})

for (const name of ['needs_role', 'no_such_tool']) {
  test(`deny: challenge does not ask for scopes that would not help with ${name} (T104)`, async (t) => {
    const policy = withDeny('challenge')
    const settings = { DENY: 'challenge' }
    const { proxy, reader } = await setScene(t, { mode: 'stateless', policy, settings })
    const response = await post(proxy.url, legacy('tools/call', { name }), { token: reader })
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('www-authenticate'), null)
    assert.match(await response.text(), /"code":-31403/)
  })
}

for (const kind of ['v2', 'v2 auto', 'v2 pinned'] as const) {
  test(`a ${kind} client surfaces a challenge as InsufficientScopeError`, async (t) => {
    const policy = withDeny('challenge')
    const { connect, reader } = await setScene(t, { mode: 'modern', policy })
    const agent = await connect(kind, reader)
    await assert.rejects(agent.callTool(SECRET), (error) => {
      assert.ok(error instanceof InsufficientScopeError)
      assert.equal(error.requiredScope, 'public:read confidential:read')
      assert.equal(error.resourceMetadataUrl?.href, METADATA)
      return true
    })
    assert.equal((await agent.callTool('echo', { text: 'still here' })).text, 'still here')
  })
}

test('a v1 client surfaces a challenge as a 403 and goes on', async (t) => {
  const policy = withDeny('challenge')
  const { connect, reader } = await setScene(t, { mode: 'sessions', policy })
  const agent = await connect('v1', reader)
  await assert.rejects(agent.callTool(SECRET), { code: 403 })
  assert.equal((await agent.callTool('echo', { text: 'still here' })).text, 'still here')
})
