// The admin side, and an upstream that goes away and comes back.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { startUpstream } from '../../upstream/server.ts'
import { startProxy } from '../support/proxy.ts'
import { demoPolicy, issuer, records, setScene } from '../support/scene.ts'
import { legacy, messages, next, openSession, post, postModern, reply } from '../support/wire.ts'

// Contract section 7, less the history, journal and rate limit that do not exist yet.
const METRICS = [
  'toolstile_requests_total',
  'mcp_server_operation_duration_seconds',
  'toolstile_overhead_seconds',
  'toolstile_upstream_duration_seconds',
  'toolstile_inflight_requests',
  'toolstile_open_streams',
  'toolstile_items_hidden_total',
  'toolstile_token_cache_total',
  'toolstile_jwks_refresh_total',
  'toolstile_jwks_age_seconds',
  'toolstile_policy_decision_seconds',
  'toolstile_policy_info',
  'nodejs_eventloop_utilization_ratio',
  'toolstile_build_info',
  'process_cpu_seconds_total',
]

const CALL = legacy('tools/call', { name: 'echo', arguments: { text: 'hello' } })

async function scrape(adminUrl: string): Promise<string> {
  return (await fetch(new URL('/metrics', adminUrl))).text()
}

async function ready(adminUrl: string) {
  const response = await fetch(new URL('/ready', adminUrl))
  return { status: response.status, body: await response.json() }
}

/** A proxy in front of a server that can be stopped and started again on its port. */
async function withRestarts(t: TestContext) {
  let upstream = await startUpstream({ mode: 'stateless', port: 0 })
  t.after(() => upstream.close())
  const { url } = upstream
  const proxy = await startProxy({ upstream: url, policy: demoPolicy, issuer })
  t.after(() => proxy.stop())
  return {
    proxy,
    token: await proxy.token({ scope: 'public:read' }),
    down: () => upstream.close(),
    up: async () => {
      upstream = await startUpstream({ mode: 'stateless', port: Number(new URL(url).port) })
    },
  }
}

test('/ready follows the upstream', async (t) => {
  const { proxy, down, up } = await withRestarts(t)
  assert.deepEqual(await ready(proxy.adminUrl), { status: 200, body: { status: 'ready' } })
  await down()
  assert.deepEqual(await ready(proxy.adminUrl), {
    status: 503,
    body: { status: 'not ready', waiting_for: ['the upstream'] },
  })
  await up()
  assert.equal((await ready(proxy.adminUrl)).status, 200)
})

test('calls get 502 while the upstream is down and work again by themselves', async (t) => {
  const { proxy, token, down, up } = await withRestarts(t)
  assert.equal((await post(proxy.url, CALL, { token })).status, 200)
  await down()
  for (let n = 0; n < 3; n++) {
    const response = await post(proxy.url, CALL, { token })
    assert.equal(response.status, 502)
    assert.equal(await response.text(), '{"error":"the upstream server is unreachable"}')
  }
  await up()
  const { result } = await reply(await post(proxy.url, CALL, { token }))
  assert.equal(result?.content?.[0]?.text, 'hello')
})

test('a proxy starts in front of an upstream that is not there yet', async (t) => {
  const gone = await startUpstream({ mode: 'stateless', port: 0 })
  await gone.close()
  const proxy = await startProxy({ upstream: gone.url, policy: demoPolicy, issuer })
  t.after(() => proxy.stop())
  assert.equal((await ready(proxy.adminUrl)).status, 503)
  const token = await proxy.token({ scope: 'public:read' })
  assert.equal((await post(proxy.url, CALL, { token })).status, 502)
  const upstream = await startUpstream({
    mode: 'stateless',
    port: Number(new URL(gone.url).port),
  })
  t.after(() => upstream.close())
  assert.equal((await post(proxy.url, CALL, { token })).status, 200)
})

test('refusals need no upstream', async (t) => {
  const { proxy, token, down } = await withRestarts(t)
  await down()
  const secret = legacy('tools/call', { name: 'get_confidential_info' })
  assert.equal((await reply(await post(proxy.url, secret, { token }))).error?.code, -31403)
  assert.equal((await post(proxy.url, CALL)).status, 401)
})

