// Turns an access token into a Caller, or says which fact about the token forbids it.
// It must never trust a key, an address or an algorithm that the token brings along (RFC 8725).

import { compactVerify } from 'jose'
import type { Caller, JSONObject, JSONValue } from '../types.ts'
import { parseCompact } from '../wire/bearer.ts'
import type { KeySource, VerificationKey } from './keys.ts'

/** What an accepted token looks like; lists are alternatives, durations are seconds. */
export type VerifierOptions = {
  /** The exact `iss`; undefined accepts any, which only a shared secret may do. */
  readonly issuer: string | undefined
  readonly keys: KeySource | undefined
  /** For HS256 alone: 32 bytes or more. */
  readonly secret: Uint8Array | undefined
  readonly algorithms: readonly string[]
  readonly audience: readonly string[]
  /** Compared without case and without `application/`; the empty string accepts an absent `typ`. */
  readonly tokenTypes: readonly string[]
  /** Claim names, or dotted paths; the first one present wins. */
  readonly scopeClaim: readonly string[]
  readonly rolesClaim: readonly string[]
  readonly clockSkewS: number
  readonly maxTokenAgeS: number
  /** Wall clock, milliseconds since the epoch. */
  readonly now: () => number
}

/** A refusal of a token; `detail` is one fact for the log and quotes nothing of the token. */
export type TokenRefusal = {
  readonly denied: 'token_invalid' | 'token_expired' | 'keys_unavailable'
  readonly detail: string
}

/** A caller, and the thumbprint of the public key that vouched for it (none for a secret). */
export type Verified = { readonly caller: Caller; readonly thumbprint: string | undefined }

const MIN_SECRET_BYTES = 32
const MAX_KID = 128
const MAX_NAME = 255
/** Headers that bring a key, an address or an extension (T64, T65), or announce nesting (T73). */
const FORBIDDEN_HEADERS = ['jku', 'x5u', 'jwk', 'x5c', 'crit', 'b64', 'cty', 'enc', 'zip']
/** Keycloak says in the payload what else it signs with the same key (T72). */
const OTHER_KINDS = new Set(['id', 'refresh', 'offline', 'logout'])
/** RFC 6749 §3.3 `scope-token`. */
const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]+$/
const UNPRINTABLE = /[\p{Cc}\u2028\u2029]/u

/** Verifies access tokens of one issuer: RFC 8725, RFC 9068 and RFC 7519, over the crypto of jose. */
export class Verifier {
  readonly #options: VerifierOptions
  readonly #types: ReadonlySet<string>

  /** Throws a TypeError for HS256 without a secret of 32 bytes, the rest without keys or issuer. */
  constructor(options: VerifierOptions) {
    const { algorithms, keys, secret, issuer } = options
    if (algorithms.includes('HS256') && (secret?.byteLength ?? 0) < MIN_SECRET_BYTES) {
      throw new TypeError(`HS256 needs a secret of ${MIN_SECRET_BYTES} bytes or more`)
    }
    if ((keys === undefined || issuer === undefined) && algorithms.some((alg) => alg !== 'HS256')) {
      throw new TypeError('public key algorithms need a key source and an issuer')
    }
    this.#options = options
    this.#types = new Set(options.tokenTypes.map(normaliseType))
  }

  /** The caller that a token proves, or the refusal; never throws (T90). */
  async verify(token: string): Promise<Caller | TokenRefusal> {
    const verified = await this.examine(token)
    return 'denied' in verified ? verified : verified.caller
  }

  /** Like verify, and tells which key vouched, so that a cache can forget it with the key. */
  async examine(token: string): Promise<Verified | TokenRefusal> {
    try {
      return await this.#examine(token)
    } catch {
      return invalid('the token cannot be verified')
    }
  }

