// W3C trace context: the incoming traceparent is kept when it is valid, else a new trace begins
// (T150). Nothing else of the caller's tracing headers goes on.

/** The identifiers of one exchange. */
export type Trace = { readonly traceId: string; readonly traceparent: string }

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/

/** Continues a trace with a span of our own; `random` gives that many random bytes as hex. */
export function continueTrace(
  incoming: string | undefined,
  random: (bytes: number) => string,
): Trace {
  const match = incoming === undefined ? null : TRACEPARENT.exec(incoming)
  const known = match?.[1] !== undefined && !/^0+$/.test(match[1]) && !/^0+$/.test(match[2] ?? '0')
  const traceId = known ? (match?.[1] ?? random(16)) : random(16)
  const flags = known ? (match?.[3] ?? '00') : '01'
  return { traceId, traceparent: `00-${traceId}-${random(8)}-${flags}` }
}
