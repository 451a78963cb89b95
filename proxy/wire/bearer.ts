// Reads the Authorization header and takes a compact JWS apart, by grammar alone.
// It must never decide whether a token is genuine, and never repair one: a token has one spelling.

import type { Authorization, JSONObject } from '../types.ts'
import { isObject } from './eras.ts'
import { bytesOf } from './headers.ts'
import { parseStrict } from './json.ts'

/** Tokens longer than this many bytes are refused before any work is done on them (T73). */
export const MAX_TOKEN_BYTES = 8192

const MAX_CLAIM_DEPTH = 16
/** `Bearer` and then no further character of an RFC 9110 token. */
const SCHEME = /^bearer(?![!#$%&'*+\-.^_`|~0-9A-Za-z])/i
/** RFC 6750 §2.1 `b64token`, after a scheme in any case and exactly one space (T56). */
const CREDENTIALS = /^bearer ([A-Za-z0-9\-._~+/]+=*)$/i

/** The three parts of a compact JWS, decoded but not verified. */
export type Compact =
  | {
      readonly ok: true
      readonly header: JSONObject
      readonly payload: JSONObject
      readonly signature: Uint8Array
    }
  | { readonly ok: false; readonly detail: string }

/**
 * Reads one Authorization value; another scheme counts as `missing`, because RFC 6750 §3.1 wants
 * no error code for an unsupported method, and everything that is not exactly
 * `Bearer SP b64token` of at most 8 KiB is `malformed` (T56, T73).
 */
export function parseAuthorization(value: string | undefined): Authorization {
  if (value === undefined || value === '') return missing('the Authorization header is missing')
  if (!SCHEME.test(value)) return missing('the Authorization scheme is not Bearer')
  if (value.length > MAX_TOKEN_BYTES + 'Bearer '.length) {
    return { fault: 'malformed', detail: `the token is longer than ${MAX_TOKEN_BYTES} bytes` }
  }
  const token = CREDENTIALS.exec(value)?.[1]
  if (token !== undefined) return { token }
  return { fault: 'malformed', detail: 'the credentials are not one space and one b64token' }
}

/**
 * Splits a compact JWS and parses its header and payload as strict JSON objects; refuses JWE, more
 * than 8 KiB, an empty part, and any part that is not the one canonical base64url spelling of its
 * bytes (T66, T73, T74).
 */
export function parseCompact(token: string): Compact {
  if (token.length > MAX_TOKEN_BYTES) {
    return refuse(`the token is longer than ${MAX_TOKEN_BYTES} bytes`)
  }
  const parts = token.split('.')
  if (parts.length === 5) return refuse('the token is encrypted: it has 5 parts')
  if (parts.length !== 3) return refuse('the token does not have 3 parts')
  const [protectedPart, payloadPart, signaturePart] = parts as [string, string, string] // just counted
  const signature = decodeCanonical(signaturePart)
  if (signature === undefined) return refuse('the signature is not canonical base64url')
  const header = parsePart('header', protectedPart)
  if (!header.ok) return header
  const payload = parsePart('payload', payloadPart)
  if (!payload.ok) return payload
  return { ok: true, header: header.value, payload: payload.value, signature }
}

function missing(detail: string): Authorization {
  return { fault: 'missing', detail }
}

function refuse(detail: string): { readonly ok: false; readonly detail: string } {
  return { ok: false, detail }
}

function parsePart(name: string, part: string) {
  const bytes = decodeCanonical(part)
  if (bytes === undefined) return refuse(`the ${name} is not canonical base64url`)
  const parsed = parseStrict(bytes, MAX_CLAIM_DEPTH)
  if (!parsed.ok) return refuse(`the ${name} is not strict JSON: ${parsed.detail}`)
  if (!isObject(parsed.value)) return refuse(`the ${name} is not a JSON object`)
  return { ok: true as const, value: parsed.value }
}

/** Decoders ignore padding, and the unused low bits of the last character: encoding back does not. */
function decodeCanonical(part: string): Uint8Array | undefined {
  if (part === '') return undefined
  try {
    const binary = atob(part.replaceAll('-', '+').replaceAll('_', '/'))
    const again = btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
    return again === part ? bytesOf(binary) : undefined
  } catch {
    return undefined
  }
}
