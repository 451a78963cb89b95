// The verifier of a configuration: with keys or a secret, and in which units its durations are.

import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import test, { type TestContext } from 'node:test'
import { parseConfig } from '../../proxy/configure.ts'
import { createVerifier } from '../../proxy/identity/create.ts'

const SECRET = 'a secret of more than thirty-two bytes'
const AUDIENCE = 'http://127.0.0.1:8080/mcp'

function configOf(settings: Readonly<Record<string, string>>) {
  const usual = { UPSTREAM_URL: 'http://127.0.0.1:3000/mcp', PUBLIC_URL: AUDIENCE }
  const all: Readonly<Record<string, string>> = { ...usual, POLICY_FILE: 'p', ...settings }
  const config = parseConfig({
    lookup: (name) => all[name],
    readFile: () => Buffer.from(SECRET),
  })
  assert.ok(!('problems' in config), JSON.stringify(config))
  return config
}

function mint(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const input = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`
  return `${input}.${createHmac('sha256', SECRET).update(input).digest('base64url')}`
}

async function issuerOf(t: TestContext) {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    response.end('{"keys":[]}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

test('a secret alone needs no keys', async () => {
  const identity = createVerifier(configOf({ JWT_SECRET_FILE: 's', ALGORITHMS: 'HS256' }))
  assert.equal(identity.keys, undefined)
  await identity.close()
})

test('a secret alone needs no keys even where an issuer is named', () => {
  const settings = { ISSUER: 'https://idp.example', JWT_SECRET_FILE: 's', ALGORITHMS: 'HS256' }
  assert.equal(createVerifier(configOf(settings)).keys, undefined)
})

test('an issuer has keys, found where the settings say, and tells how loading went', async (t) => {
  const { url, asked } = await issuerOf(t)
  const results: string[] = []
  const config = configOf({ ISSUER: url, JWKS_URL: `${url}/keys` })
  const identity = createVerifier(config, (result) => results.push(result))
  t.after(() => identity.close())
  await identity.keys?.refresh()
  assert.deepEqual(asked, ['/keys'])
  assert.deepEqual(results, ['error'])
  assert.equal(identity.keys?.ready, false)
})

test('nobody needs to hear of the keys, and closing ends them', async (t) => {
  const { url, asked } = await issuerOf(t)
  let clock = 0
  t.mock.method(performance, 'now', () => clock)
  const identity = createVerifier(configOf({ ISSUER: url }))
  await identity.keys?.refresh()
  assert.equal(asked[0], '/.well-known/oauth-authorization-server')
  const { length } = asked
  await identity.close()
  clock = 60_000
  await identity.keys?.refresh()
  assert.equal(asked.length, length)
})

test('keys and a secret stand side by side', async (t) => {
  const { url } = await issuerOf(t)
  const settings = { ISSUER: url, JWT_SECRET_FILE: 's', ALGORITHMS: 'RS256,HS256', JWKS_URL: url }
  const identity = createVerifier(configOf(settings))
  t.after(() => identity.close())
  assert.notEqual(identity.keys, undefined)
})

test('the age of keys is told by a clock that goes on', async (t) => {
  const now = t.mock.method(performance, 'now', () => 5_000)
  const { url } = await issuerOf(t)
  const identity = createVerifier(configOf({ ISSUER: url }))
  t.after(() => identity.close())
  await identity.keys?.refresh()
  assert.ok(now.mock.callCount() > 0)
})

test('durations of the settings are milliseconds, those of tokens seconds (T68, T69)', async (t) => {
  const settings = { JWT_SECRET_FILE: 's', ALGORITHMS: 'HS256', CLOCK_SKEW: '7s' }
  const { verifier } = createVerifier(configOf({ ...settings, MAX_TOKEN_AGE: '10000s' }))
  const NOW = 1_800_000_000
  t.mock.method(Date, 'now', () => NOW * 1_000)
  const outcome = async (iat: number, exp: number) => {
    const claims = { sub: 'a', aud: AUDIENCE, iat: NOW + iat, exp: NOW + exp }
    const verified = await verifier.verify(mint(claims))
    return 'denied' in verified ? verified.detail : 'accepted'
  }
  assert.equal(await outcome(-5_000, 5_000), 'accepted')
  assert.equal(await outcome(-5_000, 5_001), 'the token lives too long')
  assert.equal(await outcome(-50, -6), 'accepted')
  assert.equal(await outcome(-50, -7), '"exp" claim is in the past')
  assert.equal(await outcome(7, 50), 'accepted')
  assert.equal(await outcome(8, 50), '"iat" claim is in the future')
})