  async #examine(token: string): Promise<Verified | TokenRefusal> {
    const compact = parseCompact(token)
    if (!compact.ok) return invalid(compact.detail)
    const header = this.#readHeader(compact.header)
    if ('denied' in header) return header
    const key = await this.#findKey(header.kid, header.alg)
    if ('denied' in key) return key
    try {
      await compactVerify(token, key.key, { algorithms: [header.alg] })
    } catch {
      return invalid('the signature does not verify')
    }
    const expiry = this.#checkClaims(compact.payload)
    if (typeof expiry !== 'number') return expiry
    const caller = this.#readCaller(compact.payload, expiry)
    return 'denied' in caller ? caller : { caller, thumbprint: key.thumbprint }
  }

  #readHeader(header: JSONObject) {
    const { alg, kid, typ } = header
    const extra = FORBIDDEN_HEADERS.find((name) => Object.hasOwn(header, name))
    if (extra !== undefined) return invalid(`the header has "${extra}"`)
    if (typeof alg !== 'string' || !this.#options.algorithms.includes(alg)) {
      return invalid('"alg" is not an accepted algorithm')
    }
    if (kid !== undefined && (typeof kid !== 'string' || kid === '' || kid.length > MAX_KID)) {
      return invalid(`"kid" is not a string of 1 to ${MAX_KID} characters`)
    }
    if (typ !== undefined && typeof typ !== 'string') return invalid('"typ" is not a string')
    if (!this.#types.has(normaliseType(typ ?? ''))) return invalid('"typ" is not an accepted type')
    return { alg, kid }
  }

  /** A shared secret is tried for HS256 and nothing else, and no JWK ever is (T61). */
  async #findKey(kid: string | undefined, alg: string) {
    const { keys, secret } = this.#options
    if (alg === 'HS256' && secret !== undefined) return { key: secret, thumbprint: undefined }
    let found: VerificationKey | 'unknown' | 'unavailable' | undefined
    try {
      found = await keys?.key(kid, alg)
    } catch {
      found = 'unavailable'
    }
    if (found === 'unavailable') {
      return refuse('keys_unavailable', 'the keys of the issuer cannot be had')
    }
    if (found === undefined || found === 'unknown') {
      return invalid('no one key of the issuer fits "kid" and "alg"')
    }
    return found
  }

  /** Returns `exp`, in seconds, of a token that is for this server and valid at this moment. */
  #checkClaims(claims: JSONObject): number | TokenRefusal {
    const { issuer, audience, clockSkewS, maxTokenAgeS, now } = this.#options
    const { iss, aud, exp, nbf, iat } = claims
    const nowS = now() / 1000
    if (issuer !== undefined && iss === undefined) return invalid('"iss" claim is missing')
    if (issuer !== undefined && iss !== issuer) return invalid('"iss" claim is not the issuer')
    if (aud === undefined) return invalid('"aud" claim is missing')
    const audiences = typeof aud === 'string' ? [aud] : readStrings(aud)
    if (audiences === undefined) return invalid('"aud" claim is not a string or strings')
    if (!audiences.some((value) => audience.includes(value))) {
      return invalid('"aud" claim does not name this server')
    }
    if (exp === undefined) return invalid('"exp" claim is missing')
    if (!isInteger(exp)) return invalid('"exp" claim is not an integer')
    if (nbf !== undefined && !isInteger(nbf)) return invalid('"nbf" claim is not an integer')
    if (iat !== undefined && !isInteger(iat)) return invalid('"iat" claim is not an integer')
    if (nowS >= exp + clockSkewS) return refuse('token_expired', '"exp" claim is in the past')
    if (nbf !== undefined && nbf > nowS + clockSkewS) return invalid('"nbf" claim is in the future')
    if (iat !== undefined && iat > nowS + clockSkewS) return invalid('"iat" claim is in the future')
    if (exp - (iat ?? nowS + clockSkewS) > maxTokenAgeS) return invalid('the token lives too long')
    return exp
  }

  #readCaller(claims: JSONObject, expiresAt: number): Caller | TokenRefusal {
    const { scopeClaim, rolesClaim } = this.#options
    const { sub, iss = '' } = claims
    const client = claims['client_id'] ?? claims['azp'] ?? ''
    const use = claims['token_use']
    if (use !== undefined && use !== 'access') return invalid('"token_use" claim is not "access"')
    // RFC 7800: stolen, such a token is worth nothing, unless somebody takes it without the proof.
    if (claims['cnf'] !== undefined) return invalid('the token is bound to a key ("cnf" claim)')
    if (OTHER_KINDS.has(String(claims['typ']).toLowerCase())) {
      return invalid('"typ" claim is not that of an access token')
    }
    if (sub === undefined) return invalid('"sub" claim is missing')
    if (!isName(sub)) return invalid(`"sub" claim is not 1 to ${MAX_NAME} printable characters`)
    if (client !== '' && !isName(client)) {
      return invalid(`the client claim is not 1 to ${MAX_NAME} printable characters`)
    }
    if (iss !== '' && !isName(iss)) return invalid('"iss" claim is not a printable string')
    const scopes = readScopes(claims, scopeClaim)
    return { iss, sub, client, scopes, roles: readRoles(claims, rolesClaim), expiresAt }
  }
}

function refuse(denied: TokenRefusal['denied'], detail: string): TokenRefusal {
  return { denied, detail }
}

function invalid(detail: string): TokenRefusal {
  return refuse('token_invalid', detail)
}

function normaliseType(type: string): string {
  return type.toLowerCase().replace(/^application\//, '')
}

function isInteger(value: JSONValue): value is number {
  return Number.isSafeInteger(value)
}

/** Lone surrogates are refused: two different ones would become the same bytes (T57). */
function isName(value: JSONValue): value is string {
  if (typeof value !== 'string' || value.length === 0 || value.length > MAX_NAME) return false
  return value.isWellFormed() && !UNPRINTABLE.test(value)
}

function readStrings(value: JSONValue): readonly string[] | undefined {
  if (!Array.isArray(value)) return undefined
  return value.every((item) => typeof item === 'string') ? value : undefined
}

/**
 * Scopes: a string split at single spaces or an array of strings; another shape is none, and an item
 * outside the charset of RFC 6749 §3.3 is ignored (T82, T85), so no item holds a space.
 */
function readScopes(claims: JSONObject, names: readonly string[]): ReadonlySet<string> {
  return new Set(readItems(claims, names).filter((item) => SCOPE_TOKEN.test(item)))
}

/** Roles: the same shapes; an item of an array may be any printable text, as issuers let it be. */
function readRoles(claims: JSONObject, names: readonly string[]): ReadonlySet<string> {
  return new Set(readItems(claims, names).filter(isName))
}

function readItems(claims: JSONObject, names: readonly string[]): readonly string[] {
  const found = names.map((name) => readClaim(claims, name)).find((value) => value !== undefined)
  return typeof found === 'string' ? found.split(' ') : (readStrings(found ?? null) ?? [])
}

/** Own members alone (T83); a name that holds dots itself beats a path. */
function readClaim(claims: JSONObject, path: string): JSONValue | undefined {
  if (Object.hasOwn(claims, path)) return claims[path]
  for (let dot = path.indexOf('.'); dot !== -1; dot = path.indexOf('.', dot + 1)) {
    const head = path.slice(0, dot)
    const inner = Object.hasOwn(claims, head) ? claims[head] : undefined
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) continue
    const value = readClaim(inner as JSONObject, path.slice(dot + 1))
    if (value !== undefined) return value
  }
  return undefined
}