test('/metrics has the metrics of the contract', async (t) => {
  const { proxy, reader } = await setScene(t, { mode: 'stateless' })
  await reply(await post(proxy.url, legacy('tools/list'), { token: reader }))
  await records(proxy, 1)
  const text = await scrape(proxy.adminUrl)
  for (const name of METRICS) assert.match(text, new RegExp(`^# TYPE ${name} `, 'm'), name)
  assert.match(
    text,
    /^toolstile_requests_total\{method="tools\/list",decision="allowed",reason="allowed"\} 1$/m,
  )
  assert.match(text, /^toolstile_items_hidden_total\{kind="tools"\} 3$/m)
})

test('no label takes its value from a request (T148)', async (t) => {
  const { proxy, reader } = await setScene(t, { mode: 'modern' })
  for (const [method, params] of [
    ['made/up', {}],
    ['tools/call', { name: 'made_up' }],
    ['tools/call', { name: 'cmade_up' }],
    ['resources/read', { uri: 'docs://public/made_up' }],
  ] as const)
    await (await postModern(proxy.url, reader, method, params)).text()
  await records(proxy, 4)
  const text = await scrape(proxy.adminUrl)
  assert.ok(!/made|alice/.test(text))
  assert.match(text, /method="_other"/)
  // Allowed by the prefix rule `c*`, and counted under the name of that rule.
  assert.match(text, /gen_ai_tool_name="c\*"/)
})

test('open streams are counted while they are open', async (t) => {
  const { proxy, reader } = await setScene(t, { mode: 'modern' })
  const leave = new AbortController()
  const params = { notifications: { toolsListChanged: true } }
  const { signal } = leave
  const response = await postModern(proxy.url, reader, 'subscriptions/listen', params, signal)
  await next(messages(response))
  assert.match(await scrape(proxy.adminUrl), /^toolstile_open_streams 1$/m)
  leave.abort()
  const [line] = await records(proxy, 1)
  assert.equal(line?.['outcome'], 'aborted')
  assert.match(await scrape(proxy.adminUrl), /^toolstile_open_streams 0$/m)
})

test('a stop ends open streams, and every exchange is recorded', async (t) => {
  const { proxy, reader } = await setScene(t, { mode: 'sessions' })
  const session = await openSession(proxy.url, reader)
  const stream = messages(await session.get())
  await proxy.running.stop(0)
  assert.equal((await stream.next()).done, true)
  const lines = await records(proxy, 3)
  assert.deepEqual(
    lines.map(({ method }) => method),
    ['initialize', 'notifications/initialized', 'GET'],
  )
})

test('a call that outlasts the drain is cut and recorded', async (t) => {
  const settings = { DRAIN_TIMEOUT: '500ms' }
  const { proxy, recorder, reader } = await setScene(t, { mode: 'stateless', settings })
  const args = { steps: 100, intervalMs: 10_000 }
  const body = legacy('tools/call', { name: 'count_slowly', arguments: args })
  const cut = assert.rejects(post(proxy.url, body, { token: reader }))
  const { left } = await recorder.seen('count_slowly')
  await proxy.running.stop(0)
  await Promise.all([cut, left])
  const [line] = await records(proxy, 1)
  assert.equal(line?.['method'], 'tools/call')
  assert.equal(line?.['outcome'], 'aborted')
})

// Its budget is longer than the test may last.
test('a connection that never asked does not hold the stop', { timeout: 10_000 }, async (t) => {
  const { proxy } = await setScene(t, { mode: 'stateless', settings: { DRAIN_TIMEOUT: '60s' } })
  const socket = connect(proxy.port, '127.0.0.1')
  t.after(() => socket.destroy())
  await once(socket, 'connect')
  // The answer shows that the older connection has been accepted as well.
  await fetch(new URL('/health', proxy.url))
  const closed = once(socket, 'close')
  socket.resume()
  await proxy.running.stop(0)
  await closed
})

for (const path of ['/', '/mcp', '/admin', '/history']) {
  test(`${path} is not found on the admin side`, async (t) => {
    const { proxy } = await setScene(t, { mode: 'stateless' })
    assert.equal((await fetch(new URL(path, proxy.adminUrl))).status, 404)
  })
}
