// The head and the whole body of an answer, as they may reach the client: a header allow-list, and
// text that is valid UTF-8 within a bound. No header of the upstream passes by default (T109).

import type { Answer, Era, RequestId } from '../types.ts'

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
  if (typeof allow === 'string' && /^[A-Z, ]{1,64}$/.test(allow)) headers['allow'] = allow
  if (typeof retryAfter === 'string' && /^\d{1,6}$/.test(retryAfter))
    headers['retry-after'] = retryAfter
  return headers
}

/** Why there is no text: too much of it or no UTF-8, or not all of it in time. */
export type NoText = { readonly fault: 'unreadable' | 'late' }

/** Reads a whole body as text, at most `maxBytes` of it within `timeoutMs` (T133). */
export async function readText(
  answer: Answer,
  maxBytes: number,
  timeoutMs: number,
): Promise<string | NoText> {
  let late = false
  const timer = setTimeout(() => {
    late = true
    answer.body.destroy()
  }, timeoutMs)
  try {
    return (await collect(answer, maxBytes)) ?? { fault: 'unreadable' }
  } catch (error) {
    if (late) return { fault: 'late' }
    throw error
  } finally {
    clearTimeout(timer)
  }
}

async function collect(answer: Answer, maxBytes: number): Promise<string | undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let text = ''
  let total = 0
  try {
    for await (const chunk of answer.body) {
      total += chunk.length
      if (total > maxBytes) return undefined
      text += decoder.decode(chunk, { stream: true })
    }
    return text + decoder.decode()
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
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
