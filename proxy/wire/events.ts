// An event stream on its way to one client: every event is judged, what may not pass is left out, and
// the client is told at the end what it would wait for otherwise.

import { type Intent, UpstreamFault } from '../types.ts'
import { brokenAnswer, subscriptionEnd } from './answer.ts'
import { type Judging, judgeWith } from './judged.ts'
import { SSEFilter } from './sse.ts'

/** What the way of a stream needs to know and to tell. */
export type EventTools = Judging & {
  readonly limits: { readonly maxEventBytes: number }
  /** Bytes held back until they are whole. */
  readonly lease: { hold(bytes: number): boolean }
  dropped(reason: string): void
  /** Told of all bytes that pass, so that long streams stay flat in memory. */
  passed(bytes: number): void
}

/** So many writes cost less than a copy. */
const FEW = 4

/** The events that may pass, then what the client still needs to know. */
export function eventsThrough(intent: Intent, tools: EventTools, isEnded: () => boolean) {
  let drops = 0
  let answered = false
  const judge = judgeWith(intent, tools)
  const note = (text: string) => {
    const verdict = judge(text)
    if ('drop' in verdict || 'method' in verdict.value) return verdict
    // T95: a stream answers its request once; on a GET every answer is a replay of another one.
    if (answered && intent.http === 'POST') return { drop: 'second_answer' }
    answered = true
    return verdict
  }
  const filter = new SSEFilter(note, {
    maxEventBytes: tools.limits.maxEventBytes,
    large: intent.list !== undefined ? 'drop' : intent.id === undefined ? 'results' : 'guard',
    onDrop: (reason) => {
      drops++
      tools.dropped(reason)
    },
  })
  const push = (bytes: Uint8Array) => {
    tools.passed(bytes.length)
    const leaving = filter.push(bytes)
    if (!tools.lease.hold(filter.held))
      throw new UpstreamFault('upstream_broken', 'bytes held back are at their limit')
    // One write where a chunk lets go of many: it may end 65,536 events (T128).
    return leaving.length > FEW ? [Buffer.concat(leaving)] : leaving
  }
  const last = () => {
    if (intent.id === undefined) return []
    if (isEnded() && intent.method === 'subscriptions/listen') return [subscriptionEnd(intent.id)]
    // A client must not wait for an answer that was dropped.
    return drops > 0 && !answered ? [brokenAnswer(intent.id)] : []
  }
  return { push, end: () => [...(isEnded() ? [] : filter.end()), ...last()] }
}
