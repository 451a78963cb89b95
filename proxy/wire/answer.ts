// The head and the whole body of an answer, as they may reach the client: a header allow-list, and
// text that is valid UTF-8 within a bound. No header of the upstream passes by default (T109).

import type { Answer, AnswerBody, Era, RequestId } from '../types.ts'
import { joined } from './growing.ts'

// Anything else could be a name that the client must not see.
const METHODS = /^(?:(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)(?:, ?|$)){1,7}$/

/** Headers for the client; the body is ours to describe, and so is its caching (T105). */
export function headersFor(
  answer: Answer,
  era: Era,
  contentType: 'application/json' | 'text/event-stream',
  sealer: { seal(session: string): string },
): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': contentType,
    'cache-control': 'private, no-store',
    vary: 'Authorization, Origin',
  }
  if (contentType === 'text/event-stream') headers['x-accel-buffering'] = 'no'
  const session = answer.headers['mcp-session-id']
  if (typeof session === 'string' && era === 'legacy')
    headers['mcp-session-id'] = sealer.seal(session)
  const { allow, 'retry-after': retryAfter } = answer.headers
  if (typeof allow === 'string' && METHODS.test(allow)) headers['allow'] = allow
  if (typeof retryAfter === 'string' && /^\d{1,6}$/.test(retryAfter))
    headers['retry-after'] = retryAfter
  return headers
}

/** Why there is no whole body: too much of it, not all of it in time, or no room to hold it. */
export type Unread = { readonly fault: 'unreadable' | 'late' | 'full' }

/** What bounds the reading of a whole body. */
export type ReadLimits = {
  readonly maxBytes: number
  readonly timeoutMs: number
  /** May refuse to hold so many bytes in all. */
  hold(bytes: number): boolean
  readonly watch: { set(ms: number, late: () => void): void; clear(): void }
}

/** Reads a whole body within its bounds (T133); rejects with the fault that broke it. */
export function readBytes(
  body: AnswerBody,
  limits: ReadLimits,
): Uint8Array | Unread | Promise<Uint8Array | Unread> {
  const whole = body.whole()
  if (whole === undefined) return collect(body, limits)
  if (whole.length > limits.maxBytes) return { fault: 'unreadable' }
  return limits.hold(whole.length) ? whole : { fault: 'full' }
}

function collect(body: AnswerBody, limits: ReadLimits): Promise<Uint8Array | Unread> {
  return new Promise((resolve, reject) => {
    const parts: Uint8Array[] = []
    let total = 0
    const end = (outcome: Uint8Array | Unread) => {
      limits.watch.clear()
      resolve(outcome)
    }
    const stop = (fault: Unread['fault']) => {
      end({ fault })
      body.destroy()
    }
    limits.watch.set(limits.timeoutMs, () => stop('late'))
    body.read({
      data: (bytes) => {
        total += bytes.length
        if (total > limits.maxBytes) stop('unreadable')
        else if (!limits.hold(total)) stop('full')
        else parts.push(bytes)
      },
      end: () => end(joined(parts)),
      fail: (fault) => {
        limits.watch.clear()
        reject(fault)
      },
    })
  })
}

/** The event that ends a subscription before its connection ends (R45). */
export function subscriptionEnd(id: RequestId): Uint8Array {
  const _meta = { 'io.modelcontextprotocol/subscriptionId': id }
  return event(id, { result: { resultType: 'complete', _meta } })
}

/** The event in place of an answer that could not be passed on. */
export function brokenAnswer(id: RequestId): Uint8Array {
  const message = 'the upstream server gave a broken answer'
  return event(id, { error: { code: -32603, message } })
}

function event(id: RequestId, members: object): Uint8Array {
  const message = JSON.stringify({ jsonrpc: '2.0', id, ...members })
  return new TextEncoder().encode(`event: message\ndata: ${message}\n\n`)
}
