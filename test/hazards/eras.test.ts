// Messages of one era dressed as the other, and headers that lie about them, on raw sockets (T111,
// T117-T119): the body decides, what disagrees is refused, and the upstream sees nothing of it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JSONObject } from '../../proxy/types.ts'
import { modern } from '../support/wire.ts'
import { named } from './bodies.ts'
import { type RawBench, startRaw } from './raw.ts'
import { assertRefusal } from './refusal.ts'

const base64 = (text: string) => `=?base64?${Buffer.from(text).toString('base64')}?=`
const HEADERS = {
  version: 'mcp-protocol-version: 2026-07-28',
  method: 'mcp-method: tools/call',
  name: 'mcp-name: public',
}
const ALL = Object.values(HEADERS)
const PUBLIC = modern('tools/call', { name: 'public', arguments: {} })
const SECRET = modern('tools/call', { name: 'secret', arguments: {} })
const KEY = 'io.modelcontextprotocol/protocolVersion'

const except = (header: keyof typeof HEADERS, ...instead: string[]) => [
  ...Object.entries(HEADERS).flatMap(([name, line]) => (name === header ? [] : [line])),
  ...instead,
]

type Row = readonly [
  name: string,
  headers: readonly string[],
  body: string,
  status: number,
  code: number | undefined,
]

const URI = 'docs://secret/a'
const DENIED: readonly (readonly [method: string, params: JSONObject, name?: string])[] = [
  ['prompts/get', { name: 'secret' }, 'secret'],
  ['resources/read', { uri: URI }, URI],
  ['completion/complete', { ref: { type: 'ref/prompt', name: 'secret' } }],
  ['subscriptions/listen', { notifications: { resourceSubscriptions: [URI] } }],
]

const MISMATCH = [400, -32020] as const
const TWICE = [400, undefined] as const
const REFUSED: readonly Row[] = [
  ['T117 a harmless name over a secret call', ALL, SECRET, ...MISMATCH],
  ['T117 no name', except('name'), PUBLIC, ...MISMATCH],
  ['T117 an empty name', except('name', 'mcp-name:'), PUBLIC, ...MISMATCH],
  ['T117 the name twice', [...ALL, 'Mcp-Name: public'], PUBLIC, ...TWICE],
  ['T117 two names', [...ALL, 'mcp-name: secret'], SECRET, ...TWICE],
  ['T117 two names in one header', except('name', 'mcp-name: public, public'), PUBLIC, ...MISMATCH],
  [
    'T117 the secret in Base64',
    except('name', `mcp-name: ${base64('secret')}`),
    PUBLIC,
    ...MISMATCH,
  ],
  ['T117 Base64 in capitals', except('name', 'mcp-name: =?BASE64?cHVibGlj?='), PUBLIC, ...MISMATCH],
  ['T117 Base64 that is cut', except('name', 'mcp-name: =?base64?cHVibGlj?'), PUBLIC, ...MISMATCH],
  [
    'T117 Base64 of odd padding',
    except('name', 'mcp-name: =?base64?cHVibGlj=?='),
    PUBLIC,
    ...MISMATCH,
  ],
  [
    'T117 Base64 with white space',
    except('name', 'mcp-name: =?base64?cHVi bGlj?='),
    PUBLIC,
    ...MISMATCH,
  ],
  ['T117 URL-safe Base64', except('name', 'mcp-name: =?base64?__-_?='), PUBLIC, ...MISMATCH],
  ['T117 Base64 of no UTF-8', except('name', 'mcp-name: =?base64?/w==?='), PUBLIC, ...MISMATCH],
  ['T117 a quoted name', except('name', 'mcp-name: "public"'), PUBLIC, ...MISMATCH],
  ['T117 a percent-encoded name', except('name', 'mcp-name: %70ublic'), PUBLIC, ...MISMATCH],
  ['T117 a name in capitals', except('name', 'mcp-name: PUBLIC'), PUBLIC, ...MISMATCH],
  ['T117 a name with an accent', except('name', 'mcp-name: publi\xe7'), PUBLIC, ...MISMATCH],
  ['T117 another method', except('method', 'mcp-method: tools/list'), SECRET, ...MISMATCH],
  ['T117 no method', except('method'), PUBLIC, ...MISMATCH],
  ['T117 the method twice', [...ALL, 'mcp-method: tools/call'], PUBLIC, ...TWICE],
  ['T117 no version', except('version'), PUBLIC, ...MISMATCH],
  ['T117 the version twice', [...ALL, HEADERS.version], PUBLIC, ...TWICE],
  [
    'T117 an older version',
    except('version', 'mcp-protocol-version: 2025-11-25'),
    PUBLIC,
    ...MISMATCH,
  ],
  [
    'T117 a version that nobody knows',
    except('version', 'mcp-protocol-version: 2099-01-01'),
    PUBLIC.replace('2026-07-28', '2099-01-01'),
    400,
    -32022,
  ],
  [
    'T117 an unknown version in the body alone',
    ALL,
    PUBLIC.replace('2026-07-28', '2099-01-01'),
    ...MISMATCH,
  ],
  ['T118 the headers of 2026 over a body of 2025', ALL, named('public'), 400, -32602],
  ['T118 the same for what is denied', ALL, named('secret'), 400, -32602],
  [
    'T118 an envelope whose version is no string',
    ALL,
    PUBLIC.replace('"2026-07-28"', '20260728'),
    400,
    -32602,
  ],
  ['T118 an envelope that is null', ALL, PUBLIC.replace('"2026-07-28"', 'null'), 400, -32602],
  ['T118 an envelope in capitals', ALL, PUBLIC.replace(KEY, KEY.toUpperCase()), 400, -32600],
  [
    'T118 two envelopes',
    ALL,
    PUBLIC.replace(`"${KEY}"`, `"${KEY}":"2025-11-25","${KEY}"`),
    400,
    -32600,
  ],
  ['T118 a method of 2025', except('method', 'mcp-method: ping'), modern('ping'), 404, -32601],
  ['T118 a denied call of 2026', except('name', 'mcp-name: secret'), SECRET, 200, -31403],
  ['T118 a denied call of 2025', [], named('secret'), 200, -31403],
  [
    'T118 a denied call of 2025 with a name of 2026',
    ['mcp-name: public'],
    named('secret'),
    200,
    -31403,
  ],
  [
    'T118 a denied call of 2025 in an older revision',
    ['mcp-protocol-version: 2025-03-26'],
    named('secret'),
    200,
    -31403,
  ],
  ...DENIED.map(([method, params, name]): Row => {
    const headers = [HEADERS.version, `mcp-method: ${method}`]
    const all = name === undefined ? headers : [...headers, `mcp-name: ${name}`]
    return [`T23 T118 ${method} of what is denied`, all, modern(method, params), 200, -31403]
  }),
]

