// Writes refusals to the wire, for the path and for the routes beside it. A connection whose body was
// not read is closed, and no more than a bounded part of that body is ever drained (T50).

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { type ChallengeFacts, refuse } from './refuse.ts'
import { sendWhole } from './send.ts'
import type { Denial, Reason } from './types.ts'

const DRAIN_BYTES = 65_536

/** Connections that a refusal ends. */
const ended = new WeakMap<Socket, Reason>()

/** The refusal that ends this connection: what comes behind it must not be acted on (RFC 9112 9.6, T36). */
export function endedBy(request: IncomingMessage): Reason | undefined {
  return ended.get(request.socket)
}

/** Writes a denial; a body that was not read ends the connection, after a bounded drain (T50). */
export async function writeRefusal(
  denial: Denial,
  request: IncomingMessage,
  response: ServerResponse,
  facts: ChallengeFacts,
): Promise<void> {
  const refusal = refuse(denial, facts)
  const declared = Number(request.headers['content-length'] ?? '0')
  const unread = !request.complete && (declared > DRAIN_BYTES || !(declared >= 0))
  const chunked = !request.complete && request.headers['transfer-encoding'] !== undefined
  const close = refusal.close || unread || chunked
  if (close) ended.set(request.socket, denial.denied)
  const body = Buffer.from(refusal.body)
  if (!close) return sendWhole(response, refusal.status, refusal.headers, body)
  const length = String(body.length)
  const headers = { ...refusal.headers, 'content-length': length, connection: 'close' }
  response.writeHead(refusal.status, headers)
  response.write(body)
  if (!request.complete) await drain(request)
  response.end()
}

/** Lets a peer that is still sending see the answer instead of a reset: 64 KiB or 500 ms at most. */
function drain(request: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    let seen = 0
    const timer = setTimeout(resolve, 500)
    const done = () => {
      clearTimeout(timer)
      request.pause()
      resolve()
    }
    request.on('data', (chunk: Buffer) => {
      seen += chunk.length
      if (seen > DRAIN_BYTES) done()
    })
    request.once('end', done).once('close', done).once('error', done)
    // The read stage may have stopped it.
    request.resume()
  })
}
