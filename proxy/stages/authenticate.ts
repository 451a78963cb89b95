// Stage 2: who is calling? On every request, before any body byte is read (law 8, R39, T38).

import type { Caller, Denial, Head } from '../types.ts'
import { parseAuthorization } from '../wire/bearer.ts'

/** Verifies one access token. */
export type Verify = (token: string) => Promise<Caller | Denial>

/** Turns the Authorization header into a Caller, or says why not. */
export async function authenticate(head: Head, verify: Verify): Promise<Caller | Denial> {
  const parsed = parseAuthorization(head.headers.get('authorization'))
  if ('token' in parsed) return verify(parsed.token)
  if (parsed.fault === 'missing') return { denied: 'token_missing', detail: parsed.detail }
  return { denied: 'token_invalid', detail: parsed.detail }
}
