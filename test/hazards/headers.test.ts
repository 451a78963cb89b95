// Hostile request headers (T46-T48, T51-T56): who is calling comes from one verified token and from
// nothing else, and what the upstream hears of it is written by the proxy alone.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeHeaderValue } from '../../proxy/wire/headers.ts'
import { LIST, startRaw } from './raw.ts'
import { assertRefusal } from './refusal.ts'

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
  [400, 'x-user-id : root'],
  [400, 'x-toolstile-subject : root'],
  [400, 'authorization : Bearer x'],
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
  [401, 'authorization: none', 'x-forwarded-host: 127.0.0.1', 'x-real-ip: 127.0.0.1'],
  [401, 'authorization: none', 'x-rewrite-url: /health', 'x-forwarded-prefix: /health'],
  [403, 'host: evil.example', 'x-forwarded-host: 127.0.0.1'],
  [401, 'authorization: none', 'mcp-init-host: a', 'router-key: secret-api-key'],
  [401, 'authorization: none', 'x-toolstile-subject: alice', 'x-toolstile-scopes: secret:read'],
  [401, 'authorization: none', 'proxy-authorization: Bearer x', 'cookie: access_token=x'],
]

test('hostile headers are refused, and the upstream sees nothing (T42, T48, T52, T53)', async (t) => {
  const bench = await startRaw(t)
  for (const [status, ...headers] of REFUSED) {
    await t.test(`${headers.join(', ')}: ${status}`, async () => {
      const seen = await bench.seen(async () => {
        const { replies } = await bench.talk(bench.post(LIST, headers))
        assert.deepEqual(
          replies.map((reply) => reply.status),
          [status],
        )
        for (const reply of replies) assertRefusal(reply)
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
        const [reply] = replies
        assert.equal(reply?.status, status)
        if (reply !== undefined && status !== 200) assertRefusal(reply)
      })
      assert.equal(seen.length, status === 200 ? 1 : 0)
    })
  }
  assert.doesNotMatch(bench.proxy.logged(), new RegExp(token.slice(-40)))
})

// T51: in every spelling, and twice; T53; T54; T46: what Connection names is not what is dropped.
const FORGED = [
  'x-user-id: root',
  'x-forwarded-user: root',
  'x-mcp-verified-sub: root',
  'X-Toolstile-Subject: root',
  'x-toolstile-subject: root',
  'X-TOOLSTILE-SUBJECT: root',
  'x_user_id: root',
  'X-USER-ID: root',
  'X-User-Id: root',
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
  'content-length',
  'content-type',
  'host',
  'traceparent',
  'x-request-id',
  'x-toolstile-roles',
  'x-toolstile-scopes',
  'x-toolstile-subject',
]

test('the upstream gets our headers, each once, and no forged one (T43, T46, T47, T51, T53, T54)', async (t) => {
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

const SUBJECTS = [
  '\u00e9',
  'a b',
  ' a',
  'a ',
  '=?base64?cm9vdA==?=',
  'a@b@evil',
  'user@example.com',
  '\u{1f600}',
  'a,b',
  'a;b',
  'a|b',
  '"',
  '%72oot',
  's'.repeat(255),
]

test('a subject of any printable text is one harmless header of its own (T57, T58)', async (t) => {
  const bench = await startRaw(t)
  const shown: (string | undefined)[] = []
  for (const sub of SUBJECTS) {
    const token = await bench.proxy.token({ sub, scope: '' })
    const [asked, second] = await bench.seen(async () => {
      const { replies } = await bench.talk(bench.post(LIST, [`authorization: Bearer ${token}`]))
      assert.equal(replies[0]?.status, 200)
    })
    assert.ok(asked !== undefined && second === undefined)
    assert.deepEqual([...asked.headers.keys()].sort(), OURS)
    assert.equal(asked.headers.get('x-toolstile-roles'), '')
    const value = asked.headers.get('x-toolstile-subject') ?? ''
    assert.equal(decodeHeaderValue(value), sub)
    shown.push(value)
  }
  assert.equal(new Set(shown).size, SUBJECTS.length)
})

test('a subject that is no printable text is refused (T57)', async (t) => {
  const bench = await startRaw(t)
  const hostile = [
    'a\r\nX-Toolstile-Roles: admin',
    'a\n b',
    'a\0',
    '\u2028',
    '\u0085',
    '\x1b[2J',
    '\ud800',
    '',
    's'.repeat(256),
    's'.repeat(5_000),
    7,
    { a: 1 },
    ['root'],
    null,
    true,
  ]
  for (const sub of hostile) {
    await t.test(JSON.stringify(sub).slice(0, 40), async () => {
      const token = await bench.proxy.token({ sub, scope: '' })
      const seen = await bench.seen(async () => {
        const { replies } = await bench.talk(bench.post(LIST, [`authorization: Bearer ${token}`]))
        const [reply] = replies
        assert.equal(reply?.status, 401)
        assertRefusal(reply)
      })
      assert.equal(seen.length, 0)
    })
  }
})

test('no header is too far down to count (T47)', async (t) => {
  const bench = await startRaw(t)
  const many = (count: number) => Array.from({ length: count }, (_, n) => `x${n}: a`)
  const twice = [`authorization: Bearer ${bench.token}`, ...many(1_000), 'authorization: x']
  const smuggled = bench.request(
    'DELETE /mcp',
    [...many(1_000), 'transfer-encoding: chunked'],
    '0\r\n\r\n',
  )
  const seen = await bench.seen(async () => {
    assert.equal((await bench.talk(bench.post(LIST, many(1_000)))).replies[0]?.status, 200)
    assert.equal((await bench.talk(bench.post(LIST, twice))).replies[0]?.status, 400)
    assert.equal((await bench.talk(smuggled)).replies[0]?.status, 400)
  })
  assert.equal(seen.length, 1)
  assert.equal(seen[0]?.headers.get('x-toolstile-subject'), 'alice')
  assert.doesNotMatch(seen[0]?.rawHead ?? '', /^x\d+:/m)
})

test('trace headers that are none are left behind, and a good one gets a new span (T150)', async (t) => {
  const bench = await startRaw(t)
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
  const junk = [
    '00-root',
    `00-${trace}-0000000000000000-01`,
    `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
    `ff-${trace}-00f067aa0ba902b7-01`,
    `00-${trace.toUpperCase()}-00f067aa0ba902b7-01`,
    `00-${trace}-00f067aa0ba902b7-01-more`,
    `${'0'.repeat(8_000)}`,
  ]
  for (const traceparent of junk) {
    const [asked] = await bench.seen(async () => {
      const headers = [
        `traceparent: ${traceparent}`,
        `baggage: a=${'b'.repeat(4_000)}`,
        'tracestate: a=1',
      ]
      assert.equal((await bench.talk(bench.post(LIST, headers))).replies[0]?.status, 200)
    })
    assert.match(asked?.headers.get('traceparent') ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
    assert.doesNotMatch(asked?.headers.get('traceparent') ?? '', new RegExp(`${trace}|0{16}`))
    assert.deepEqual([...(asked?.headers.keys() ?? [])].sort(), OURS)
  }
  const [asked] = await bench.seen(async () => {
    await bench.talk(bench.post(LIST, [`traceparent: 00-${trace}-00f067aa0ba902b7-00`]))
  })
  const sent = asked?.headers.get('traceparent') ?? ''
  assert.match(sent, new RegExp(`^00-${trace}-[0-9a-f]{16}-00$`))
  assert.doesNotMatch(sent, /00f067aa0ba902b7/)
})
