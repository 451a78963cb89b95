// What the upstream learns of the caller: what the proxy says, once, and nothing that the client
// sent along (R41, T51, T54).

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Recorded } from '../support/recorder.ts'
import { MODES, records, setScene } from '../support/scene.ts'
import { legacy, post, postModern, reply } from '../support/wire.ts'

const CALL = legacy('tools/call', { name: 'echo', arguments: { text: 'hello' } })
const SPOOFED = {
  cookie: 'session=1',
  'proxy-authorization': 'Basic YTpi',
  'x-forwarded-user': 'root',
  'x-forwarded-for': '10.0.0.1',
  'x-user-id': 'root',
  'x-mcp-verified-sub': 'root',
  'x-toolstile-subject': 'root',
  'x-toolstile-scopes': 'confidential:read',
  'x-toolstile-roles': 'admin',
  'x-toolstile-anything': 'root',
  x_toolstile_subject: 'root',
  'x-request-id': 'chosen-by-the-client',
  forwarded: 'for=10.0.0.1',
}

/** The values of one header, however often it came. */
function values({ rawHeaders }: Recorded, name: string): readonly string[] {
  return rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name)
}

test('the server sees no credential and no identity that the client claims (T51, T54)', async (t) => {
  const { proxy, recorder, reader } = await setScene(t, { mode: 'stateless' })
  const response = await post(proxy.url, CALL, { token: reader, headers: SPOOFED })
  assert.equal(response.status, 200)
  const [request] = recorder.requests()
  assert.ok(request)
  assert.ok(!JSON.stringify(request.rawHeaders).includes(reader))
  assert.ok(!/root|10\.0\.0\.1|chosen-by|session=1/.test(JSON.stringify(request.rawHeaders)))
  for (const name of ['authorization', 'cookie', 'proxy-authorization', 'x-forwarded-user'])
    assert.deepEqual(values(request, name), [], name)
})

for (const mode of MODES) {
  test(`the server in mode ${mode} is told who calls, each fact once`, async (t) => {
    const { connect, proxy, recorder } = await setScene(t, { mode })
    const claims = { sub: 'bob', scope: 'public:read other', roles: ['admin', 'ops'] }
    const agent = await connect('v2 auto', await proxy.token(claims))
    await agent.listTools()
    assert.ok(recorder.requests().length > 1)
    for (const request of recorder.requests()) {
      assert.deepEqual(values(request, 'x-toolstile-subject'), ['bob'])
      assert.deepEqual(values(request, 'x-toolstile-scopes'), [
        'public:read other confidential:read',
      ])
      assert.deepEqual(values(request, 'x-toolstile-roles'), ['admin ops'])
      assert.match(values(request, 'x-request-id').join(), /^[0-9a-f]{32}$/)
      assert.match(values(request, 'traceparent').join(), /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/)
      assert.deepEqual(values(request, 'accept-encoding'), ['identity'])
    }
  })
}

test('every request has a request id of its own', async (t) => {
  const { proxy, recorder, reader } = await setScene(t, { mode: 'stateless' })
  for (let n = 0; n < 3; n++) await reply(await post(proxy.url, CALL, { token: reader }))
  const ids = recorder.requests().map((request) => request.headers['x-request-id'])
  assert.equal(new Set(ids).size, 3)
  const logged = (await records(proxy, 3)).map((line) => line['request_id'])
  assert.deepEqual(new Set(ids), new Set(logged))
})

test('the trace of the client goes on under a new parent', async (t) => {
  const { proxy, recorder, reader } = await setScene(t, { mode: 'stateless' })
  const trace = '0af7651916cd43dd8448eb211c80319c'
  const headers = { traceparent: `00-${trace}-b7ad6b7169203331-01` }
  await post(proxy.url, CALL, { token: reader, headers })
  const [request] = recorder.requests()
  assert.ok(request)
  const [sent, ...more] = values(request, 'traceparent')
  assert.deepEqual(more, [])
  assert.match(sent ?? '', new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`))
  assert.ok(!sent?.includes('b7ad6b7169203331'))
})

test('a malformed trace of the client is not continued (T150)', async (t) => {
  const { proxy, recorder, reader } = await setScene(t, { mode: 'stateless' })
  const headers = { traceparent: 'ff-root-root-01' }
  await post(proxy.url, CALL, { token: reader, headers })
  const [request] = recorder.requests()
  assert.ok(request)
  assert.match(values(request, 'traceparent').join(), /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/)
})

const subjects = [
  ['Zoë', '=?base64?Wm/Dqw==?='],
  ['日本', '=?base64?5pel5pys?='],
  ['=?base64?cm9vdA==?=', '=?base64?PT9iYXNlNjQ/Y205dmRBPT0/PQ==?='],
  [' root', '=?base64?IHJvb3Q=?='],
  ['a@example.com', 'a@example.com'],
  ['auth0|5f7c8ec7', 'auth0|5f7c8ec7'],
] as const

for (const [sub, sent] of subjects) {
  test(`the subject "${sub}" reaches the server as ${sent} (T57)`, async (t) => {
    const { proxy, recorder } = await setScene(t, { mode: 'stateless' })
    const token = await proxy.token({ sub, scope: 'public:read' })
    assert.equal((await post(proxy.url, CALL, { token })).status, 200)
    assert.equal(recorder.requests()[0]?.headers['x-toolstile-subject'], sent)
  })
}

for (const sub of ['a\r\nx-toolstile-roles: admin', 'a\u0000', '', 7, { name: 'root' }]) {
  test(`the subject ${JSON.stringify(sub)} is no subject (T57)`, async (t) => {
    const { proxy, recorder } = await setScene(t, { mode: 'stateless' })
    const token = await proxy.token({ sub, scope: 'public:read' })
    assert.equal((await post(proxy.url, CALL, { token })).status, 401)
    assert.deepEqual(recorder.requests(), [])
  })
}

test('parameter headers are passed on as they are (R12, T111)', async (t) => {
  const { proxy, recorder, reader } = await setScene(t, { mode: 'modern' })
  const headers = { 'mcp-param-region': '=?base64?WsO8cmljaA==?=' }
  await post(proxy.url, CALL, { token: reader, headers })
  assert.equal(recorder.requests()[0]?.headers['mcp-param-region'], headers['mcp-param-region'])
  await postModern(proxy.url, reader, 'tools/call', { name: 'echo', arguments: { text: 'a' } })
  assert.equal(recorder.requests()[1]?.headers['mcp-name'], 'echo')
})

test('the server gets the very bytes that were judged', async (t) => {
  const { proxy, recorder, reader } = await setScene(t, { mode: 'stateless' })
  const body =
    '{ "jsonrpc":"2.0", "id":9007199254740991,"method":"tools\\/call",' +
    '"params":{"name":"\\u0065cho","arguments":{"text":"\\u00e9 é"},"x":1.0e2}}'
  const { result } = await reply(await post(proxy.url, body, { token: reader }))
  assert.equal(result?.content?.[0]?.text, 'é é')
  assert.equal(recorder.requests()[0]?.body, body)
})
