// Tokens to break: a few good ones of every algorithm, and what a naive reader makes of the claims of
// one that the issuer signed (RFC 9068, RFC 7519 §4). It must share nothing with the verifier.

import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { readJSON } from './json.ts'

export const ISSUER = 'https://idp.example'
export const AUDIENCE = 'https://mcp.example/mcp'
/** Seconds since the epoch, and the only moment there is. */
export const NOW = 1_800_000_000
export const SECRET = new Uint8Array(32).fill(0x2a)

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const ed = generateKeyPairSync('ed25519')
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })

/** The published key set of the issuer. */
export const JWKS = {
  keys: [
    { ...ec.publicKey.export({ format: 'jwk' }), kid: 'es', alg: 'ES256' },
    { ...ed.publicKey.export({ format: 'jwk' }), kid: 'ed', alg: 'EdDSA' },
    { ...rsa.publicKey.export({ format: 'jwk' }), kid: 'rs', alg: 'RS256' },
  ],
}

/** The claims of a good token. */
export const CLAIMS = {
  iss: ISSUER,
  sub: 'alice',
  aud: AUDIENCE,
  exp: NOW + 300,
  iat: NOW - 10,
  scope: 'public:read',
}

const encode = (bytes: string | Uint8Array) => Buffer.from(bytes).toString('base64url')

function signed(alg: string, kid: string, key: KeyObject): string {
  const head = encode(JSON.stringify({ alg, kid, typ: 'at+jwt' }))
  const input = `${head}.${encode(JSON.stringify(CLAIMS))}`
  const digest = alg === 'EdDSA' ? null : 'sha256'
  const signature = sign(digest, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' })
  return `${input}.${encode(signature)}`
}

/** A token signed with the shared secret, whatever its header and claims say. */
export function sealed(header: string, payload: string): string {
  const input = `${encode(header)}.${encode(payload)}`
  return `${input}.${encode(createHmac('sha256', SECRET).update(input).digest())}`
}

/** The tokens that the issuer did mint. */
export const MINTED: readonly string[] = [
  signed('ES256', 'es', ec.privateKey),
  signed('EdDSA', 'ed', ed.privateKey),
  signed('RS256', 'rs', rsa.privateKey),
  sealed('{"alg":"HS256","typ":"JWT"}', JSON.stringify(CLAIMS)),
]

const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

/** ECDSA has two signatures for one: (r, s) and (r, n - s). Both verify, and no one else can make either. */
export function twinOf(token: string): string {
  const [header, payload, signature = ''] = token.split('.')
  const bytes = Buffer.from(signature, 'base64url')
  const s = BigInt(`0x${bytes.subarray(32).toString('hex')}`)
  const other = (ORDER - s).toString(16).padStart(64, '0')
  return `${header}.${payload}.${encode(Buffer.concat([bytes.subarray(0, 32), Buffer.from(other, 'hex')]))}`
}

/** Who a signed token stands for. */
export type Holder = {
  readonly sub: string
  readonly client: string
  readonly scopes: readonly string[]
  readonly roles: readonly string[]
}

const FORBIDDEN = ['jku', 'x5u', 'jwk', 'x5c', 'crit', 'b64', 'cty', 'enc', 'zip']
const OTHER_KINDS = ['id', 'refresh', 'offline', 'logout']
type Fields = { readonly [name: string]: unknown }

/** The holder of a token with these parts, signed with the secret, or undefined when it is worth nothing. */
export function holderOf(header: Uint8Array, payload: Uint8Array): Holder | undefined {
  const head = fieldsOf(header)
  const claims = fieldsOf(payload)
  if (head === undefined || claims === undefined) return undefined
  const { alg, kid, typ = '' } = head
  if (alg !== 'HS256' || FORBIDDEN.some((name) => Object.hasOwn(head, name))) return undefined
  if (kid !== undefined && (typeof kid !== 'string' || kid.length < 1 || kid.length > 128))
    return undefined
  if (typeof typ !== 'string' || !/^(application\/)?(at\+jwt|jwt)$/i.test(typ)) return undefined
  const { iss, aud, exp, nbf = 0, iat, sub } = claims
  const audiences = typeof aud === 'string' ? [aud] : aud
  if (iss !== ISSUER || !areStrings(audiences) || !audiences.includes(AUDIENCE)) return undefined
  for (const time of [exp, nbf, iat ?? (Object.hasOwn(claims, 'iat') ? null : 0)])
    if (!Number.isSafeInteger(time)) return undefined
  const [ends, begins, made] = [Number(exp), Number(nbf), iat === undefined ? NOW + 5 : Number(iat)]
  if (NOW >= ends + 5 || begins > NOW + 5 || made > NOW + 5 || ends - made > 86_400)
    return undefined
  const { token_use: use, typ: kind } = claims
  if (use !== undefined && use !== 'access') return undefined
  if (OTHER_KINDS.includes(String(kind).toLowerCase())) return undefined
  const client = claims['client_id'] ?? claims['azp'] ?? ''
  if (!isName(sub) || (client !== '' && !isName(client))) return undefined
  const scopes = wordsOf(claims['scope'] === undefined ? claims['scp'] : claims['scope'])
  return {
    sub,
    client: String(client),
    scopes: unique(scopes.filter((word) => /^[!#-[\]-~]+$/.test(word))),
    roles: unique(wordsOf(rolesIn(claims)).filter(isName)),
  }
}

/** `roles`, else a claim with a dot in its name, else a member of a claim. */
function rolesIn(claims: Fields): unknown {
  const realm = claims['realm_access']
  const isObject = typeof realm === 'object' && realm !== null && !Array.isArray(realm)
  const inner = isObject ? Object.entries(realm).find(([name]) => name === 'roles')?.[1] : undefined
  return [claims['roles'], claims['realm_access.roles'], inner].find((value) => value !== undefined)
}

function fieldsOf(bytes: Uint8Array): Fields | undefined {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
  if (!Buffer.from(text).equals(bytes)) return undefined
  const reading = readJSON(text)
  if (reading === undefined || reading.hasDuplicates || reading.hasProto) return undefined
  if (reading.depth > 16 || reading.outerMembers > 1_000) return undefined
  const { value } = reading
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Fields)
    : undefined
}

function areStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

function isName(value: unknown): value is string {
  if (typeof value !== 'string' || value.length < 1 || value.length > 255) return false
  for (const char of value) {
    const code = char.codePointAt(0) ?? 0
    if (code < 0x20 || (code > 0x7e && code < 0xa0)) return false
    if (code === 0x2028 || code === 0x2029 || (code >= 0xd800 && code <= 0xdfff)) return false
  }
  return true
}

function wordsOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return value.split(' ')
  return areStrings(value) ? value : []
}

function unique(words: readonly string[]): readonly string[] {
  return [...new Set(words)]
}
