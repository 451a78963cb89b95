// W3C trace context: the incoming traceparent is kept when it is valid, else a new trace begins
// (T150). Nothing else of the caller's tracing headers goes on.

import { randomFillSync } from 'node:crypto'

/** The identifiers of one exchange. */
export type Trace = { readonly traceId: string; readonly traceparent: string }

const SPAN_BYTES = 8
const TRACE_BYTES = 16
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/

/** Continues the trace of a `traceparent` header with a span of our own. */
export function continueTrace(incoming: string | string[] | undefined): Trace {
  const match = typeof incoming === 'string' ? TRACEPARENT.exec(incoming) : null
  const known = match?.[1] !== undefined && !/^0+$/.test(match[1]) && !/^0+$/.test(match[2] ?? '0')
  const random = randomHex(known ? SPAN_BYTES : SPAN_BYTES + TRACE_BYTES)
  const traceId = known ? (match?.[1] ?? '') : random.slice(2 * SPAN_BYTES)
  const flags = known ? (match?.[3] ?? '00') : '01'
  return { traceId, traceparent: `00-${traceId}-${random.slice(0, 2 * SPAN_BYTES)}-${flags}` }
}

const POOL_BYTES = 8_192
const pool = Buffer.alloc(POOL_BYTES)
let used = POOL_BYTES

/** So many random bytes as hex, at most 8192; a call of the generator for each would cost more. */
export function randomHex(bytes: number): string {
  if (used + bytes > POOL_BYTES) {
    randomFillSync(pool)
    used = 0
  }
  used += bytes
  return pool.toString('hex', used - bytes, used)
}
