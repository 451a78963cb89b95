// OAuth metadata documents: writes ours (RFC 9728) and reads the issuer's (RFC 8414, RFC 7517).
// It must never follow a redirect, read without a limit, or fetch an address taken from a request.

import type { webcrypto } from 'node:crypto'
import { type CryptoKey, calculateJwkThumbprint, importJWK, type JWK } from 'jose'
import type { JSONObject, JSONValue } from '../types.ts'
import { parseStrict } from '../wire/json.ts'

const PROTECTED_RESOURCE = '/.well-known/oauth-protected-resource'
const MAX_DOCUMENT_DEPTH = 16
const MAX_KEYS = 100
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/

/** What an algorithm needs of a key (T62). */
const KINDS = new Map<string, string>([
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'].map((alg) => [alg, 'RSA'] as const),
  ['ES256', 'EC P-256'],
  ['ES384', 'EC P-384'],
  ['ES512', 'EC P-521'],
  ['EdDSA', 'OKP Ed25519'],
  ['Ed25519', 'OKP Ed25519'],
])
/** Members that only a secret key has; a key that shows one is burnt (T78). */
const PRIVATE = ['d', 'k', 'priv', 'p', 'q']
const MEMBERS = new Map([
  ['RSA', ['kty', 'n', 'e']],
  ['EC', ['kty', 'crv', 'x', 'y']],
  ['OKP', ['kty', 'crv', 'x']],
])

/** How the documents of an issuer are fetched: by whom, up to what size, and until when. */
export type Reading = {
  readonly fetchImpl: typeof fetch
  readonly maxBytes: number
  readonly signal: AbortSignal
}

/** A key of the issuer that may verify tokens: public, strong and of a known kind. */
export type PublicKey = {
  readonly kid: string | undefined
  readonly alg: string | undefined
  /** `kty`, and `crv` where there are curves. */
  readonly kind: string
  readonly jwk: JWK & { readonly kty: string }
  /** RFC 7638. */
  readonly thumbprint: string
  /** By algorithm, filled when first used. */
  readonly imported: Map<string, CryptoKey>
}

/** A document of the issuer that cannot be used; `cause` is the fault below, if there is one. */
export class MetadataFault extends Error {
  readonly code = 'ISSUER_METADATA'
}

/**
 * The RFC 9728 document of this resource; members that would be empty are left out, and
 * `offline_access` is never offered (R37, R38, R42).
 */
export function protectedResource(options: {
  readonly publicUrl: string
  readonly issuer: string | undefined
  readonly scopes: Iterable<string>
  readonly name: string
}): JSONObject {
  const scopes = new Set(options.scopes)
  scopes.delete('offline_access')
  return {
    resource: options.publicUrl,
    ...(options.issuer === undefined ? {} : { authorization_servers: [options.issuer] }),
    ...(scopes.size === 0 ? {} : { scopes_supported: [...scopes] }),
    bearer_methods_supported: ['header'],
    resource_name: options.name,
  }
}

/** The paths our document is served at: with the MCP path inserted, then the root (RFC 9728 §3.1). */
export function metadataPaths(publicUrl: string): string[] {
  return [...new Set([insertedPath(publicUrl), PROTECTED_RESOURCE])]
}

/** The absolute URL that a challenge names as `resource_metadata` (RFC 9728 §5.1). */
export function metadataUrl(publicUrl: string): string {
  const { origin, search } = new URL(publicUrl)
  return origin + insertedPath(publicUrl) + search
}

/**
 * Finds the key set of an issuer in its metadata, the RFC 8414 place first; throws a MetadataFault
 * when no document is there, names exactly this issuer, and keeps its keys as safe as itself (T71).
 */
export async function discoverKeySet(issuer: string, reading: Reading): Promise<URL> {
  const base = new URL(issuer)
  let first: unknown
  for (const place of issuerMetadataUrls(base)) {
    try {
      const document = await readDocument(place, reading)
      if (document['issuer'] !== issuer) throw new MetadataFault(`${place} names another issuer`)
      const found = URL.parse(String(document['jwks_uri']))
      if (found === null) throw new MetadataFault(`${place} has no valid "jwks_uri"`)
      if (base.protocol === 'https:' && found.protocol !== 'https:') {
        throw new MetadataFault('"jwks_uri" is not https')
      }
      return found
    } catch (fault) {
      first ??= fault
    }
  }
  throw new MetadataFault('no metadata of the issuer can be used', { cause: first })
}

/**
 * Fetches one JSON object without redirects, counting bytes while they arrive; throws a
 * MetadataFault for any other answer and passes on the errors of fetch (T77).
 */
