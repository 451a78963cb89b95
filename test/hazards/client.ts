// A streaming client: the answer as it arrives, whether it ended as it should, and the way to leave.

import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http'

/** An answer whose head has arrived. */
export type Open = {
  readonly status: number
  readonly response: IncomingMessage
  readonly outgoing: ClientRequest
  /** All bytes so far. */
  text(): string
  /** Resolves when the text so far contains `part`. */
  holds(part: string): Promise<void>
  /** Resolves at the end: true when it is the end that HTTP promised. */
  readonly ended: Promise<boolean>
}

/** Sends a message, or a GET when there is none, on a connection of its own; `head` is its answer. */
export function open(
  url: string,
  token: string,
  body?: object,
  headers: Readonly<Record<string, string>> = {},
): { readonly outgoing: ClientRequest; readonly head: Promise<Open> } {
  const outgoing = request(url, {
    agent: new Agent(),
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      accept: 'application/json, text/event-stream',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
  })
  const head = new Promise<Open>((resolve, reject) => {
    outgoing.on('error', reject)
    outgoing.on('response', (response) => resolve(watch(response, outgoing)))
  })
  // No wait without an end: a hang is a failure of its own test.
  outgoing.setTimeout(20_000, () => outgoing.destroy(new Error('nothing came for 20 s')))
  // A test that leaves before the head does not wait for it.
  head.catch(() => undefined)
  outgoing.end(body === undefined ? undefined : JSON.stringify(body))
  return { outgoing, head }
}

function watch(response: IncomingMessage, outgoing: ClientRequest): Open {
  const chunks: Buffer[] = []
  const text = () => Buffer.concat(chunks).toString()
  response.on('error', () => undefined)
  const ended = new Promise<boolean>((resolve) => {
    response.once('close', () => resolve(response.complete))
  })
  const holds = (part: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (text().includes(part)) resolve()
      }
      response.on('data', look)
      response.once('close', () => reject(new Error(`"${part}" never came`)))
      look()
    })
  response.on('data', (chunk: Buffer) => chunks.push(chunk))
  return { status: response.statusCode ?? 0, response, outgoing, text, holds, ended }
}

/** A call of the tool that everybody may use. */
export const call = (id: number | string = 1) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name: 'public', arguments: {} },
})
