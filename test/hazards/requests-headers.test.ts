// Hostile request headers (T46-T48, T51-T56): who is calling comes from one verified token and from
// nothing else, and what the upstream hears of it is written by the proxy alone.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIST, startRaw } from './raw.ts'

const REFUSED: readonly (readonly [status: number, ...headers: string[]])[] = [
  [403, 'host: evil.example'],
  [403, 'host: 127.0.0.1.evil.example'],
  [403, 'host: 127.0.0.1/b?c'],
  [403, 'host: 127.0.0.1@evil.example'],
  [403, 'host: evil.example#127.0.0.1'],
  [403, 'host: '],
  [403, 'host: 127.0.0.1:99999999'],
  [400, 'host: 127.0.0.1', 'host: evil.example'],
  [403, 'origin: https://evil.example'],
  [403, 'origin: null'],
  [403, 'origin: '],
  [403, 'origin: http://127.0.0.1:8080'],
  [400, 'origin: https://a', 'origin: https://b'],
  [400, 'mcp-session-id: a', 'mcp-session-id: b'],
  [400, 'mcp-name: a', 'Mcp-Name: b'],
  [404, 'mcp-session-id: not-sealed-here'],
  [401, 'authorization: none'],
  [401, 'authorization: Bearer'],
  [401, 'authorization: Bearer '],
  [401, 'authorization: Basic YWxpY2U6eA=='],
  [401, 'authorization: Bearer null'],
  [401, 'authorization: Bearer ..'],
  [401, 'authorization: none', 'user-agent: kube-probe/1.30'],
  [401, 'authorization: none', 'x-forwarded-uri: /health'],
  [401, 'authorization: none', 'x-original-url: /health'],
  [401, 'authorization: none', 'x-forwarded-for: 127.0.0.1'],
  [401, 'authorization: none', 'mcp-init-host: a', 'router-key: secret-api-key'],
  [401, 'authorization: none', 'x-toolstile-subject: alice', 'x-toolstile-scopes: secret:read'],
  [401, 'authorization: none', 'proxy-authorization: Bearer x', 'cookie: access_token=x'],
]

test('hostile headers are refused, and the upstream sees nothing (T48, T52, T53)', async (t) => {
  const bench = await startRaw(t)
  for (const [status, ...headers] of REFUSED) {
    await t.test(`${headers.join(', ')}: ${status}`, async () => {
      const seen = await bench.seen(async () => {
        const { replies } = await bench.talk(bench.post(LIST, headers))
        assert.deepEqual(
          replies.map((reply) => reply.status),
          [status],
        )
      })
      assert.equal(seen.length, 0)
    })
  }
})

test('a token has one spelling of its header (T55, T56)', async (t) => {
  const bench = await startRaw(t)
  const { token } = bench
  const cases: [number, ...string[]][] = [
    [200, `bearer ${token}`],
    [200, `BEARER ${token}`],
    [401, `Bearer  ${token}`],
    [401, `Bearer\t${token}`],
    [401, `Bearer ${token} x`],
    [401, `Bearer ${token}, Bearer ${token}`],
    [401, `Bearer ${token},`],
    [401, `Bearer "${token}"`],
    [401, `Bearer ${token}=`],
    [401, `Bearer: ${token}`],
    [401, `Token ${token}`],
    [401, token],
    [401, `Bearer ${token}${'A'.repeat(8_192)}`],
    [400, `Bearer ${token}`, `Bearer ${token}`],
    [400, `Bearer ${token}`, 'Basic x'],
    [400, 'Basic x', `Bearer ${token}`],
  ]
  for (const [status, ...values] of cases) {
    const headers = values.map(
      (value, n) => `${n === 0 ? 'authorization' : 'Authorization'}: ${value}`,
    )
    const shown = headers.join(', ').replaceAll(token, 'T').slice(0, 60)
    await t.test(`${shown}: ${status}`, async () => {
      const seen = await bench.seen(async () => {
        const { replies } = await bench.talk(bench.post(LIST, headers))
        assert.equal(replies[0]?.status, status)
      })
      assert.equal(seen.length, status === 200 ? 1 : 0)
    })
  }
  assert.doesNotMatch(bench.proxy.logged(), new RegExp(token.slice(-40)))
})

