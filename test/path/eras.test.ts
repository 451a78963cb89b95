// The two eras on the wire: 2026-07-28 headers must say what the body says (R11, T117), and no way
// of asking changes what is decided (T118).

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MODES, setScene } from '../support/scene.ts'
import {
  type Extra,
  legacy,
  modern,
  modernHeaders,
  openSession,
  post,
  postModern,
  type Reply,
  reply,
} from '../support/wire.ts'

const ECHO = { name: 'echo', arguments: { text: 'hello' } }
const base64 = (text: string) => `=?base64?${Buffer.from(text).toString('base64')}?=`

const agreeing: Readonly<Record<string, Extra>> = {
  'as they should be': {},
  'with the name in Base64': { 'mcp-name': base64('echo') },
  'with white space around them': { 'mcp-name': ' echo ', 'mcp-method': 'tools/call\t' },
}

for (const [what, headers] of Object.entries(agreeing)) {
  test(`a call with its headers ${what} is passed on`, async (t) => {
    const { proxy, recorder, reader } = await setScene(t, { mode: 'modern' })
    const all = { ...modernHeaders('tools/call', 'echo'), ...headers }
    const response = await post(proxy.url, modern('tools/call', ECHO), {
      token: reader,
      headers: all,
    })
    assert.equal((await reply(response)).result?.content?.[0]?.text, 'hello')
    assert.equal(recorder.requests().length, 1)
  })
}

const BODY = modern('tools/call', ECHO, 'seven')
const of2099 = BODY.replace('2026-07-28', '2099-01-01')
const disagreeing: readonly (readonly [string, number, string, Extra])[] = [
  ['without a version header', -32020, BODY, { 'mcp-protocol-version': undefined }],
  ['with an older version header', -32020, BODY, { 'mcp-protocol-version': '2025-11-25' }],
  ['with an unknown version header', -32020, BODY, { 'mcp-protocol-version': '2099-01-01' }],
  ['of an unknown version', -32022, of2099, { 'mcp-protocol-version': '2099-01-01' }],
  ['of an unknown version only in its body', -32020, of2099, {}],
  ['without a method header', -32020, BODY, { 'mcp-method': undefined }],
  ['with another method in the header', -32020, BODY, { 'mcp-method': 'tools/list' }],
  ['with the method in capitals', -32020, BODY, { 'mcp-method': 'TOOLS/CALL' }],
  ['without a name header', -32020, BODY, { 'mcp-name': undefined }],
  ['with another name in the header', -32020, BODY, { 'mcp-name': 'get_public_info' }],
  ['with the name in capitals', -32020, BODY, { 'mcp-name': 'ECHO' }],
  ['with another name in Base64', -32020, BODY, { 'mcp-name': base64('get_public_info') }],
  ['with Base64 in capitals', -32020, BODY, { 'mcp-name': '=?BASE64?ZWNobw==?=' }],
  ['with Base64 without padding', -32020, BODY, { 'mcp-name': '=?base64?ZWNobw?=' }],
  ['with Base64 that is not canonical', -32020, BODY, { 'mcp-name': '=?base64?ZWNobx==?=' }],
  ['with Base64 that is not UTF-8', -32020, BODY, { 'mcp-name': '=?base64?/w==?=' }],
  ['with two names in one header', -32020, BODY, { 'mcp-name': 'echo, get_public_info' }],
  ['whose version is no string', -32602, BODY.replace('"2026-07-28"', '20260728'), {}],
  ['without an envelope', -32602, legacy('tools/call', ECHO), {}],
  ['to initialize', -32020, legacy('initialize'), { 'mcp-method': 'initialize' }],
]

for (const [what, code, body, headers] of disagreeing) {
  test(`a call ${what} is answered ${code} and not passed on (T117)`, async (t) => {
    const { proxy, recorder, full } = await setScene(t, { mode: 'modern' })
    const all = { ...modernHeaders('tools/call', 'echo'), ...headers }
    const response = await post(proxy.url, body, { token: full, headers: all })
    assert.equal(response.status, 400)
    const { id, error } = await reply(response)
    assert.equal(error?.code, code)
    assert.equal(id, JSON.parse(body).id)
    if (code === -32022) assert.deepEqual(error?.data?.['supported'], ['2026-07-28'])
    assert.deepEqual(recorder.requests(), [])
  })
}

const said: readonly (readonly [string, string, Extra, { header: string; body: string }])[] = [
  ['a version', BODY, { 'mcp-protocol-version': '2025-11-25' }, pair('2025-11-25', '2026-07-28')],
  ['a method', BODY, { 'mcp-method': 'tools/list' }, pair('tools/list', 'tools/call')],
  ['a missing method', BODY, { 'mcp-method': undefined }, pair('(missing)', 'tools/call')],
  ['a name', BODY, { 'mcp-name': 'get_public_info' }, pair('get_public_info', 'echo')],
  ['a name in Base64', BODY, { 'mcp-name': base64('x') }, pair(base64('x'), 'echo')],
  ['no name in the body', modern('tools/call', {}, 7), {}, pair('echo', '(missing)')],
  ['a number as name', modern('tools/call', { name: 7 }, 7), {}, pair('echo', '(not a string)')],
]

