// Every request carries its own proof (R39): what is refused without one, with a bad one, and what
// happens to a stream whose token ends.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Claims, MintOptions } from '../../proxy/cli/issuer.ts'
import { MODES, setScene } from '../support/scene.ts'
import {
  bare,
  events,
  legacy,
  messages,
  next,
  openSession,
  post,
  postModern,
} from '../support/wire.ts'

const METADATA =
  'resource_metadata="http://127.0.0.1:8080/.well-known/oauth-protected-resource/mcp"'
const LIST = legacy('tools/list')
const SCOPES = 'scope="confidential:read public:read"'

for (const mode of MODES) {
  test(`in mode ${mode} a request without a token is told where to get one`, async (t) => {
    const { proxy, recorder } = await setScene(t, { mode })
    const requests = [
      post(proxy.url, LIST),
      post(proxy.url, legacy('initialize')),
      postModern(proxy.url, undefined, 'server/discover'),
      bare('GET', proxy.url, {}),
      bare('DELETE', proxy.url, {}),
    ]
    for (const response of await Promise.all(requests)) {
      assert.equal(response.status, 401)
      assert.equal(response.headers.get('www-authenticate'), `Bearer ${SCOPES}, ${METADATA}`)
      assert.equal(await response.text(), '{"error":"an access token is required"}')
    }
    assert.deepEqual(recorder.requests(), [])
  })
}

const bad: readonly (readonly [string, Claims, MintOptions])[] = [
  ['has expired', {}, { expiresIn: -60 }],
  ['is for another audience', { aud: 'https://other.example/mcp' }, {}],
  ['has no audience', {}, { omit: ['aud'] }],
  ['is of another issuer', { iss: 'https://other.example' }, {}],
  ['has no subject', {}, { omit: ['sub'] }],
  ['is an ID token', {}, { header: { typ: 'id+jwt' } }],
  ['has an unknown key', {}, { header: { kid: 'unknown' } }],
  ['lives for a month', {}, { expiresIn: 30 * 86_400 }],
]

for (const [what, claims, options] of bad) {
  test(`a token that ${what} is invalid`, async (t) => {
    const { proxy, recorder } = await setScene(t, { mode: 'stateless' })
    const token = await proxy.token({ scope: 'public:read', ...claims }, options)
    const response = await post(proxy.url, LIST, { token })
    assert.equal(response.status, 401)
    const challenge = response.headers.get('www-authenticate') ?? ''
    assert.match(challenge, /^Bearer error="invalid_token", error_description="[^"]+", scope="/)
    assert.ok(challenge.endsWith(METADATA))
    assert.equal(JSON.parse(await response.text()).error, 'invalid_token')
    assert.deepEqual(recorder.requests(), [])
  })
}

test('a token whose header was changed to "none" is invalid (T60)', async (t) => {
  const { proxy, recorder, reader } = await setScene(t, { mode: 'stateless' })
  const header = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')
  const [, payload, signature] = reader.split('.')
  for (const token of [`${header}.${payload}.${signature}`, `${header}.${payload}.`])
    assert.equal((await post(proxy.url, LIST, { token })).status, 401)
  assert.deepEqual(recorder.requests(), [])
})

test('a token in the query is refused and never passed on (R39, T41)', async (t) => {
  const { proxy, recorder, reader } = await setScene(t, { mode: 'stateless' })
  const response = await post(`${proxy.url}?access_token=${reader}`, LIST, { token: reader })
  assert.equal(response.status, 400)
  assert.deepEqual(recorder.requests(), [])
})

test('a session does not stand in for a token', async (t) => {
  const { proxy, recorder, reader } = await setScene(t, { mode: 'sessions' })
  const session = await openSession(proxy.url, reader)
  recorder.clear()
  const headers = { authorization: undefined }
  for (const response of [
    await session.post(LIST, { headers }),
    await session.get({ headers }),
    await session.end({ headers }),
  ])
    assert.equal(response.status, 401)
  assert.deepEqual(recorder.requests(), [])
})

for (const kind of ['v1', 'v2', 'v2 auto'] as const) {
  test(`a ${kind} client with an expired token cannot connect`, async (t) => {
    const { connect, proxy } = await setScene(t, { mode: 'modern' })
    const token = await proxy.token({ scope: 'public:read' }, { expiresIn: -60 })
    await assert.rejects(connect(kind, token))
  })
}

const brief = { settings: { CLOCK_SKEW: '0s' } }

describe('a stream whose token ends', { concurrency: true }, () => {
  test('a GET stream ends when its token does (R45, T81)', async (t) => {
    const { proxy, recorder, reader } = await setScene(t, { mode: 'sessions', ...brief })
    const session = await openSession(proxy.url, reader)
    const token = await proxy.token({ scope: 'public:read' }, { expiresIn: 3 })
    const response = await session.get({ token })
    assert.equal(response.status, 200)
    for await (const { data } of events(response)) assert.equal(data, '')
    await (await recorder.seen('GET')).left
    assert.equal((await session.get({ token })).status, 401)
    assert.equal((await session.post(LIST)).status, 200)
  })

  test('a subscription ends with its empty result when its token ends (R45)', async (t) => {
    const { proxy, recorder } = await setScene(t, { mode: 'modern', ...brief })
    const token = await proxy.token({ scope: 'public:read' }, { expiresIn: 3 })
    const notifications = { toolsListChanged: true }
    const response = await postModern(proxy.url, token, 'subscriptions/listen', { notifications })
    const stream = messages(response)
    assert.equal((await next(stream)).method, 'notifications/subscriptions/acknowledged')
    const _meta = { 'io.modelcontextprotocol/subscriptionId': 1 }
    assert.deepEqual(await next(stream), {
      jsonrpc: '2.0',
      id: 1,
      result: { resultType: 'complete', _meta },
    })
    assert.equal((await stream.next()).done, true)
    await (await recorder.seen('subscriptions/listen')).left
  })
})

test('a subscription hears of what it names and of nothing else', async (t) => {
  const { proxy, upstream, reader } = await setScene(t, { mode: 'modern' })
  const notifications = { resourceSubscriptions: ['docs://public/guide'] }
  const response = await postModern(proxy.url, reader, 'subscriptions/listen', { notifications })
  const stream = messages(response)
  const { params } = await next(stream)
  assert.deepEqual(params?.['notifications'], notifications)
  upstream.touch('docs://confidential/memo')
  upstream.touch('docs://public/guide')
  assert.equal((await next(stream)).params?.['uri'], 'docs://public/guide')
})

test('a subscription to what the caller may not read is refused whole (R28, T120)', async (t) => {
  const { proxy, recorder, reader } = await setScene(t, { mode: 'modern' })
  const notifications = {
    resourceSubscriptions: ['docs://public/guide', 'docs://confidential/memo'],
  }
  const response = await postModern(proxy.url, reader, 'subscriptions/listen', { notifications })
  assert.match(await response.text(), /"code":-31403/)
  assert.deepEqual(recorder.requests(), [])
})