const FORGED = [
  'x-user-id: root',
  'x-forwarded-user: root',
  'x-mcp-verified-sub: root',
  'X-Toolstile-Subject: root',
  'x-toolstile-subject: root',
  'x_toolstile_subject: root',
  'X_TOOLSTILE_SUBJECT: root',
  'x-toolstile_subject: root',
  'x-toolstile-scopes: secret:read',
  'x-toolstile-roles: root',
  'x-toolstile-anything: root',
  'x-request-id: root',
  'cookie: session=root',
  'proxy-authorization: Basic root',
  'forwarded: for=root',
  'te: root',
  'baggage: user=root',
  'tracestate: root=1',
  'traceparent: 00-root-root-01',
  'x-http-method-override: DELETE',
  'mcp-session: root',
  '__proto__: root',
  'constructor: root',
  'last-event-id: root',
  'accept-encoding: gzip',
  'connection: close, x-toolstile-subject, authorization, x-request-id, content-type',
  'keep-alive: root',
]
const OURS = [
  'accept',
  'accept-encoding',
  'connection',
  'content-length',
  'content-type',
  'host',
  'traceparent',
  'x-request-id',
  'x-toolstile-roles',
  'x-toolstile-scopes',
  'x-toolstile-subject',
]

test('the upstream gets our headers, each once, and no forged one (T46, T51, T54)', async (t) => {
  const bench = await startRaw(t)
  const seen = await bench.seen(async () => {
    const { replies } = await bench.talk(bench.post(LIST, FORGED))
    assert.equal(replies[0]?.status, 200)
  })
  const [asked] = seen
  assert.deepEqual([...(asked?.headers.keys() ?? [])].sort(), OURS)
  assert.equal(asked?.headers.get('x-toolstile-subject'), 'alice')
  assert.equal(asked?.headers.get('accept-encoding'), 'identity')
  assert.doesNotMatch(asked?.rawHead ?? '', /root|Bearer|gzip|DELETE/)
})

test('a subject that is no plain text is one harmless header (T57)', async (t) => {
  const bench = await startRaw(t)
  for (const sub of [
    'a\r\nX-Toolstile-Roles: admin',
    '\u00e9',
    'a b',
    '=?base64?cm9vdA==?=',
    'a@b@evil',
  ]) {
    const token = await bench.proxy.token({ sub, scope: '' })
    const seen = await bench.seen(async () => {
      await bench.talk(bench.post(LIST, [`authorization: Bearer ${token}`]))
    })
    const [asked] = seen
    if (asked === undefined) continue
    assert.deepEqual([...asked.headers.keys()].sort(), OURS)
    assert.equal(asked.headers.get('x-toolstile-roles'), '')
    assert.notEqual(asked.headers.get('x-toolstile-subject'), 'root')
  }
})

test('199 headers more change nothing, and what is beyond the limit cannot (T47)', async (t) => {
  const bench = await startRaw(t)
  const many = (count: number) => Array.from({ length: count }, (_, n) => `x${n}: a`)
  const seen = await bench.seen(async () => {
    await bench.talk(bench.post(LIST, many(150)))
    // The second Authorization may be cut off, but can never be the one that counts.
    const { replies } = await bench.talk(
      bench.post(LIST, [`authorization: Bearer ${bench.token}`, ...many(300), 'authorization: x']),
    )
    assert.ok([200, 400, 431].includes(replies[0]?.status ?? 0))
    const smuggled = bench.request(
      'DELETE /mcp',
      [...many(300), 'transfer-encoding: chunked'],
      '0\r\n\r\n',
    )
    await bench.talk(smuggled)
  })
  for (const { headers } of seen) assert.equal(headers.get('x-toolstile-subject'), 'alice')
})
