// When a key set is loaded: pauses, ages, single flight and what is remembered between loads.

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import test, { type TestContext } from 'node:test'
import { KeySource, type KeySourceOptions } from '../../proxy/identity/keys.ts'

type Jwk = { readonly [name: string]: unknown }

const publicKey = (kid: string): Jwk => ({
  ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }),
  kid,
})
const one = publicKey('one')
const two = publicKey('two')

/** A source over a fake clock and a fetch that answers what the test says. */
function setUp(t: TestContext, options: Partial<KeySourceOptions> = {}) {
  const world = {
    clock: 5_000,
    asked: [] as string[],
    results: [] as string[],
    details: [] as string[],
    answer: async (): Promise<Response> => Response.json({ keys: [one] }),
  }
  const source = new KeySource({
    issuer: 'https://idp.example',
    jwksUrl: new URL('https://idp.example/jwks'),
    now: () => world.clock,
    fetchImpl: async (url) => {
      world.asked.push(new URL(String(url)).pathname)
      return world.answer()
    },
    onRefresh: (result, { detail }) => {
      world.results.push(result)
      world.details.push(detail)
    },
    ...options,
  })
  t.after(() => source.close())
  const publish = (...keys: readonly Jwk[]) => {
    world.answer = async () => Response.json({ keys })
  }
  const fail = () => {
    world.answer = async () => new Response('', { status: 503 })
  }
  return { source, world, publish, fail }
}

