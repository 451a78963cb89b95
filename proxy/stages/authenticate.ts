// Stage 2: who is calling? On every request, before any body byte is read (law 8, R39, T38).

import type { Authorization, Caller, Credentials, Denial, Head } from '../types.ts'
import { parseAuthorization } from '../wire/bearer.ts'

/** Verifies one access token; credentials that were verified need no waiting. */
export type Verify = (credentials: Credentials) => Caller | Denial | Promise<Caller | Denial>

/** One object for all requests of a connection that have one head. */
const parsed = new WeakMap<Head['headers'], Authorization>()

/** Turns the Authorization header into a Caller, or says why not. */
export function authenticate({ headers }: Head, verify: Verify): ReturnType<Verify> {
  const authorization = parsed.get(headers) ?? parse(headers)
  if ('token' in authorization) return verify(authorization)
  const { fault, detail } = authorization
  return { denied: fault === 'missing' ? 'token_missing' : 'token_invalid', detail }
}

function parse(headers: Head['headers']): Authorization {
  const authorization = parseAuthorization(headers.get('authorization'))
  parsed.set(headers, authorization)
  return authorization
}