function pair(header: string, body: string) {
  return { header, body }
}

for (const [what, body, extra, mismatch] of said) {
  test(`a disagreement over ${what} shows the caller its own two values (R11)`, async (t) => {
    const { proxy, recorder, reader } = await setScene(t, { mode: 'modern' })
    const headers = { ...modernHeaders('tools/call', 'echo'), ...extra }
    const response = await post(proxy.url, body, { token: reader, headers })
    assert.equal(response.status, 400)
    assert.deepEqual((await reply(response)).error?.data, { mismatch })
    assert.deepEqual(recorder.requests(), [])
  })
}

test('lying headers on a legacy message change nothing (R13)', async (t) => {
  const { proxy, recorder, reader } = await setScene(t, { mode: 'stateless' })
  const headers = { 'mcp-method': 'tools/list', 'mcp-name': 'echo' }
  const body = legacy('tools/call', { name: 'get_confidential_info' })
  const { error } = await reply(await post(proxy.url, body, { token: reader, headers }))
  assert.equal(error?.code, -31403)
  assert.deepEqual(recorder.requests(), [])
})

for (const mode of MODES) {
  test(`an unknown method is 404 in the modern era and 200 in the legacy one, in mode ${mode}`, async (t) => {
    const { proxy, recorder, full } = await setScene(t, { mode })
    const error = { code: -32601, message: 'Method not found' }
    for (const method of ['tools/destroy', 'TOOLS/CALL', 'skills/list', 'toString']) {
      const old = await post(proxy.url, legacy(method), { token: full })
      assert.equal(old.status, 200)
      assert.deepEqual(await old.json(), { jsonrpc: '2.0', id: 1, error })
      const now = await postModern(proxy.url, full, method)
      assert.equal(now.status, 404)
      assert.deepEqual(await now.json(), { jsonrpc: '2.0', id: 1, error })
    }
    assert.deepEqual(recorder.requests(), [])
  })
}

for (const method of ['initialize', 'ping', 'resources/subscribe', 'tasks/list']) {
  test(`${method} is unknown in the modern era`, async (t) => {
    const { proxy, recorder, full } = await setScene(t, { mode: 'modern' })
    const params = { uri: 'docs://public/guide' }
    assert.equal((await postModern(proxy.url, full, method, params)).status, 404)
    assert.deepEqual(recorder.requests(), [])
  })
}

for (const method of ['server/discover', 'subscriptions/listen']) {
  test(`${method} is unknown in the legacy era`, async (t) => {
    const { proxy, recorder, full } = await setScene(t, { mode: 'modern' })
    const { error } = await reply(await post(proxy.url, legacy(method), { token: full }))
    assert.equal(error?.code, -32601)
    assert.deepEqual(recorder.requests(), [])
  })
}

const targets = [
  ['tools/call', { name: 'get_confidential_info' }],
  ['prompts/get', { name: 'review_expression' }],
  ['resources/read', { uri: 'docs://confidential/memo' }],
  ['completion/complete', { ref: { type: 'ref/prompt', name: 'review_expression' } }],
  ['tools/call', { name: 'no_such_tool' }],
] as const

for (const mode of MODES) {
  for (const [method, params] of targets) {
    const name = JSON.stringify(Object.values(params)[0])
    test(`${method} of ${name} is refused alike in both eras, in mode ${mode} (T118)`, async (t) => {
      const { proxy, recorder, reader } = await setScene(t, { mode })
      const session = mode === 'sessions' ? await openSession(proxy.url, reader) : undefined
      recorder.clear()
      const body = legacy(method, params)
      const answers: Reply[] = [
        await reply(await post(proxy.url, body, { token: reader })),
        await reply(await postModern(proxy.url, reader, method, params)),
        ...(session === undefined ? [] : [await reply(await session.post(body))]),
      ]
      for (const answer of answers) assert.deepEqual(answer, answers[0])
      assert.equal(answers[0]?.error?.code, -31403)
      assert.deepEqual(recorder.requests(), [])
    })
  }
}

for (const [what, body] of [
  ['a batch', `[${legacy('tools/list')}]`],
  ['a batch of both eras', `[${legacy('tools/list')},${modern('tools/list')}]`],
  ['an empty batch', '[]'],
] as const) {
  test(`${what} is refused whole (R17)`, async (t) => {
    const { proxy, recorder, full } = await setScene(t, { mode: 'modern' })
    const response = await post(proxy.url, body, { token: full })
    assert.equal(response.status, 400)
    assert.equal((await reply(response)).error?.code, -32600)
    assert.deepEqual(recorder.requests(), [])
  })
}
