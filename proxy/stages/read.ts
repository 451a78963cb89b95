// Stage 4: what arrived? The whole body within its bound, as one message of strict JSON, and the
// very bytes that will be sent on (law 1). Nothing unparsed leaves this stage.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Lease } from '../policy/budget.ts'
import type { Denial, Head, Message } from '../types.ts'
import type { Release, Watch } from '../watch.ts'
import { Growing } from '../wire/growing.ts'
import { isUtf8, mediaType } from '../wire/headers.ts'
import { toMessage } from '../wire/jsonrpc.ts'

/** Bounds of a request body. */
export type BodyLimits = {
  readonly maxBytes: number
  readonly maxDepth: number
  readonly timeoutMs: number
}

/** What a body is held by while it arrives, and what ends its arrival. */
export type Holding = { readonly lease: Lease; readonly watch: Watch; readonly over: Release }

/** Why a body was not read. */
type Unread = 'long' | 'full' | 'late'

/** What was read, if there was anything to read. */
export type Read = Message | Denial | undefined

/**
 * Reads the message of a POST, undefined for GET and DELETE, which have none; what `use` makes of it
 * is all that stays, so that what was parsed, many times its bytes, is gone at once (T127).
 */
export function read<T>(
  head: Head,
  request: IncomingMessage,
  response: ServerResponse,
  limits: BodyLimits,
  holding: Holding,
  use: (message: Read) => T,
): T | Promise<T> {
  if (head.http !== 'POST') return use(undefined)
  const refused = mediaDenial(head)
  if (refused !== undefined) return use(refused)
  const declared = Number(request.headers['content-length'] ?? '0')
  if (declared > limits.maxBytes) return use(tooLarge(limits.maxBytes))
  if (head.headers.has('expect')) response.writeContinue()
  return new Promise<T>((resolve, reject) => {
    const done = (bytes: Uint8Array | Unread) => {
      try {
        resolve(use(toRead(bytes, limits)))
      } catch (error) {
        reject(error)
      }
    }
    collect(request, limits, holding, done, reject)
  })
}

function toRead(bytes: Uint8Array | Unread, { maxBytes, maxDepth }: BodyLimits): Read {
  if (bytes === 'late')
    return { denied: 'body_too_slow', detail: 'the body is not complete in time' }
  if (bytes === 'long') return tooLarge(maxBytes)
  if (bytes === 'full') return { denied: 'overloaded', detail: 'bodies held are at their limit' }
  const message = toMessage(bytes, maxDepth)
  if (!('fault' in message)) return message
  return { denied: message.fault, detail: message.detail, id: message.id }
}

// T34, T127: a piece of one byte costs more than a hundred of memory, and an event of its own.
const MAX_PIECES = 65_536
const NOTHING = new Uint8Array()

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

/** T123: a body that trickles in is given up; the connection is closed with the refusal. */
function collect(
  request: IncomingMessage,
  { maxBytes, timeoutMs }: BodyLimits,
  { lease, watch, over }: Holding,
  resolve: (outcome: Uint8Array | Unread) => void,
  reject: (error: Error) => void,
): void {
  let first: Uint8Array | undefined
  // One buffer for the rest: a million chunks of a byte each would take a hundred times that (T127).
  let all: Growing | undefined
  let total = 0
  let pieces = 0
  let isOver = false
  const end = (outcome: Uint8Array | Unread) => {
    if (isOver) return
    isOver = true
    watch.clear()
    request.off('data', take)
    if (typeof outcome === 'string') request.pause()
    resolve(outcome)
  }
  const take = (chunk: Uint8Array) => {
    total += chunk.length
    if (total > maxBytes || pieces++ === MAX_PIECES) return end('long')
    if (!lease.hold(total)) return end('full')
    if (first === undefined) {
      first = chunk
      return
    }
    if (all === undefined) {
      all = new Growing(2 * first.length)
      all.add(first)
    }
    all.add(chunk)
  }
  watch.set(timeoutMs, () => end('late'))
  over.add({
    release: () => {
      if (!isOver) reject(new Error('the client left'))
    },
  })
  request.on('data', take)
  request.on('end', () => end(all?.view(0).slice() ?? first ?? NOTHING))
}
