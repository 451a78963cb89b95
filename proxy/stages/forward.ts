// Stage 7: the request to the upstream, rebuilt from scratch out of a Permit: the header allow-list,
// the configured path, our own length, the very bytes that were judged (L2, law 1). Nothing of the
// client's Authorization, Cookie or identity headers passes (R41, T51, T54).

import type { Pool } from 'undici'
import { factsOf } from '../observe/fault.ts'
import { type Answer, type Head, type Permit, UpstreamFault } from '../types.ts'
import { encodeHeaderValue, encodeWords } from '../wire/headers.ts'

/** Identifiers the proxy alone sets. */
export type Stamp = { readonly requestId: string; readonly traceparent: string }

// R12: Mcp-Param-* is forwarded untouched; R3: Accept as well. Everything else stays behind.
const PASSED = new Set(['accept', 'mcp-protocol-version'])
// R13: only in the modern era were they checked against the body.
const CHECKED = new Set(['mcp-method', 'mcp-name'])

const FAULTS: ReadonlyMap<string, UpstreamFault['code']> = new Map([
  ['UND_ERR_HEADERS_TIMEOUT', 'upstream_slow'],
  ['UND_ERR_CONNECT_TIMEOUT', 'upstream_refused'],
  ['ECONNREFUSED', 'upstream_refused'],
  ['EHOSTUNREACH', 'upstream_refused'],
  ['ENETUNREACH', 'upstream_refused'],
  ['ENOTFOUND', 'upstream_refused'],
  ['EAI_AGAIN', 'upstream_refused'],
  ['ENOENT', 'upstream_refused'],
  ['EACCES', 'upstream_refused'],
])

/** Each interim answer starts the wait for the head again (T133, T134). */
const MAX_INTERIM = 3

/** Sends a permitted request on; throws an UpstreamFault, or the reason of `signal` when it aborts. */
export async function forward(
  permit: Permit,
  head: Head,
  pool: Pool,
  path: string,
  stamp: Stamp,
  signal: AbortSignal,
): Promise<Answer> {
  const { body, http } = permit.intent
  let interim = 0
  const onInfo = () => {
    if (++interim > MAX_INTERIM) throw new Error('too many interim answers')
  }
  try {
    const answer = await pool.request({
      path,
      method: http,
      headers: rebuild(permit, head, stamp),
      body: body === undefined ? null : body.bytes,
      signal,
      onInfo,
    })
    // A body that is destroyed before it was read would otherwise end the process (T139).
    answer.body.on('error', () => undefined)
    return { status: answer.statusCode, headers: answer.headers, body: answer.body }
  } catch (error) {
    if (signal.aborted) throw error
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    throw new UpstreamFault(FAULTS.get(code) ?? 'upstream_broken', factsOf(error).detail, error)
  }
}

/** The headers for the upstream, names and values in turn: those of the allow-list and our own. */
export function rebuild(permit: Permit, head: Head, stamp: Stamp): string[] {
  const { caller, intent, session } = permit
  const headers = ['accept-encoding', 'identity']
  if (intent.body !== undefined) headers.push('content-type', 'application/json')
  for (const [name, value] of head.headers)
    if (
      PASSED.has(name) ||
      name.startsWith('mcp-param-') ||
      (intent.era === 'modern' && CHECKED.has(name))
    )
      headers.push(name, value)
  if (session !== undefined) {
    headers.push('mcp-session-id', session)
    // T100: a replay only inside a session bound to this caller.
    const lastEventId = head.headers.get('last-event-id')
    if (lastEventId !== undefined) headers.push('last-event-id', lastEventId)
  }
  headers.push(
    'x-toolstile-subject',
    encodeHeaderValue(caller.sub),
    'x-toolstile-scopes',
    encodeWords(permit.scopes),
    'x-toolstile-roles',
    encodeWords(caller.roles),
    'x-request-id',
    stamp.requestId,
    'traceparent',
    stamp.traceparent,
  )
  return headers
}
