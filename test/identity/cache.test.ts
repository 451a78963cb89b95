import assert from 'node:assert/strict'
import test from 'node:test'
import { TokenCache, type TokenCacheOptions } from '../../proxy/identity/cache.ts'
import { KeySource } from '../../proxy/identity/keys.ts'
import { type TokenRefusal, type Verified, Verifier } from '../../proxy/identity/verifier.ts'
import { spawnIssuer } from '../support/issuer.ts'

const caller = {
  iss: 'https://idp.example',
  sub: 'alice',
  client: '',
  scopes: new Set<string>(),
  roles: new Set<string>(),
  expiresAt: 1000,
}

/** A cache over a verifier that answers what the test says, and a clock in seconds. */
function setUp(options: Partial<TokenCacheOptions> = {}) {
  const world = {
    seconds: 0,
    verified: 0,
    lookups: [] as string[],
    keys: new Set(['key']),
    answer: { caller, thumbprint: 'key' } as Verified | TokenRefusal,
  }
  const cache = new TokenCache({
    verifier: {
      examine: async () => {
        world.verified++
        return world.answer
      },
    },
    keys: { has: (thumbprint) => world.keys.has(thumbprint) },
    now: () => world.seconds * 1000,
    clockSkewS: 5,
    onLookup: (result) => world.lookups.push(result),
    ...options,
  })
  return { cache, world }
}

test('a token is verified once and then remembered', async () => {
  const { cache, world } = setUp()
  assert.equal(cache.lookup('t'), undefined)
  assert.deepEqual(await cache.verify('t'), caller)
  assert.equal(await cache.verify('t'), caller)
  assert.equal(cache.lookup('t'), caller)
  assert.equal(world.verified, 1)
  assert.deepEqual(world.lookups, ['miss', 'hit'])
})

test('concurrent requests with one token share one verification', async () => {
  const { cache, world } = setUp()
  const callers = await Promise.all(Array.from({ length: 100 }, () => cache.verify('t')))
  assert.equal(new Set(callers).size, 1)
  assert.equal(world.verified, 1)
})

test('another spelling of a token is another token (T66)', async () => {
  const { cache, world } = setUp()
  await cache.verify('t')
  world.answer = { denied: 'token_invalid', detail: '' }
  for (const variant of ['t=', 't\n', ' t', 'T']) {
    assert.ok('denied' in (await cache.verify(variant)))
  }
  assert.equal(world.verified, 5)
})

test('a caller is forgotten at expiry and skew, by the wall clock (T81, T138)', async () => {
  const { cache, world } = setUp()
  await cache.verify('t')
  world.seconds = 1004.999
  assert.equal(cache.lookup('t'), caller)
  world.seconds = 1005
  world.answer = { denied: 'token_expired', detail: '' }
  assert.deepEqual(await cache.verify('t'), { denied: 'token_expired', detail: '' })
  assert.equal(cache.size, 0)
})

test('a caller is forgotten when its key is gone (T78)', async () => {
  const { cache, world } = setUp()
  await cache.verify('t')
  world.keys = new Set(['other'])
  assert.equal(cache.lookup('t'), undefined)
  await cache.verify('t')
  assert.equal(world.verified, 2)
  assert.equal(cache.lookup('t'), undefined)
})

test('a caller with a public key counts for nothing without a key source', async () => {
  const { cache } = setUp({ keys: undefined })
  await cache.verify('t')
  assert.equal(cache.lookup('t'), undefined)
})

test('a caller that a secret vouches for needs no key', async () => {
  const { cache, world } = setUp({ keys: undefined })
  world.answer = { caller, thumbprint: undefined }
  await cache.verify('t')
  assert.equal(cache.lookup('t'), caller)
})

test('a refusal is never remembered', async () => {
  const { cache, world } = setUp()
  world.answer = { denied: 'keys_unavailable', detail: 'x' }
  assert.deepEqual(await cache.verify('t'), world.answer)
  assert.deepEqual(await cache.verify('t'), world.answer)
  assert.equal(world.verified, 2)
  world.answer = { caller, thumbprint: 'key' }
  assert.deepEqual(await cache.verify('t'), caller)
})

test('the cache is bounded and forgets what was not used', async () => {
  const { cache } = setUp({ maxEntries: 3 })
  for (const token of ['a', 'b', 'c', 'a', 'd']) await cache.verify(token)
  assert.equal(cache.size, 3)
  assert.equal(cache.lookup('b'), undefined)
  assert.equal(cache.lookup('a'), caller)
  const { cache: usual } = setUp()
  for (let index = 0; index < 10_001; index++) await usual.verify(String(index))
  assert.equal(usual.size, 10_000)
})

test('a real token dies with the retirement of its key (T78)', async (t) => {
  const issuer = await spawnIssuer(['ES256'])
  t.after(issuer.stop)
  let clock = 0
  const keys = new KeySource({ issuer: issuer.url, jwksUrl: undefined, now: () => clock })
  t.after(() => keys.close())
  const verifier = new Verifier({
    issuer: issuer.url,
    keys,
    secret: undefined,
    algorithms: ['ES256'],
    audience: ['https://mcp.example/mcp'],
    tokenTypes: ['at+jwt'],
    scopeClaim: ['scope'],
    rolesClaim: ['roles'],
    clockSkewS: 5,
    maxTokenAgeS: 86_400,
    now: Date.now,
  })
  const cache = new TokenCache({ verifier, keys, now: Date.now, clockSkewS: 5 })
  const token = await issuer.mint({ aud: 'https://mcp.example/mcp' })
  assert.ok('sub' in (await cache.verify(token)))
  await issuer.rotate()
  clock += 1000
  await keys.refresh()
  assert.ok(cache.lookup(token), 'the old key is still published')
  await issuer.retire()
  clock += 1000
  await keys.refresh()
  const refused = await cache.verify(token)
  assert.equal('denied' in refused && refused.denied, 'token_invalid')
})
