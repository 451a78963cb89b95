// Key sets that are hostile, away or changing (T62, T63, T75-T79), seen from the listener: a
// token that no honest key proves never passes, and nothing a token says makes the proxy fetch more.

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { type Fields, type Forge, HONEST, jwk, STRANGER, startForge } from './forge.ts'
import { LIST, type RawBench, startRaw } from './raw.ts'
import { assertRefusal } from './refusal.ts'

const status = async (bench: RawBench, token: string) => {
  const { replies } = await bench.talk(bench.post(LIST, [`authorization: Bearer ${token}`]))
  const [reply] = replies
  assert.ok(reply !== undefined)
  if (reply.status !== 200) assertRefusal(reply)
  return reply.status
}

const rsa = (modulusLength: number, publicExponent = 65_537) =>
  generateKeyPairSync('rsa', { modulusLength, publicExponent })
const [es] = HONEST
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })
const ed = generateKeyPairSync('ed25519')

/** A key beside the honest ones, and how a token claims to be signed by it. */
const WEAK: readonly (readonly [name: string, key: Fields, header: Fields])[] = [
  ['T75 RSA of 1,024 bits', jwk(rsa(1_024).publicKey, { kid: 'k' }), { alg: 'RS256' }],
  [
    'T75 RSA of 512 bits',
    { kty: 'RSA', kid: 'k', n: 'AQ'.repeat(43), e: 'AQAB' },
    { alg: 'RS256' },
  ],
  ['T75 RSA with e = 3', jwk(rsa(2_048, 3).publicKey, { kid: 'k' }), { alg: 'RS256' }],
  ['T75 RSA with e = 1', { ...jwk(rsa(2_048).publicKey, { kid: 'k' }), e: 'AQ' }, { alg: 'RS256' }],
  ['T75 a point off the curve', { ...es, kid: 'k', y: es?.['x'] }, { alg: 'ES256' }],
  ['T62 a curve of another algorithm', jwk(p384.publicKey, { kid: 'k' }), { alg: 'ES256' }],
  ['T62 an Ed25519 key for ES256', jwk(ed.publicKey, { kid: 'k' }), { alg: 'ES256' }],
  ['T62 a key of another alg', { ...es, kid: 'k', alg: 'ES384' }, { alg: 'ES256' }],
  ['T62 a key for encryption', { ...es, kid: 'k', use: 'enc' }, { alg: 'ES256' }],
  ['T62 a key that only signs', { ...es, kid: 'k', key_ops: ['sign'] }, { alg: 'ES256' }],
  ['T61 T78 a symmetric key', { kty: 'oct', kid: 'k', k: 'c2VjcmV0' }, { alg: 'HS256' }],
  ['T78 a private key', { ...STRANGER.export({ format: 'jwk' }), kid: 'k' }, { alg: 'ES256' }],
  ['T63 two keys of one kid', { ...jwk(p384.publicKey, {}), kid: 'es' }, { kid: 'es' }],
]

test('a key that proves nothing lets no token in, and does not disturb its neighbour', async (t) => {
  for (const [name, key, header] of WEAK) {
    await t.test(name, async (t) => {
      const forge = await startForge(t)
      forge.keys = [...HONEST, key]
      const bench = await startRaw(t, { issuer: forge.process })
      const signer = name.includes('private') ? STRANGER : undefined
      assert.equal(await status(bench, forge.forge({ kid: 'k', ...header }, {}, signer)), 401)
      assert.equal(bench.upstream.asked.length, 0)
      if (header['kid'] !== 'es') assert.equal(await status(bench, forge.forge()), 200)
    })
  }
})

/** How a key set may fail. */
const OUTAGES: readonly (readonly [name: string, answer: (response: ServerResponse) => void])[] = [
  ['500', (response) => response.writeHead(500).end()],
  ['404', (response) => response.writeHead(404).end('{}')],
  ['HTML', (response) => response.end('<html></html>')],
  ['no keys', (response) => response.end('{"keys":[]}')],
  ['keys that are no array', (response) => response.end('{"keys":{"es":1}}')],
  ['a repeated member', (response) => response.end(`{"keys":[],"keys":${JSON.stringify(HONEST)}}`)],
  [
    '10 MB',
    (response) => response.end(JSON.stringify({ keys: HONEST, x: 'a'.repeat(10_000_000) })),
  ],
  ['a broken connection', (response) => response.destroy()],
  [
    'half of it',
    (response) => void response.writeHead(200, { 'content-length': 99 }).end('{"keys"'),
  ],
]

