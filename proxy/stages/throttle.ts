// Stage 3: is it too much? A GET opens a stream, and streams are capped per caller and in all (T125).

import type { OpenStreams } from '../policy/streams.ts'
import type { Caller, Denial, Head } from '../types.ts'

/** Refuses a further stream of a caller who has enough of them. */
export function throttle(caller: Caller, head: Head, streams: OpenStreams): Denial | undefined {
  if (head.http !== 'GET') return undefined
  if (streams.ending) return { denied: 'draining', detail: 'the process is ending' }
  if (!streams.full(caller)) return undefined
  return { denied: 'too_many_streams', detail: 'open streams are at their limit' }
}
