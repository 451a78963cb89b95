// Stage 3: is it too much? What is under way and what stands (GET, subscriptions/listen) is capped
// per caller and in all, and no stream begins while the process ends (T125, T133, T135).

import type { OpenStreams } from '../policy/streams.ts'
import type { Tally } from '../policy/tally.ts'
import type { Caller, Denial } from '../types.ts'

const STANDING = new Set(['GET', 'subscriptions/listen'])

/** What is counted: the requests under way, and the streams that stand. */
export type Counts = { readonly inflight: Tally; readonly streams: OpenStreams }

/** True for what opens a stream that stands: the HTTP method GET, or a method that listens. */
export function stands(method: string): boolean {
  return STANDING.has(method)
}

/** Refuses one more; asked with the HTTP method first, then with the method when that stands. */
export function throttle(caller: Caller, method: string, counts: Counts): Denial | undefined {
  if (stands(method)) return throttleStream(caller, counts.streams)
  const full = counts.inflight.full(caller)
  if (full === undefined) return undefined
  return full === 'caller'
    ? { denied: 'too_many_requests', detail: 'requests of this caller are at their limit' }
    : { denied: 'overloaded', detail: 'requests under way are at their limit' }
}

function throttleStream(caller: Caller, streams: OpenStreams): Denial | undefined {
  if (streams.ending) return { denied: 'draining', detail: 'the process is ending' }
  if (!streams.full(caller)) return undefined
  return { denied: 'too_many_streams', detail: 'open streams are at their limit' }
}
