// Stage 4: what arrived? The whole body within its bound, as one message of strict JSON, and the
// very bytes that will be sent on (law 1). Nothing unparsed leaves this stage.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Lease } from '../policy/budget.ts'
import type { Denial, Head, Message } from '../types.ts'
import { Growing } from '../wire/growing.ts'
import { isUtf8, mediaType } from '../wire/headers.ts'
import { toMessage } from '../wire/jsonrpc.ts'

/** Bounds of a request body. */
export type BodyLimits = {
  readonly maxBytes: number
  readonly maxDepth: number
  readonly timeoutMs: number
}

/** What was read, if there was anything to read. */
export type Read = Message | Denial | undefined

/** Reads the message of a POST; undefined for GET and DELETE, which have none. */
export async function read(
  head: Head,
  request: IncomingMessage,
  response: ServerResponse,
  limits: BodyLimits,
  lease: Lease,
): Promise<Read> {
  if (head.http !== 'POST') return undefined
  const refused = mediaDenial(head)
  if (refused !== undefined) return refused
  const declared = Number(head.headers.get('content-length') ?? '0')
  if (declared > limits.maxBytes) return tooLarge(limits.maxBytes)
  if (head.headers.has('expect')) response.writeContinue()
  const bytes = await within(limits.timeoutMs, collect(request, limits.maxBytes, lease))
  if (bytes === 'late')
    return { denied: 'body_too_slow', detail: 'the body is not complete in time' }
  if (bytes === 'long') return tooLarge(limits.maxBytes)
  if (bytes === 'full') return { denied: 'overloaded', detail: 'bodies held are at their limit' }
  const message = toMessage(bytes, limits.maxDepth)
  if (!('fault' in message)) return message
  return { denied: message.fault, detail: message.detail, id: message.id }
}

// T34, T127: a piece of one byte costs more than a hundred of memory, and an event of its own.
const MAX_PIECES = 65_536

function mediaDenial(head: Head): Denial | undefined {
  const encoding = head.headers.get('content-encoding')
  if (encoding !== undefined && encoding.trim().toLowerCase() !== 'identity')
    return { denied: 'content_encoding', detail: 'the content encoding is not identity' }
  const given = head.headers.get('content-type')
  const type = mediaType(given)
  const isJSON = type?.essence === 'application/json'
  if (isJSON && isUtf8(type.charset)) return undefined
  // The value is not quoted: headers of a client stay out of the log (law 12).
  const fault = isJSON ? 'has a charset other than UTF-8' : 'is not application/json'
  return {
    denied: 'media_type',
    detail: `the content type ${given === undefined ? 'is absent' : fault}`,
  }
}

function tooLarge(maxBytes: number): Denial {
  return {
    denied: 'body_too_large',
    detail: `the body exceeds ${maxBytes} bytes, or ${MAX_PIECES} pieces`,
  }
}

async function collect(
  request: IncomingMessage,
  maxBytes: number,
  lease: Lease,
): Promise<Uint8Array | 'long' | 'full'> {
  let first: Uint8Array | undefined
  // One buffer for the rest: a million chunks of a byte each would take a hundred times that (T127).
  let all: Growing | undefined
  let total = 0
  let pieces = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    total += chunk.length
    if (total > maxBytes || pieces++ === MAX_PIECES) return 'long'
    if (!lease.hold(total)) return 'full'
    if (first === undefined) first = chunk
    else {
      if (all === undefined) {
        all = new Growing(2 * first.length)
        all.add(first)
      }
      all.add(chunk)
    }
  }
  return all?.view(0).slice() ?? first ?? new Uint8Array()
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