/** Waits for a first load that fails, then asks. */
async function startCold(t: TestContext, answer: (response: ServerResponse) => void) {
  const forge = await startForge(t)
  const bench = await startRaw(t, { issuer: forge.process })
  assert.equal(await status(bench, forge.forge()), 200)
  forge.answer = answer
  return { forge, bench }
}

/** Asks with key ids that nobody has, until the cool-down of the loads is over and one was made. */
async function untilFetched(forge: Forge, bench: RawBench): Promise<void> {
  const before = forge.requests.length
  const deadline = Date.now() + 5_000
  for (let n = 0; forge.requests.length === before; n++) {
    assert.ok(Date.now() < deadline, 'the keys were not asked for again')
    const refused = await status(bench, forge.forge({ kid: `unknown-${n}` }))
    assert.ok(refused === 401 || refused === 503, `${refused}`)
  }
}

describe('a key set', { concurrency: true }, () => {
  for (const [name, answer] of OUTAGES) {
    test(`T77 that becomes ${name} leaves the last good one in use`, async (t) => {
      const { forge, bench } = await startCold(t, answer)
      await untilFetched(forge, bench)
      assert.equal(await status(bench, forge.forge()), 200)
      assert.equal(bench.upstream.asked.length, 2)
    })
  }
})

test('T77 T108 a key set that redirects is not followed', async (t) => {
  const visited: string[] = []
  const trap = createServer((request, response) => {
    visited.push(request.url ?? '')
    response.end(JSON.stringify({ keys: [jwk(STRANGER, { kid: 'new', d: undefined })] }))
  })
  await once(trap.listen(0, '127.0.0.1'), 'listening')
  t.after(() => trap.close().closeAllConnections())
  const { port } = trap.address() as AddressInfo // a TCP server has an AddressInfo
  const location = `http://127.0.0.1:${port}/latest/meta-data`
  const { forge, bench } = await startCold(
    t,
    (response) => void response.writeHead(302, { location }).end(),
  )
  await untilFetched(forge, bench)
  assert.notEqual(await status(bench, forge.forge({ kid: 'new' }, {}, STRANGER)), 200)
  assert.equal(await status(bench, forge.forge()), 200)
  assert.deepEqual(visited, [])
})

test('T79 300 tokens of key ids that do not exist cost a fetch or two, and good ones pass', async (t) => {
  const forge = await startForge(t)
  const bench = await startRaw(t, { issuer: forge.process })
  assert.equal(await status(bench, forge.forge()), 200)
  const before = forge.requests.length
  const begun = performance.now()
  await Promise.all(
    Array.from({ length: 300 }, async (_, n) => {
      assert.equal(await status(bench, forge.forge({ kid: `random-${n}` })), 401)
    }),
  )
  // At most one load in each second that it took, and one on either side.
  const most = Math.ceil((performance.now() - begun) / 1_000) + 1
  const fetched = forge.requests.length - before
  assert.ok(fetched <= most, `${fetched} fetches`)
  assert.equal(await status(bench, forge.forge()), 200)
  assert.equal(bench.upstream.asked.length, 2)
})

test('T76 a key that the issuer begins to use serves its first token', async (t) => {
  const forge = await startForge(t)
  const bench = await startRaw(t, { issuer: forge.process })
  assert.equal(await status(bench, forge.forge()), 200)
  const next = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  forge.keys = [...HONEST, jwk(next.publicKey, { kid: 'next', alg: 'ES256' })]
  await untilFetched(forge, bench)
  assert.equal(await status(bench, forge.forge({ kid: 'next' }, {}, next.privateKey)), 200)
  assert.equal(await status(bench, forge.forge()), 200)
})

test('T78 a key set that shrinks to the key of a stranger ends the tokens of the others', async (t) => {
  const forge = await startForge(t)
  const bench = await startRaw(t, { issuer: forge.process })
  assert.equal(await status(bench, forge.forge()), 200)
  const { d, ...open } = STRANGER.export({ format: 'jwk' })
  assert.ok(d)
  forge.keys = [{ ...open, kid: 'evil', alg: 'ES256' }]
  await untilFetched(forge, bench)
  assert.equal(await status(bench, forge.forge()), 401)
  assert.match(bench.proxy.logged(), /"thumbprints":\[.*"the key set changed"/)
})
