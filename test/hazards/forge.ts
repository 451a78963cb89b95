// An issuer that does whatever a test wants: it serves any documents, counts who asks for what, and
// signs any header over any payload. Its honest key is ES256 `es`, beside it an RSA key `rs`.

import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import type { IssuerProcess } from '../support/issuer.ts'

export type Fields = { readonly [name: string]: unknown }

const AUDIENCE = 'http://127.0.0.1:8080/mcp'
const ES = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const RS = generateKeyPairSync('rsa', { modulusLength: 2048 })
/** A key that the issuer never publishes. */
export const STRANGER: KeyObject = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
export const RSA_PUBLIC = RS.publicKey

/** A forged issuer; `keys` is what its key set holds from now on. */
export type Forge = {
  readonly url: string
  /** The paths that were asked for. */
  readonly requests: string[]
  keys: readonly Fields[]
  /** Answers the key set instead, when set. */
  answer: ((response: ServerResponse) => void) | undefined
  /** The claims of a good token, with changes. */
  claims(change?: Fields): Fields
  /** A token of any header and payload: objects are completed, strings are signed as they are. */
  forge(header?: Fields | string, payload?: Fields | string, key?: KeyObject): string
  /** In the shape that a test proxy wants. */
  readonly process: IssuerProcess
}

/** The public part of a key as a JWK. */
export function jwk(key: KeyObject, members: Fields): Fields {
  return { ...key.export({ format: 'jwk' }), ...members }
}

export const HONEST: readonly Fields[] = [
  jwk(ES.publicKey, { kid: 'es', alg: 'ES256' }),
  jwk(RS.publicKey, { kid: 'rs' }),
]

/** Starts one on a free port of loopback. */
export async function startForge(t: TestContext): Promise<Forge> {
  const server = createServer((request, response) => {
    forge.requests.push(request.url ?? '')
    if (request.url !== '/jwks') {
      response.end(JSON.stringify({ issuer: forge.url, jwks_uri: `${forge.url}/jwks` }))
    } else if (forge.answer !== undefined) forge.answer(response)
    else response.end(JSON.stringify({ keys: forge.keys }))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo // a TCP server has an AddressInfo
  const url = `http://127.0.0.1:${port}`
  const stop = async () => void server.close().closeAllConnections()
  t.after(stop)
  const claims = (change: Fields = {}) => {
    const iat = Math.floor(Date.now() / 1000) - 10
    const usual = { iss: url, sub: 'alice', aud: AUDIENCE, client_id: 'cli', scope: 'secret:read' }
    return { ...usual, iat, exp: iat + 600, ...change }
  }
  const sealed = (
    header: Fields | string = {},
    payload: Fields | string = {},
    key = ES.privateKey,
  ) => signed(header, typeof payload === 'string' ? payload : claims(payload), key)
  const forge: Forge = {
    url,
    requests: [],
    keys: HONEST,
    answer: undefined,
    claims,
    forge: sealed,
    process: {
      url,
      mint: async (change) => sealed({}, change),
      rotate: async () => undefined,
      retire: async () => undefined,
      stop,
      [Symbol.asyncDispose]: stop,
    },
  }
  return forge
}

const encode = (text: string | Uint8Array) => Buffer.from(text).toString('base64url')
const textOf = (value: Fields | string) =>
  typeof value === 'string' ? value : JSON.stringify(value)

function signed(header: Fields | string, payload: Fields | string, key: KeyObject): string {
  const usual = { alg: 'ES256', typ: 'at+jwt', kid: 'es' }
  const head = typeof header === 'string' ? header : { ...usual, ...header }
  const input = `${encode(textOf(head))}.${encode(textOf(payload))}`
  const options = { key, dsaEncoding: 'ieee-p1363' as const }
  return `${input}.${encode(sign('sha256', Buffer.from(input), options))}`
}

/** The same header and payload under an HMAC of any secret. */
export function hmac(header: Fields, payload: Fields, secret: string | Uint8Array): string {
  const input = `${encode(JSON.stringify(header))}.${encode(JSON.stringify(payload))}`
  return `${input}.${encode(createHmac('sha256', secret).update(input).digest())}`
}

/** A token with another signature. */
export function resigned(token: string, signature: string | Uint8Array): string {
  const end = typeof signature === 'string' ? signature : encode(signature)
  return token.replace(/[^.]*$/, end)
}
