import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyPairKeyObjectResult, randomUUID } from 'node:crypto'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import test, { type TestContext } from 'node:test'
import { KeySource, type KeySourceOptions } from '../../proxy/identity/keys.ts'

type Jwk = { readonly [name: string]: unknown }

const ec = (namedCurve = 'P-256') => generateKeyPairSync('ec', { namedCurve })
const rsa = (modulusLength: number, publicExponent = 65537) =>
  generateKeyPairSync('rsa', { modulusLength, publicExponent })
const publicJwk = (pair: KeyPairKeyObjectResult, more: Jwk = {}): Jwk => ({
  ...pair.publicKey.export({ format: 'jwk' }),
  ...more,
})
const strongRsa = publicJwk(rsa(2048))
const one = publicJwk(ec(), { kid: 'one' })
const two = publicJwk(ec(), { kid: 'two' })

/** A real server whose answer the test may change, and a source that reads it by a fake clock. */
async function setUp(
  t: TestContext,
  keys: readonly Jwk[],
  options: Partial<KeySourceOptions> = {},
) {
  const json = (value: unknown): RequestListener => {
    return (_, response) => response.end(JSON.stringify(value))
  }
  const world = { clock: 0, fetches: 0, results: [] as string[], details: [] as string[] }
  let answer = json({ keys })
  const server = createServer((request, response) => {
    world.fetches++
    answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const source = new KeySource({
    issuer: url,
    jwksUrl: new URL(`${url}/jwks`),
    now: () => world.clock,
    onRefresh: (result, { detail }) => {
      world.results.push(result)
      world.details.push(detail)
    },
    ...options,
  })
  t.after(() => source.close())
  const reply = (listener: RequestListener) => {
    answer = listener
  }
  const publish = (...published: readonly Jwk[]) => reply(json({ keys: published }))
  return { world, url, source, reply, publish }
}

const found = (key: unknown) => (typeof key === 'string' ? key : 'found')

test('a key is found by its kid, and fetched once for many callers (T79)', async (t) => {
  const { source, world } = await setUp(t, [one, two])
  assert.equal(source.ready, false)
  assert.equal(source.ageSeconds(), Number.POSITIVE_INFINITY)
  const keys = await Promise.all(Array.from({ length: 100 }, () => source.key('one', 'ES256')))
  assert.deepEqual(new Set(keys.map(found)), new Set(['found']))
  assert.equal(world.fetches, 1)
  assert.equal(source.ready, true)
  assert.equal(source.generation, 1)
  assert.equal(source.thumbprints().length, 2)
  world.clock += 5000
  assert.equal(source.ageSeconds(), 5)
})

const fitting: [name: string, keys: Jwk[], kid: string | undefined, alg: string, want: string][] = [
  ['an EC key does not serve RS256 (T62)', [one], 'one', 'RS256', 'unknown'],
  ['a P-256 key does not serve ES384 (T62)', [one], 'one', 'ES384', 'unknown'],
  ['no key serves HS256 (T61)', [one], 'one', 'HS256', 'unknown'],
  ['no key serves none (T60)', [one], 'one', 'none', 'unknown'],
  ['no key serves a prototype name (T83)', [one], 'one', 'constructor', 'unknown'],
  ['a kid is a name, never a path (T63)', [one], '../../dev/null', 'ES256', 'unknown'],
  ['a kid is a name, never a member (T63)', [one], '__proto__', 'ES256', 'unknown'],
  [
    'a JWK alg binds the key (T62)',
    [{ ...strongRsa, alg: 'RS256' }],
    undefined,
    'PS256',
    'unknown',
  ],
  ['an RSA key without alg serves PS256', [strongRsa], undefined, 'PS256', 'found'],
  ['a missing kid is fine with one key', [one], undefined, 'ES256', 'found'],
  ['a missing kid is fine with one key of the kind', [one, strongRsa], undefined, 'ES256', 'found'],
  ['a missing kid with two keys is ambiguous (T63)', [one, two], undefined, 'ES256', 'unknown'],
  [
    'a kid of two keys is ambiguous (T63)',
    [one, { ...two, kid: 'one' }],
    'one',
    'ES256',
    'unknown',
  ],
  [
    'a kid of two kinds is ambiguous (T63)',
    [one, { ...strongRsa, kid: 'one' }],
    'one',
    'ES256',
    'unknown',
  ],
  ['one key listed twice is one key', [one, one], 'one', 'ES256', 'found'],
  [
    'other keys of a set survive an ambiguous kid',
    [one, { ...two, kid: 'one' }, two],
    'two',
    'ES256',
    'found',
  ],
  [
    'an Ed25519 key serves EdDSA',
    [publicJwk(generateKeyPairSync('ed25519'))],
    undefined,
    'EdDSA',
    'found',
  ],
]
for (const [name, keys, kid, alg, want] of fitting) {
  test(name, async (t) => {
    const { source } = await setUp(t, keys)
    assert.equal(found(await source.key(kid, alg)), want)
  })
}

const p256 = publicJwk(ec())
const unusable: [name: string, key: Jwk | null][] = [
  ['RSA of 1024 bits', publicJwk(rsa(1024))],
  ['RSA with exponent 1', { ...strongRsa, e: 'AQ' }],
  ['RSA with exponent 3', publicJwk(rsa(2048, 3))],
  ['RSA with an even exponent', { ...strongRsa, e: 'AQAA' }],
  ['RSA without a modulus', { kty: 'RSA', e: 'AQAB' }],
  ['a point off its curve', { ...p256, y: p256['x'] }],
  ['a point on another curve', { ...p256, crv: 'P-384' }],
  ['an unknown curve', { ...p256, crv: 'secp256k1' }],
  ['an X25519 key', publicJwk(generateKeyPairSync('x25519'))],
  ['an alg of another curve', { ...p256, alg: 'ES384' }],
  ['an unknown alg', { ...p256, alg: 'ES521' }],
  ['an encryption alg', { ...strongRsa, alg: 'RSA-OAEP' }],
  ['use enc', { ...p256, use: 'enc' }],
  ['key_ops without verify', { ...p256, key_ops: ['encrypt'] }],
  ['a private key (T78)', { ...(ec().privateKey.export({ format: 'jwk' }) as Jwk) }],
  [
    'an oct key (T61, T78)',
    { kty: 'oct', k: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', alg: 'HS256' },
  ],
  ['a kid that is an object (T63)', { ...p256, kid: { a: 1 } }],
  ['a kty of the prototype (T83)', { kty: 'constructor' }],
  ['null', null],
]
for (const [name, key] of unusable) {
  test(`a set with nothing but ${name} has no usable key (T75)`, async (t) => {
    const { source, world } = await setUp(t, [key as Jwk])
    assert.equal(await source.key(undefined, 'ES256'), 'unavailable')
    assert.match(world.details.join(), /no usable key/)
  })
  test(`${name} does not disturb its neighbour`, async (t) => {
    const { source } = await setUp(t, [key as Jwk, one])
    assert.equal(found(await source.key('one', 'ES256')), 'found')
    assert.equal(source.thumbprints().length, 1)
  })
}

test('a key that appears 1 s after the last load serves its first token (T76)', async (t) => {
  const { source, world, publish } = await setUp(t, [one])
  await source.refresh()
  publish(one, two)
  world.clock += 1000
  assert.equal(found(await source.key('two', 'ES256')), 'found')
  assert.equal(world.fetches, 2)
  assert.equal(source.generation, 2)
  assert.deepEqual(world.results, ['ok', 'ok'])
})

test('no rotation with an overlap of the cool-down refuses a token, even under attack (T76)', async (t) => {
  const { source, world, publish } = await setUp(t, [one])
  let current = one
  for (let second = 1; second <= 30; second++) {
    world.clock += 500
    const next = publicJwk(ec(), { kid: `key ${second}` })
    publish(current, next)
    await source.key(randomUUID(), 'ES256')
    world.clock += 1000
    await source.key(randomUUID(), 'ES256')
    assert.equal(found(await source.key(String(next['kid']), 'ES256')), 'found')
    current = next
  }
})

test('a load that began before the rotation is followed by another (T76)', async (t) => {
  const { source, world, reply, publish } = await setUp(t, [one])
  await source.refresh()
  world.clock += 1000
  const arrived = Promise.withResolvers<void>()
  const held = Promise.withResolvers<void>()
  reply((_, response) => {
    const before = JSON.stringify({ keys: [one] })
    arrived.resolve()
    void held.promise.then(() => response.end(before))
  })
  const early = source.refresh()
  await arrived.promise
  publish(one, two)
  world.clock += 1000
  const late = source.key('two', 'ES256')
  held.resolve()
  await early
  assert.equal(found(await late), 'found')
  assert.equal(world.fetches, 3)
})

test('10,000 random kids cost one load in a cool-down (T77, T79)', async (t) => {
  const { source, world } = await setUp(t, [one])
  await source.refresh()
  world.clock += 1000
  const flood = () =>
    Promise.all(Array.from({ length: 10_000 }, () => source.key(randomUUID(), 'ES256')))
  assert.deepEqual(new Set(await flood()), new Set(['unknown']))
  assert.equal(world.fetches, 2)
  world.clock += 999
  await flood()
  assert.equal(world.fetches, 2)
  world.clock += 1
  await flood()
  assert.equal(world.fetches, 3)
  assert.equal(found(await source.key('one', 'ES256')), 'found')
})

test('a kid known to be unknown is not asked for again for 30 s, unless the set changes', async (t) => {
  const { source, world, publish } = await setUp(t, [one])
  await source.refresh()
  world.clock += 1000
  await source.key('gone', 'ES256')
  assert.equal(world.fetches, 2)
  world.clock += 29_999
  assert.equal(await source.key('gone', 'ES256'), 'unknown')
  assert.equal(world.fetches, 2)
  publish(one, two)
  assert.equal(found(await source.key('two', 'ES256')), 'found')
  world.clock += 1000
  await source.key('gone', 'ES256')
  assert.equal(world.fetches, 4)
})

test('a kid refused during the cool-down is asked for right after it (T76)', async (t) => {
  const { source, world, publish } = await setUp(t, [one])
  await source.refresh()
  publish(one, two)
  assert.equal(await source.key('two', 'ES256'), 'unknown')
  world.clock += 1000
  assert.equal(found(await source.key('two', 'ES256')), 'found')
})

const outages: [name: string, answer: RequestListener, detail: RegExp][] = [
  ['500', (_, response) => response.writeHead(500).end(), /answered 500/],
  [
    'a redirect to the metadata service',
    (_, response) => response.writeHead(302, { location: 'http://169.254.169.254/' }).end(),
    /answered 302/,
  ],
  ['HTML', (_, response) => response.end('<html></html>'), /not strict JSON/],
  ['an array', (_, response) => response.end('[]'), /not a JSON object/],
  ['no keys member', (_, response) => response.end('{}'), /"keys" is not an array/],
  ['empty keys', (_, response) => response.end('{"keys":[]}'), /no usable key/],
  ['duplicate members', (_, response) => response.end('{"keys":[],"keys":[]}'), /not strict JSON/],
  [
    'too many keys',
    (_, response) => response.end(JSON.stringify({ keys: Array(101).fill(one) })),
    /at most 100/,
  ],
  [
    '10 MB',
    (_, response) => response.end(Buffer.alloc(10_000_000, ' ')),
    /longer than 262144 bytes/,
  ],
  ['silence', () => {}, /timeout/],
  [
    'a slow drip',
    (_, response) => {
      const drip = setInterval(() => response.write(' '), 10)
      response.on('close', () => clearInterval(drip))
    },
    /timeout/,
  ],
  ['a broken connection', (request) => request.socket.destroy(), /fetch failed/],
]
for (const [name, answer, detail] of outages) {
  // Long enough for the answers that come, on a machine that is busy; silence is waited for.
  const timeoutMs = String(detail) === '/timeout/' ? 250 : 5_000

  test(`${name} at a cold start is unavailable, shared, and cooled down (T77)`, async (t) => {
    const { source, world, reply, publish } = await setUp(t, [], { timeoutMs })
    reply(answer)
    const keys = await Promise.all([source.key('one', 'ES256'), source.key('one', 'ES256')])
    assert.deepEqual(keys, ['unavailable', 'unavailable'])
    assert.match(world.details.join(), detail)
    assert.equal(source.ready, false)
    publish(one)
    const { fetches } = world
    world.clock += 999
    assert.equal(await source.key('one', 'ES256'), 'unavailable')
    assert.equal(world.fetches, fetches)
    world.clock += 1
    assert.equal(found(await source.key('one', 'ES256')), 'found')
  })

  test(`${name} later leaves the last good set in use for 1 h (T77)`, async (t) => {
    const { source, world, reply } = await setUp(t, [one], { timeoutMs })
    await source.refresh()
    const [thumbprint = ''] = source.thumbprints()
    reply(answer)
    world.clock = 1000
    assert.equal(await source.key('two', 'ES256'), 'unavailable')
    world.clock = 3_600_000
    assert.equal(found(await source.key('one', 'ES256')), 'found')
    assert.equal(source.has(thumbprint), true)
    await source.refresh()
    world.clock++
    assert.equal(source.has(thumbprint), false)
    assert.equal(source.ready, false)
    assert.equal(await source.key('one', 'ES256'), 'unavailable')
    assert.match(world.details.join(), detail)
  })
}

test('failures are retried with growing pauses of at most 5 s', async (t) => {
  const { source, world, reply } = await setUp(t, [])
  reply((_, response) => response.writeHead(503).end())
  const pauses: number[] = []
  let last = 0
  for (; world.clock < 60_000; world.clock += 500) {
    const { fetches } = world
    await source.refresh()
    if (world.fetches === fetches) continue
    pauses.push(world.clock - last)
    last = world.clock
  }
  assert.deepEqual(pauses, [0, 1000, 2000, 4000, ...Array(10).fill(5000)])
})

test('an old set is refreshed behind the request that notices (T77)', async (t) => {
  const { source, world, publish } = await setUp(t, [one])
  await source.refresh()
  publish(two)
  world.clock += 600_001
  assert.equal(found(await source.key('one', 'ES256')), 'found')
  await source.refresh()
  assert.equal(world.fetches, 2)
  assert.equal(source.generation, 2)
  assert.equal(await source.key('one', 'ES256'), 'unknown')
})

test('a removed key no longer counts, an unchanged set is no new generation (T78)', async (t) => {
  const { source, world, publish } = await setUp(t, [one, two])
  await source.refresh()
  const before = source.thumbprints()
  publish(two, one)
  world.clock += 1000
  await source.refresh()
  assert.equal(source.generation, 1)
  publish(two)
  world.clock += 1000
  await source.refresh()
  assert.deepEqual(world.results, ['ok', 'unchanged', 'ok'])
  assert.deepEqual(before.map((name) => source.has(name)).sort(), [false, true])
})

test('start loads by itself, and again until it succeeds', async (t) => {
  const loaded = Promise.withResolvers<void>()
  const { source, reply, publish } = await setUp(t, [], {
    now: () => performance.now(),
    cooldownMs: 10,
    onRefresh: (result) => {
      if (result === 'error') publish(one)
      else loaded.resolve()
    },
  })
  reply((_, response) => response.writeHead(503).end())
  source.start()
  // The timer of the source is unref'd: this one keeps the test alive.
  const alive = setTimeout(() => loaded.reject(new Error('never loaded')), 5000)
  await loaded.promise
  clearTimeout(alive)
  assert.equal(source.ready, true)
})

test('close aborts what is in flight and ends all loading', async (t) => {
  const { source, world, reply } = await setUp(t, [one])
  const arrived = Promise.withResolvers<void>()
  reply(() => arrived.resolve())
  const key = source.key('one', 'ES256')
  await arrived.promise
  await source.close()
  assert.equal(await key, 'unavailable')
  world.clock += 60_000
  assert.equal(await source.key('one', 'ES256'), 'unavailable')
  assert.equal(world.fetches, 1)
})

const places = [
  ['/realms/x', '/.well-known/oauth-authorization-server/realms/x'],
  ['/realms/x', '/.well-known/openid-configuration/realms/x'],
  ['/realms/x', '/realms/x/.well-known/openid-configuration'],
  ['', '/.well-known/oauth-authorization-server'],
  ['/', '/.well-known/openid-configuration'],
] as const
for (const [path, place] of places) {
  test(`the keys of issuer "${path}" are found through ${place}`, async (t) => {
    const { url, reply } = await setUp(t, [])
    reply((request, response) => {
      if (request.url === '/keys') return response.end(JSON.stringify({ keys: [one] }))
      if (request.url !== place) return response.writeHead(404).end()
      return response.end(JSON.stringify({ issuer: url + path, jwks_uri: `${url}/keys` }))
    })
    const source = new KeySource({ issuer: url + path, jwksUrl: undefined, now: () => 0 })
    t.after(() => source.close())
    assert.equal(found(await source.key('one', 'ES256')), 'found')
  })
}

const impostors: [name: string, document: (url: string) => Jwk, detail: RegExp][] = [
  ['another issuer', (url) => ({ issuer: `${url}/`, jwks_uri: `${url}/keys` }), /another issuer/],
  ['no issuer', (url) => ({ jwks_uri: `${url}/keys` }), /another issuer/],
  ['no key set', (url) => ({ issuer: url }), /no valid "jwks_uri"/],
  ['a file', (url) => ({ issuer: url, jwks_uri: 'file:///etc/passwd' }), /neither https nor http/],
  [
    'a link-local address',
    (url) => ({ issuer: url, jwks_uri: 'http://169.254.169.254/keys' }),
    /neither https nor http/,
  ],
]
for (const [name, document, detail] of impostors) {
  test(`metadata that names ${name} is not used (T71, T77, R57)`, async (t) => {
    const details: string[] = []
    const { url, reply } = await setUp(t, [])
    reply((request, response) => {
      if (request.url === '/keys') return response.end(JSON.stringify({ keys: [one] }))
      return response.end(JSON.stringify(document(url)))
    })
    const source = new KeySource({
      issuer: url,
      jwksUrl: undefined,
      now: () => 0,
      onRefresh: (_, facts) => details.push(facts.detail),
    })
    t.after(() => source.close())
    assert.equal(await source.key('one', 'ES256'), 'unavailable')
    assert.match(details.join(), detail)
  })
}

test('metadata of an https issuer may not lead to http keys (T78)', async (t) => {
  const details: string[] = []
  const asked: string[] = []
  const source = new KeySource({
    issuer: 'https://idp.example',
    jwksUrl: undefined,
    now: () => 0,
    fetchImpl: async (url) => {
      asked.push(String(url))
      return Response.json({ issuer: 'https://idp.example', jwks_uri: 'http://127.0.0.1:9/keys' })
    },
    onRefresh: (_, facts) => details.push(facts.detail),
  })
  t.after(() => source.close())
  assert.equal(await source.key('one', 'ES256'), 'unavailable')
  assert.match(details.join(), /"jwks_uri" is not https/)
  assert.deepEqual(
    asked.map((url) => new URL(url).hostname),
    ['idp.example', 'idp.example'],
  )
})

test('metadata that moves the keys to another origin is not followed (T78)', async (t) => {
  const details: string[] = []
  let clock = 0
  let home = 'https://keys.example/1'
  let up = true
  const source = new KeySource({
    issuer: 'https://idp.example',
    jwksUrl: undefined,
    now: () => clock,
    fetchImpl: async (url) => {
      if (new URL(String(url)).hostname === 'idp.example') {
        return Response.json({ issuer: 'https://idp.example', jwks_uri: home })
      }
      if (String(url) !== home || !up) return new Response('', { status: 404 })
      return Response.json({ keys: [home.includes('evil') ? two : one] })
    },
    onRefresh: (_, facts) => details.push(facts.detail),
  })
  t.after(() => source.close())
  assert.equal(found(await source.key('one', 'ES256')), 'found')
  home = 'https://keys.example/2'
  for (let turn = 0; turn < 2; turn++) {
    clock += 10_000
    await source.refresh()
  }
  assert.deepEqual(details.at(-1), '')
  home = 'https://evil.example/1'
  up = false
  for (let turn = 0; turn < 3; turn++) {
    clock += 10_000
    await source.refresh()
    up = true
  }
  assert.match(details.at(-1) ?? '', /the keys moved/)
  assert.equal(found(await source.key('one', 'ES256')), 'found')
})

test('an address that is neither https nor loopback is refused when set up (R57)', () => {
  const issuer = 'http://idp.example'
  const jwksUrl = new URL('http://10.0.0.1/jwks')
  const fault = { code: 'ISSUER_METADATA' }
  assert.throws(() => new KeySource({ issuer, jwksUrl: undefined, now: () => 0 }), fault)
  assert.throws(() => new KeySource({ issuer: 'x', jwksUrl, now: () => 0 }), fault)
})