/** Takes over the timers of a source: their delays, and what runs when one is due. */
function takeTimers(t: TestContext) {
  const timers: { readonly run: () => void; readonly ms: number }[] = []
  const seen = { unref: 0, cleared: [] as unknown[] }
  t.mock.method(globalThis, 'setTimeout', (run: () => void, ms: number) => {
    const timer = {
      run,
      ms,
      unref: () => {
        seen.unref++
        return timer
      },
    }
    timers.push(timer)
    return timer
  })
  t.mock.method(globalThis, 'clearTimeout', (timer: unknown) => {
    if (timer !== undefined) seen.cleared.push(timer)
  })
  const turns = async (count: number) => {
    for (let turn = 0; timers.length < count && turn < 1_000; turn++) await settled()
    assert.equal(timers.length, count)
  }
  return { timers, seen, turns }
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

test('a set is as old as the time since it was loaded', async (t) => {
  const { source, world } = setUp(t)
  await source.refresh()
  assert.equal(source.ageSeconds(), 0)
  world.clock += 1_500
  assert.equal(source.ageSeconds(), 1.5)
})

test('a set of ten minutes is used as it is, an older one is loaded again', async (t) => {
  const { source, world } = setUp(t)
  await source.refresh()
  world.clock += 600_000
  await source.key('one', 'ES256')
  assert.equal(world.asked.length, 1)
  world.clock++
  await source.key('one', 'ES256')
  assert.equal(world.asked.length, 2)
})

test('while a load is under way nobody begins another, however long it takes (T79)', async (t) => {
  const { source, world } = setUp(t)
  const held = Promise.withResolvers<Response>()
  world.answer = () => held.promise
  const loads = [source.refresh()]
  world.clock += 60_000
  loads.push(source.refresh(), source.refresh())
  held.resolve(Response.json({ keys: [one] }))
  await Promise.all(loads)
  assert.equal(world.asked.length, 1)
})

test('a kid that is unknown is asked for once, and again after 30 s (T76, T79)', async (t) => {
  const { source, world } = setUp(t, { cooldownMs: 0 })
  world.clock = 0
  await source.refresh()
  for (let turn = 0; turn < 3; turn++) assert.equal(await source.key('two', 'ES256'), 'unknown')
  assert.equal(world.asked.length, 2)
  world.clock = 29_999
  assert.equal(await source.key('two', 'ES256'), 'unknown')
  assert.equal(world.asked.length, 2)
  world.clock = 30_000
  assert.equal(await source.key('two', 'ES256'), 'unknown')
  assert.equal(world.asked.length, 3)
})

test('a kid is no longer known to be unknown when the set has changed (T76)', async (t) => {
  const { source, world, publish } = setUp(t, { cooldownMs: 0 })
  await source.refresh()
  await source.key('three', 'ES256')
  await source.key('three', 'ES256')
  assert.equal(world.asked.length, 2)
  publish(one, two)
  assert.notEqual(typeof (await source.key('two', 'ES256')), 'string')
  assert.equal(world.asked.length, 3)
  await source.key('three', 'ES256')
  assert.equal(world.asked.length, 4)
})

test('for a kid that is not in the set two loads are tried, if the first one fails', async (t) => {
  const { source, world, fail } = setUp(t, { cooldownMs: 0 })
  await source.refresh()
  fail()
  assert.equal(await source.key('two', 'ES256'), 'unavailable')
  assert.equal(world.asked.length, 3)
})

test('a key is imported once', async (t) => {
  const { source } = setUp(t)
  const [first, second] = [await source.key('one', 'ES256'), await source.key('one', 'ES256')]
  assert.ok(typeof first !== 'string' && typeof second !== 'string')
  assert.equal(first.key, second.key)
})

test('metadata is read once, until a load fails', async (t) => {
  const metadata = '/.well-known/oauth-authorization-server'
  const { source, world } = setUp(t, { jwksUrl: undefined, cooldownMs: 0 })
  const document = { issuer: 'https://idp.example', jwks_uri: 'https://idp.example/keys' }
  let up = true
  world.answer = async () => {
    if (world.asked.at(-1) === metadata) return Response.json(document)
    return up ? Response.json({ keys: [one] }) : new Response('', { status: 503 })
  }
  await source.refresh()
  await source.refresh()
  assert.deepEqual(world.asked, [metadata, '/keys', '/keys'])
  up = false
  await source.refresh()
  up = true
  await source.refresh()
  assert.deepEqual(world.asked.slice(3), ['/keys', metadata, '/keys'])
})

const faults: [name: string, thrown: unknown, detail: string][] = [
  ['a fault', new Error('a'), 'a'],
  ['a fault with a cause', new Error('a', { cause: new Error('b') }), 'a: b'],
  ['causes below each other', new Error('a', { cause: new Error('b', { cause: 'c' }) }), 'a: b: c'],
  ['what is no fault', 'text', 'text'],
]
for (const [name, thrown, detail] of faults) {
  test(`${name} is told as ${detail}`, async (t) => {
    const { source, world } = setUp(t)
    world.answer = () => Promise.reject(thrown)
    await source.refresh()
    assert.deepEqual(world.details, [detail])
  })
}

test('a load has 5 s, unless it is told otherwise', async (t) => {
  const timeout = t.mock.method(AbortSignal, 'timeout')
  await setUp(t).source.refresh()
  await setUp(t, { timeoutMs: 70 }).source.refresh()
  assert.deepEqual(
    timeout.mock.calls.map((call) => call.arguments[0]),
    [5_000, 70],
  )
})

test('once started it retries with growing pauses, and then keeps the set fresh', async (t) => {
  const { timers, seen, turns } = takeTimers(t)
  const { source, world, fail, publish } = setUp(t)
  const next = async () => {
    const timer = timers.at(-1)
    world.clock += timer?.ms ?? 0
    timer?.run()
    await turns(timers.length + 1)
  }
  fail()
  source.start()
  await turns(1)
  for (let turn = 0; turn < 5; turn++) await next()
  publish(one)
  await next()
  await next()
  fail()
  await next()
  assert.deepEqual(
    timers.map(({ ms }) => ms),
    [1_000, 2_000, 4_000, 5_000, 5_000, 5_000, 600_000, 600_000, 1_000],
  )
  assert.equal(seen.unref, timers.length)
  assert.deepEqual(world.results.slice(-3), ['ok', 'unchanged', 'error'])
})

test('a pause is never shorter than a moment', async (t) => {
  const { timers, turns } = takeTimers(t)
  const { source, fail } = setUp(t, { cooldownMs: 0 })
  fail()
  source.start()
  await turns(1)
  assert.equal(timers[0]?.ms, 1)
})

test('to start again replaces the timer, to close ends it', async (t) => {
  const { timers, seen, turns } = takeTimers(t)
  const { source } = setUp(t)
  source.start()
  await turns(1)
  source.start()
  await turns(2)
  assert.deepEqual(seen.cleared, [timers[0]])
  await source.close()
  assert.deepEqual(seen.cleared, [timers[0], timers[1]])
})

test('what is closed while it loads sets no timer and reports nothing', async (t) => {
  const { timers } = takeTimers(t)
  const { source, world } = setUp(t, {
    fetchImpl: (_, init) =>
      new Promise((_, reject) => {
        init?.signal?.addEventListener('abort', () => reject(init.signal?.reason))
      }),
  })
  source.start()
  await source.close()
  for (let turn = 0; turn < 5; turn++) await settled()
  assert.deepEqual(timers, [])
  assert.deepEqual(world.results, [])
})
