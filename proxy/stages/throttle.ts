// Stage 3: is it too much? GET and subscriptions/listen open a stream that stands; such streams are
// capped per caller and in all, and none begins while the process ends (T125, T135).

import type { OpenStreams } from '../policy/streams.ts'
import type { Caller, Denial } from '../types.ts'

const STANDING = new Set(['GET', 'subscriptions/listen'])

/** True for what opens a stream that stands: the HTTP method GET, or a method that listens. */
export function stands(method: string): boolean {
  return STANDING.has(method)
}

/** Refuses a further standing stream; asked with the HTTP method first, then with the method. */
export function throttle(caller: Caller, method: string, streams: OpenStreams): Denial | undefined {
  if (!stands(method)) return undefined
  if (streams.ending) return { denied: 'draining', detail: 'the process is ending' }
  if (!streams.full(caller)) return undefined
  return { denied: 'too_many_streams', detail: 'open streams are at their limit' }
}