test('headers and bodies that disagree about the era, the method or the name are refused', async (t) => {
  const bench = await startRaw(t)
  for (const [name, headers, body, status, code] of REFUSED) {
    await t.test(name, async () => {
      const seen = await bench.seen(async () => {
        const { replies } = await bench.talk(bench.post(body, headers))
        const [reply] = replies
        assert.equal(reply?.status, status, reply?.body)
        assertRefusal(reply)
        assert.equal(JSON.parse(reply.body).error?.code, code)
      })
      assert.equal(seen.length, 0)
    })
  }
})

const AGREEING: readonly (readonly [name: string, headers: readonly string[], body: string])[] = [
  ['T117 as they should be', ALL, PUBLIC],
  ['T117 the name in Base64', except('name', `mcp-name: ${base64('public')}`), PUBLIC],
  ['T117 white space around it', except('name', 'mcp-name: \t public \t'), PUBLIC],
  ['T118 2025, with nothing', [], named('public')],
  [
    'T118 2025, with headers that lie',
    ['mcp-method: tools/list', 'mcp-name: secret'],
    named('public'),
  ],
]

test('what agrees passes, and headers that were not checked stay behind', async (t) => {
  const bench = await startRaw(t)
  for (const [name, headers, body] of AGREEING) {
    await t.test(name, async () => {
      const asked = await passed(bench, body, headers)
      assert.equal(asked.headers.has('mcp-name'), body === PUBLIC)
    })
  }
})

test('Mcp-Param headers pass untouched, decide nothing and are not logged (T111)', async (t) => {
  const bench = await startRaw(t)
  const lines = [
    'mcp-param-password: canary-a1b2',
    'mcp-param-name: secret',
    `mcp-param-odd: ${base64('\u00e9')}`,
    'mcp-param-x-toolstile-subject: root',
  ]
  for (const [headers, body] of [
    [ALL, PUBLIC],
    [[], named('public')],
  ] as const) {
    const asked = await passed(bench, body, [...headers, ...lines])
    for (const line of lines) {
      const [name = '', value] = line.split(': ')
      assert.equal(asked.headers.get(name), value)
    }
    assert.equal(asked.headers.get('x-toolstile-subject'), 'alice')
  }
  const seen = await bench.seen(async () => {
    const { replies } = await bench.talk(bench.post(named('secret'), ['mcp-param-name: public']))
    assert.match(replies[0]?.body ?? '', /-31403/)
  })
  assert.equal(seen.length, 0)
  assert.doesNotMatch(bench.proxy.logged(), /canary|mcp-param/)
})

test('the state of somebody else passes as it is, under the name of who sent it (T119)', async (t) => {
  const bench = await startRaw(t)
  const params = {
    name: 'public',
    arguments: {},
    requestState: 'of-alice',
    inputResponses: { a: {} },
  }
  const body = modern('tools/call', params)
  const bob = await bench.proxy.token({ sub: 'bob', scope: '' })
  const asked = await passed(bench, body, [...ALL, `authorization: Bearer ${bob}`])
  assert.equal(asked.body.toString(), body)
  assert.equal(asked.headers.get('x-toolstile-subject'), 'bob')
  // A state is no way around the decision: the same for a tool that is denied.
  const denied = modern('tools/call', { ...params, name: 'secret' })
  const seen = await bench.seen(async () => {
    const { replies } = await bench.talk(
      bench.post(denied, [...except('name', 'mcp-name: secret'), `authorization: Bearer ${bob}`]),
    )
    assert.match(replies[0]?.body ?? '', /-31403/)
  })
  assert.equal(seen.length, 0)
})

/** Sends what must pass, and gives what the upstream saw. */
async function passed(bench: RawBench, body: string, headers: readonly string[]) {
  const seen = await bench.seen(async () => {
    const { replies } = await bench.talk(bench.post(body, headers))
    assert.equal(replies[0]?.status, 200, replies[0]?.body)
  })
  const [asked, second] = seen
  assert.ok(asked !== undefined && second === undefined)
  assert.equal(asked.body.toString(), body)
  return asked
}
