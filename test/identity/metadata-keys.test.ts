// Documents of an issuer: how they are asked for, their bounds, and which keys of a set may verify.

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { describe, test } from 'node:test'
import { calculateJwkThumbprint, type JWK } from 'jose'
import {
  assertFetchable,
  discoverKeySet,
  fits,
  MetadataFault,
  type Reading,
  readDocument,
  readKeySet,
} from '../../proxy/identity/metadata.ts'

type Jwk = { readonly [name: string]: unknown }

const URL_OF_KEYS = new URL('https://idp.example/jwks')
const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519', 'HS256', 'none'],
]
const jwkOf = (pair: { publicKey: { export(options: { format: 'jwk' }): object } }): Jwk => ({
  ...pair.publicKey.export({ format: 'jwk' }),
})
const rsa = jwkOf(generateKeyPairSync('rsa', { modulusLength: 2048 }))
const p256 = jwkOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }))
const p384 = jwkOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }))
const p521 = jwkOf(generateKeyPairSync('ec', { namedCurve: 'P-521' }))
const ed25519 = jwkOf(generateKeyPairSync('ed25519'))

/** How to read when every fetch is answered by this. */
function reading(response: () => Response, maxBytes = 100_000) {
  const asked: { readonly url: string; readonly init: RequestInit | undefined }[] = []
  const how: Reading = {
    maxBytes,
    signal: new AbortController().signal,
    fetchImpl: async (url, init) => {
      asked.push({ url: String(url), init })
      return response()
    },
  }
  return { how, asked }
}
const keysOf = (...keys: readonly Jwk[]) =>
  readKeySet(URL_OF_KEYS, reading(() => Response.json({ keys })).how)
const fault = (message: string) => ({ code: 'ISSUER_METADATA', message })

describe('asking for a document', () => {
  test('takes JSON, follows no redirect, and can be aborted (T77)', async () => {
    const { how, asked } = reading(() => Response.json({ a: 1 }))
    assert.deepEqual(await readDocument(URL_OF_KEYS, how), { a: 1 })
    assert.deepEqual(asked, [
      {
        url: URL_OF_KEYS.href,
        init: {
          redirect: 'manual',
          headers: { accept: 'application/json' },
          signal: how.signal,
        },
      },
    ])
  })

  test('asks only where it may', async () => {
    const { how, asked } = reading(() => Response.json({}))
    await assert.rejects(
      readDocument(new URL('http://idp.example/'), how),
      fault('http://idp.example/ is neither https nor http on loopback'),
    )
    assert.deepEqual(asked, [])
  })

  test('lets the body of another status go, and works without one', async () => {
    let cancelled = 0
    const body = () => new ReadableStream({ cancel: () => void cancelled++ })
    for (const response of [
      () => new Response(body(), { status: 404 }),
      () => new Response(body(), { status: 201 }),
    ])
      await assert.rejects(readDocument(URL_OF_KEYS, reading(response).how), MetadataFault)
    assert.equal(cancelled, 2)
    await assert.rejects(
      readDocument(URL_OF_KEYS, reading(() => new Response(null, { status: 204 })).how),
      fault('https://idp.example/jwks answered 204'),
    )
    await assert.rejects(
      readDocument(URL_OF_KEYS, reading(() => new Response(null)).how),
      fault('https://idp.example/jwks is not strict JSON: text is not JSON'),
    )
  })

  test('reads as many bytes as allowed', async () => {
    const text = '{"a":"é"}'
    const bytes = Buffer.byteLength(text)
    const read = (maxBytes: number) =>
      readDocument(URL_OF_KEYS, reading(() => new Response(text), maxBytes).how)
    assert.deepEqual(await read(bytes), { a: 'é' })
    await assert.rejects(
      read(bytes - 1),
      fault(`https://idp.example/jwks is longer than ${bytes - 1} bytes`),
    )
  })

  test('reads 16 levels', async () => {
    const nested = (depth: number) => `{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`
    const read = (depth: number) =>
      readDocument(URL_OF_KEYS, reading(() => new Response(nested(depth))).how)
    assert.ok(await read(16))
    await assert.rejects(
      read(17),
      fault('https://idp.example/jwks is not strict JSON: text is nested too deeply'),
    )
  })

  for (const text of ['[]', 'null', '1', '"x"'])
    test(`${text} is no document`, async () => {
      const { how } = reading(() => new Response(text))
      const refused = fault('https://idp.example/jwks is not a JSON object')
      await assert.rejects(readDocument(URL_OF_KEYS, how), refused)
    })
})

describe('a usable key', () => {
  const rsaAlgorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
  const kinds: [name: string, jwk: Jwk, members: string[], kind: string, algs: string[]][] = [
    ['RSA', rsa, ['kty', 'n', 'e'], 'RSA', rsaAlgorithms],
    ['P-256', p256, ['kty', 'crv', 'x', 'y'], 'EC P-256', ['ES256']],
    ['P-384', p384, ['kty', 'crv', 'x', 'y'], 'EC P-384', ['ES384']],
    ['P-521', p521, ['kty', 'crv', 'x', 'y'], 'EC P-521', ['ES512']],
    ['Ed25519', ed25519, ['kty', 'crv', 'x'], 'OKP Ed25519', ['EdDSA', 'Ed25519']],
  ]
  for (const [name, jwk, members, kind, algs] of kinds) {
    test(`of ${name} keeps what it needs, and serves ${algs} (T62)`, async () => {
      const [key] = await keysOf({ ...jwk, kid: 'k', use: 'sig', key_ops: ['verify'], x5u: 'x' })
      assert.ok(key !== undefined)
      const kept = Object.fromEntries(members.map((member) => [member, jwk[member]]))
      assert.deepEqual(key, {
        kid: 'k',
        alg: undefined,
        kind,
        jwk: kept,
        thumbprint: await calculateJwkThumbprint(kept as JWK),
        imported: new Map(),
      })
      assert.deepEqual(
        ALGORITHMS.filter((alg) => fits(key, alg)),
        algs,
      )
    })

    for (const alg of algs)
      test(`of ${name} that says ${alg} serves that alone, but for its other name`, async () => {
        const [key] = await keysOf({ ...jwk, alg })
        assert.equal(key?.alg, alg)
        assert.deepEqual(
          ALGORITHMS.filter((other) => key !== undefined && fits(key, other)),
          name === 'Ed25519' ? algs : [alg],
        )
      })
  }
})

