// A small real token issuer for the demo and the tests: metadata, key set, and any token you ask for.
// It must never listen on anything but loopback: whoever reaches it can become whoever they like.

import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import { CompactSign, type CryptoKey, exportJWK, generateKeyPair, type JWK } from 'jose'

/** Where to listen (port 0: any free one) and which algorithms to have a key for. */
export type IssuerOptions = {
  readonly port?: number
  readonly host?: string
  readonly algorithms?: readonly string[]
}
/** Claims to set, or to leave out with `undefined`. */
export type Claims = { readonly [name: string]: unknown }
/** `expiresIn` is in seconds, default 3,600; `header` overrides members; `omit` names claims. */
export type MintOptions = {
  readonly expiresIn?: number
  readonly alg?: string
  readonly header?: Claims
  readonly omit?: readonly string[]
}
/** A running issuer. */
export type Issuer = {
  readonly url: string
  /** Signs a token of the newest key; the defaults are an access token of `alice` for one hour. */
  readonly mint: (claims?: Claims, options?: MintOptions) => Promise<string>
  /** Signs with new keys from now on; the old ones stay published (T76). */
  readonly rotate: () => Promise<void>
  /** Stops publishing all keys but the newest. */
  readonly retire: () => void
  /** The public keys as served. */
  readonly publicKeys: () => readonly JWK[]
  readonly close: () => Promise<void>
}

type SigningKey = { readonly alg: string; readonly key: CryptoKey; readonly jwk: JWK & HasKid }
type HasKid = { readonly kid: string }

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost'])
const MAX_BODY = 64 * 1024
/** Longer than a client that is busy with other things leaves a connection idle. */
const KEEP_ALIVE_MS = 60_000

/**
 * Starts an issuer; `algorithms` default to RS256, the first is the default of mint; throws a
 * TypeError for a host that is not loopback.
 */
export async function startIssuer(options: IssuerOptions = {}): Promise<Issuer> {
  const { port = 0, host = '127.0.0.1', algorithms = ['RS256'] } = options
  if (!LOOPBACK.has(host)) throw new TypeError('the demo issuer listens on loopback only')
  let keys = await generateKeys(algorithms)
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    answer(issuer, request, response).catch((fault: Error) => {
      send(response, 400, { error: 'invalid_request', error_description: fault.message })
    })
  })
  await once(server.listen(port, host), 'listening')
  const name = host.includes(':') ? `[${host}]` : host
  const issuer: Issuer = {
    url: `http://${name}:${(server.address() as AddressInfo).port}`,
    mint: async (claims = {}, options = {}) => {
      const alg = options.alg ?? algorithms[0]
      const signer = keys.find((key) => key.alg === alg)
      if (signer === undefined) throw new TypeError(`the issuer has no ${alg} key`)
      return sign(signer, { iss: issuer.url, ...claims }, options)
    },
    rotate: async () => {
      keys = [...(await generateKeys(algorithms)), ...keys]
    },
    retire: () => {
      keys = keys.slice(0, algorithms.length)
    },
    publicKeys: () => keys.map(({ jwk }) => jwk),
    close: async () => {
      server.close().closeAllConnections()
    },
  }
  return issuer
}

async function answer(issuer: Issuer, request: IncomingMessage, response: ServerResponse) {
  const { url } = issuer
  // A page in a browser may rebind its own name to loopback, but it cannot forge Host.
  if (request.headers.host !== new URL(url).host) return send(response, 421, { error: 'host' })
  const { pathname, searchParams } = new URL(request.url ?? '/', url)
  const route = `${request.method} ${pathname}`
  if (/^GET \/\.well-known\/(?:oauth-authorization-server|openid-configuration)$/.test(route)) {
    const [jwks_uri, token_endpoint] = [`${url}/jwks.json`, `${url}/token`]
    const response_types_supported = ['none']
    const metadata = { issuer: url, jwks_uri, token_endpoint, response_types_supported }
    return send(response, 200, metadata)
  }
  if (route === 'POST /token') {
    const options = JSON.parse(searchParams.get('options') ?? '{}') as MintOptions
    const token = await issuer.mint(await readClaims(request), options)
    return send(response, 200, { access_token: token, token_type: 'Bearer' })
  }
  if (route === 'POST /rotate') await issuer.rotate()
  else if (route === 'POST /retire') issuer.retire()
  else if (route !== 'GET /jwks.json') return send(response, 404, { error: 'not_found' })
  send(response, 200, { keys: issuer.publicKeys() })
}

function sign({ alg, key, jwk }: SigningKey, claims: Claims, options: MintOptions) {
  const { expiresIn = 3600, omit = [] } = options
  const iat = Math.floor(Date.now() / 1000)
  const exp = iat + expiresIn
  const usual = { sub: 'alice', client_id: 'demo', iat, exp, jti: randomUUID() }
  const all = { ...usual, ...claims, ...Object.fromEntries(omit.map((name) => [name, undefined])) }
  const header = { alg, typ: 'at+jwt', kid: jwk.kid, ...options.header }
  const bytes = new TextEncoder().encode(JSON.stringify(all))
  return new CompactSign(bytes).setProtectedHeader(header).sign(key)
}

function generateKeys(algorithms: readonly string[]): Promise<SigningKey[]> {
  return Promise.all(
    algorithms.map(async (alg) => {
      const { publicKey, privateKey } = await generateKeyPair(alg)
      const jwk = { ...(await exportJWK(publicKey)), kid: randomUUID(), alg, use: 'sig' }
      return { alg, key: privateKey, jwk }
    }),
  )
}

async function readClaims(request: IncomingMessage): Promise<Claims> {
  if (request.headers['content-type'] !== 'application/json') throw new Error('claims are not JSON')
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk
    if (text.length > MAX_BODY) throw new Error('the claims are too long')
  }
  return JSON.parse(text) as Claims
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '0' },
      algorithms: { type: 'string' },
      leashed: { type: 'boolean', default: false },
    },
  })
  const algorithms = values.algorithms?.split(',') ?? ['RS256']
  const issuer = await startIssuer({ port: Number(values.port), algorithms })
  process.stdout.write(`${JSON.stringify({ url: issuer.url })}\n`)
  process.once('SIGTERM', () => void issuer.close())
  // A parent that was killed cannot stop it, but its end of the pipe closes with it.
  if (values.leashed) process.stdin.resume().once('close', () => process.exit())
}
