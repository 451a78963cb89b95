// Stage 4: what arrived? The whole body within its bound, as one message of strict JSON, and the
// very bytes that will be sent on (law 1). Nothing unparsed leaves this stage.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Denial, Head, Message } from '../types.ts'
import { isUtf8, mediaType } from '../wire/headers.ts'
import { toMessage } from '../wire/jsonrpc.ts'

/** Bounds of a request body. */
export type BodyLimits = {
  readonly maxBytes: number
  readonly maxDepth: number
  readonly timeoutMs: number
}

/** Reads the message of a POST; undefined for GET and DELETE, which have none. */
export async function read(
  head: Head,
  request: IncomingMessage,
  response: ServerResponse,
  limits: BodyLimits,
): Promise<Message | Denial | undefined> {
  if (head.http !== 'POST') return undefined
  const refused = mediaDenial(head)
  if (refused !== undefined) return refused
  const declared = Number(head.headers.get('content-length') ?? '0')
  if (declared > limits.maxBytes) return tooLarge(limits.maxBytes)
  if (head.headers.has('expect')) response.writeContinue()
  const bytes = await within(limits.timeoutMs, collect(request, limits.maxBytes))
  if (bytes === 'late')
    return { denied: 'body_too_slow', detail: 'the body is not complete in time' }
  if (bytes === undefined) return tooLarge(limits.maxBytes)
  const message = toMessage(bytes, limits.maxDepth)
  if (!('fault' in message)) return message
  return { denied: message.fault, detail: message.detail, id: message.id }
}

function mediaDenial(head: Head): Denial | undefined {
  const encoding = head.headers.get('content-encoding')
  if (encoding !== undefined && encoding.trim().toLowerCase() !== 'identity')
    return { denied: 'content_encoding', detail: `content-encoding "${encoding}"` }
  const type = mediaType(head.headers.get('content-type'))
  if (type?.essence === 'application/json' && isUtf8(type.charset)) return undefined
  return {
    denied: 'media_type',
    detail: `content-type "${head.headers.get('content-type') ?? ''}"`,
  }
}

function tooLarge(maxBytes: number): Denial {
  return { denied: 'body_too_large', detail: `the body exceeds ${maxBytes} bytes` }
}

async function collect(request: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let total = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    total += chunk.length
    if (total > maxBytes) return undefined
    chunks.push(chunk)
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)
}

/** T123: a body that trickles in is given up; the connection is closed with the refusal. */
async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T | 'late'> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), timeoutMs)
  })
  // The work goes on until the connection closes, and then rejects with nobody waiting.
  work.catch(() => undefined)
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