export async function readDocument(url: URL, reading: Reading): Promise<JSONObject> {
  assertFetchable(url)
  const { fetchImpl, maxBytes, signal } = reading
  const headers = { accept: 'application/json' }
  const response = await fetchImpl(url, { redirect: 'manual', headers, signal })
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new MetadataFault(`${url} answered ${response.status}`)
  }
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength
    if (size > maxBytes) throw new MetadataFault(`${url} is longer than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  const parsed = parseStrict(Buffer.concat(chunks), MAX_DOCUMENT_DEPTH)
  if (!parsed.ok) throw new MetadataFault(`${url} is not strict JSON: ${parsed.detail}`)
  if (!isObject(parsed.value)) throw new MetadataFault(`${url} is not a JSON object`)
  return parsed.value
}

/**
 * Fetches a JWK Set and keeps the keys that may verify tokens; throws like readDocument, and when
 * there is no such key (T75, T77, T78).
 */
export async function readKeySet(url: URL, reading: Reading): Promise<readonly PublicKey[]> {
  const { keys } = await readDocument(url, reading)
  if (!Array.isArray(keys) || keys.length > MAX_KEYS) {
    throw new MetadataFault(`"keys" is not an array of at most ${MAX_KEYS}`)
  }
  const usable = (await Promise.all(keys.map(readKey))).filter((key) => key !== undefined)
  if (usable.length === 0) throw new MetadataFault(`${url} has no usable key`)
  return usable
}

/** Says whether a key is of the kind that an algorithm needs, and not meant for another (T62). */
export function fits(key: PublicKey, alg: string): boolean {
  if (KINDS.get(alg) !== key.kind) return false
  return key.alg === undefined || key.alg === alg || key.kind === 'OKP Ed25519'
}

/** Throws a MetadataFault unless the URL is https, or http on a loopback address (R57). */
export function assertFetchable(url: URL): void {
  if (url.protocol === 'https:') return
  if (url.protocol === 'http:' && LOOPBACK.test(url.hostname)) return
  throw new MetadataFault(`${url} is neither https nor http on loopback`)
}

function isObject(value: JSONValue): value is JSONObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function insertedPath(publicUrl: string): string {
  const { pathname } = new URL(publicUrl)
  return PROTECTED_RESOURCE + (pathname === '/' ? '' : pathname)
}

/** RFC 8414 §3.1 inserts the well-known part before the path, OIDC Discovery §4.1 appends it. */
function issuerMetadataUrls(issuer: URL): URL[] {
  const path = issuer.pathname.replace(/\/$/, '')
  const paths = [
    `/.well-known/oauth-authorization-server${path}`,
    `/.well-known/openid-configuration${path}`,
    `${path}/.well-known/openid-configuration`,
  ]
  return [...new Set(paths)].map((place) => new URL(place, issuer.origin))
}

/** One key of the set, or undefined when it may not verify tokens (T62, T75, T78). */
async function readKey(source: JSONValue): Promise<PublicKey | undefined> {
  if (!isObject(source)) return undefined
  const { kid, kty, crv, alg, use, key_ops: operations } = source
  const members = MEMBERS.get(String(kty))
  if (members === undefined || PRIVATE.some((name) => source[name] !== undefined)) return undefined
  if (kid !== undefined && typeof kid !== 'string') return undefined
  if (use !== undefined && use !== 'sig') return undefined
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) {
    return undefined
  }
  const kind = kty === 'RSA' ? 'RSA' : `${kty} ${crv}`
  const usual = [...KINDS.keys()].find((name) => KINDS.get(name) === kind)
  if (usual === undefined || (alg !== undefined && KINDS.get(String(alg)) !== kind))
    return undefined
  const jwk = Object.fromEntries(members.map((name) => [name, source[name]])) as PublicKey['jwk']
  try {
    // Importing also proves that a point is on its curve.
    const key = (await importJWK(jwk, usual)) as CryptoKey
    if (kty === 'RSA' && !isStrong(key)) return undefined
    const thumbprint = await calculateJwkThumbprint(jwk)
    return { kid, alg: alg as string | undefined, kind, jwk, thumbprint, imported: new Map() }
  } catch {
    return undefined
  }
}

/** ROCA keys pass: their weakness shows in no parameter (documented limit, T75). */
function isStrong(key: CryptoKey): boolean {
  const { modulusLength, publicExponent } = key.algorithm as webcrypto.RsaKeyAlgorithm
  const exponent = BigInt(`0x${Buffer.from(publicExponent).toString('hex')}`)
  return modulusLength >= 2048 && exponent >= 65537n && exponent % 2n === 1n
}