describe('a key that may not verify (T75, T78)', () => {
  const refused: [name: string, key: unknown][] = [
    ...['d', 'k', 'priv', 'p', 'q'].map((name): [string, Jwk] => [
      `with the secret member ${name}`,
      { ...p256, [name]: 'AQAB' },
    ]),
    ['with a secret member of null', { ...p256, d: null }],
    ['that is a text', 'x'],
    ['that is a list', [p256]],
    ['without a kind', { ...p256, kty: undefined }],
    ['of another kind', { ...p256, kty: 'oct' }],
    ['of a curve that its kind has not', { ...p256, kty: 'OKP' }],
    ['with a kid of null', { ...p256, kid: null }],
    ['with a use of null', { ...p256, use: null }],
    ['for other operations', { ...p256, key_ops: ['sign'] }],
    ['whose operations are a text', { ...p256, key_ops: 'verify' }],
    ['without a coordinate', { ...p256, y: undefined }],
    ['with an algorithm of null', { ...p256, alg: null }],
    ['with an algorithm of another kind', { ...rsa, alg: 'ES256' }],
    ['of RSA with 2,047 bits', jwkOf(generateKeyPairSync('rsa', { modulusLength: 2047 }))],
  ]
  for (const [name, key] of refused) {
    test(name, async () => {
      await assert.rejects(keysOf(key as Jwk), fault('https://idp.example/jwks has no usable key'))
      assert.equal((await keysOf(key as Jwk, rsa)).length, 1)
    })
  }

  test('a set has at most 100 keys', async () => {
    assert.equal((await keysOf(...Array<Jwk>(100).fill(ed25519))).length, 100)
    const many = fault('"keys" is not an array of at most 100')
    await assert.rejects(keysOf(...Array<Jwk>(101).fill(ed25519)), many)
    const odd = reading(() => Response.json({ keys: { 0: p256 } })).how
    await assert.rejects(readKeySet(URL_OF_KEYS, odd), many)
  })
})

describe('finding the key set (T71)', () => {
  test('tries each place, and tells the fault of the first', async () => {
    const { how, asked } = reading(() => new Response('', { status: 404 }))
    await assert.rejects(discoverKeySet('https://idp.example/a/', how), (found: Error) => {
      assert.ok(found instanceof MetadataFault)
      assert.equal(found.message, 'no metadata of the issuer can be used')
      const place = 'https://idp.example/.well-known/oauth-authorization-server/a'
      assert.deepEqual((found.cause as Error).message, `${place} answered 404`)
      return true
    })
    assert.deepEqual(
      asked.map(({ url }) => url),
      [
        'https://idp.example/.well-known/oauth-authorization-server/a',
        'https://idp.example/.well-known/openid-configuration/a',
        'https://idp.example/a/.well-known/openid-configuration',
      ],
    )
  })

  const documents: [name: string, document: object, message: RegExp][] = [
    [
      'another issuer',
      { issuer: 'https://idp.example/', jwks_uri: 'https://k/' },
      /names another issuer$/,
    ],
    ['no key set', { issuer: 'https://idp.example' }, /has no valid "jwks_uri"$/],
    [
      'a key set over http',
      { issuer: 'https://idp.example', jwks_uri: 'http://127.0.0.1/' },
      /^"jwks_uri" is not https$/,
    ],
  ]
  for (const [name, document, message] of documents) {
    test(`does not take metadata that names ${name}`, async () => {
      const { how } = reading(() => Response.json(document))
      await assert.rejects(discoverKeySet('https://idp.example', how), (found: Error) => {
        assert.match((found.cause as Error).message, message)
        return true
      })
    })
  }

  test('takes a key set of another host, and over http from an issuer on loopback', async () => {
    const found = async (issuer: string, jwks_uri: string) => {
      const { how } = reading(() => Response.json({ issuer, jwks_uri }))
      return (await discoverKeySet(issuer, how)).href
    }
    assert.equal(await found('https://idp.example', 'https://k.example/x'), 'https://k.example/x')
    assert.equal(await found('http://127.0.0.1:1', 'http://127.0.0.1:2/'), 'http://127.0.0.1:2/')
    assert.equal(await found('http://127.0.0.1:1', 'https://k.example/'), 'https://k.example/')
  })
})

test('http is for loopback alone, in every spelling of it (R57)', () => {
  for (const url of [
    'http://127.10.200.255/',
    'http://127.0.0.1:80/',
    'http://[::1]:80/',
    'http://LOCALHOST/',
  ])
    assertFetchable(new URL(url))
  const refused = [
    'http://notlocalhost/',
    'http://localhost.x/',
    'http://128.0.0.1/',
    'http://[::2]/',
    'ftp://localhost/',
    'ws://127.0.0.1/',
  ]
  for (const url of refused)
    assert.throws(
      () => assertFetchable(new URL(url)),
      fault(`${url} is neither https nor http on loopback`),
    )
})
