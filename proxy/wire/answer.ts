// The head and the whole body of an answer, as they may reach the client: a header allow-list, and
// text that is valid UTF-8 within a bound. No header of the upstream passes by default (T109).

import { type Answer, type Era, type RequestId, UpstreamFault } from '../types.ts'

// Anything else could be a name that the client must not see.
const METHODS = /^(?:(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)(?:, ?|$)){1,7}$/

/** Headers for the client; the body is ours to describe, and so is its caching (T105). */
export function headersFor(
  answer: Answer,
  era: Era,
  contentType: 'application/json' | 'text/event-stream',
  seal: (session: string) => string,
): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': contentType,
    'cache-control': 'private, no-store',
    vary: 'Authorization, Origin',
  }
  if (contentType === 'text/event-stream') headers['x-accel-buffering'] = 'no'
  const session = answer.headers['mcp-session-id']
  if (typeof session === 'string' && era === 'legacy') headers['mcp-session-id'] = seal(session)
  const { allow, 'retry-after': retryAfter } = answer.headers
  if (typeof allow === 'string' && METHODS.test(allow)) headers['allow'] = allow
  if (typeof retryAfter === 'string' && /^\d{1,6}$/.test(retryAfter))
    headers['retry-after'] = retryAfter
  return headers
}

/** Why there is no text: too much of it or no UTF-8, not all of it in time, or no room to hold it. */
export type NoText = { readonly fault: 'unreadable' | 'late' | 'full' }

/** Reads a whole body as text, at most `maxBytes` of it within `timeoutMs` (T133); `hold` may refuse its length. */
export async function readText(
  answer: Answer,
  maxBytes: number,
  timeoutMs: number,
  hold: (bytes: number) => boolean,
): Promise<string | NoText> {
  let late = false
  const timer = setTimeout(() => {
    late = true
    answer.body.destroy()
  }, timeoutMs)
  try {
    return await collect(answer, maxBytes, hold)
  } catch (error) {
    if (late) return { fault: 'late' }
    throw error
  } finally {
    clearTimeout(timer)
  }
}

async function collect(
  answer: Answer,
  maxBytes: number,
  hold: (bytes: number) => boolean,
): Promise<string | NoText> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let text = ''
  let total = 0
  try {
    for await (const chunk of answer.body) {
      total += chunk.length
      if (total > maxBytes) return { fault: 'unreadable' }
      if (!hold(total)) return { fault: 'full' }
      text += decoder.decode(chunk, { stream: true })
    }
    return text + decoder.decode()
  } catch (error) {
    if (error instanceof TypeError) return { fault: 'unreadable' }
    throw error
  }
}

/** The same body; ends it and throws `upstream_slow` when no part of it comes for so long (T133). */
export async function* unlessIdle(
  body: Answer['body'],
  idleMs: number,
): AsyncGenerator<Uint8Array> {
  let waiting = true
  let idle = false
  const timer = setTimeout(() => {
    // A client that reads slowly is not the upstream's silence.
    if (!waiting) return void timer.refresh()
    idle = true
    body.destroy()
  }, idleMs)
  try {
    for await (const chunk of body) {
      waiting = false
      yield chunk
      waiting = true
      timer.refresh()
    }
    // A body that ends because it was destroyed is no whole one.
    if (idle) throw new Error('ended')
  } catch (error) {
    throw idle ? new UpstreamFault('upstream_slow', 'a silence within an answer', error) : error
  } finally {
    clearTimeout(timer)
  }
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
