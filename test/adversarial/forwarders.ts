// Fronts that are worse than the proxy, as products were: they show that the oracle would have seen it.
// Each forwards the bytes as they are, and records what it believes that was asked.

import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, request as open } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isObject } from '../../proxy/wire/eras.ts'
import type { FrontRecord, MakeFront } from './front.ts'

/** What a front believes that was asked. */
export type Belief = { readonly method: string; readonly target: string | undefined }

/** How a front reads a request; undefined when it cannot. */
export type Reads = (request: IncomingMessage, body: Buffer) => Belief | undefined

/** Reads the body as most programs do: the last of two equal keys, one message, UTF-8 whatever comes. */
export const readsBody: Reads = (_request, body) => {
  try {
    const message: unknown = JSON.parse(body.toString())
    if (!isObject(message)) return undefined
    const params = isObject(message['params']) ? message['params'] : {}
    const target = params['name'] ?? params['uri']
    return {
      method: String(message['method']),
      target: target === undefined ? undefined : String(target),
    }
  } catch {
    return undefined
  }
}

/** Believes the headers, and the body only where there are none. */
export const readsHeaders: Reads = (request, body) => {
  const { 'mcp-method': method, 'mcp-name': name } = request.headers
  if (typeof method !== 'string') return readsBody(request, body)
  return { method, target: typeof name === 'string' ? name : undefined }
}

const PASSED = /^(content-(type|encoding)|accept|authorization|traceparent|mcp-.*|x-.*)$/

/** A front that refuses what it reads as a use of `secret`, or nothing at all. */
export function forwarder(reads: Reads, refuses: 'secret' | 'nothing'): MakeFront {
  return async (upstreamPort) => {
    const agent = new Agent({ keepAlive: true })
    const records: FrontRecord[] = []
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = []
      try {
        for await (const chunk of request) chunks.push(chunk)
      } catch {
        // The client left in the middle: as good as an empty body.
      }
      const body = Buffer.concat(chunks)
      const belief = reads(request, body) ?? { method: request.method ?? '', target: undefined }
      const isDenied = refuses === 'secret' && belief.target?.includes('secret') === true
      records.push({
        ...belief,
        trace_id: String(request.headers['traceparent']).split('-')[1] ?? '',
        outcome: isDenied ? 'denied' : 'allowed',
        reason: isDenied ? 'target_denied' : 'allowed',
      })
      if (isDenied) return void response.writeHead(403).end()
      const { method, url } = request
      const headers = Object.fromEntries(
        Object.entries(request.headers).filter(([name]) => PASSED.test(name)),
      )
      const given = { ...headers, host: '127.0.0.1', 'content-length': body.length }
      const outgoing = open({ port: upstreamPort, method, path: url, headers: given, agent })
      outgoing.on('response', (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
      })
      outgoing.on('error', () => response.destroy())
      response.once('close', () => outgoing.destroy())
      outgoing.end(body)
    })
    // Node would answer this itself, and nothing would be recorded.
    server.on('checkExpectation', (request, response) => server.emit('request', request, response))
    await once(server.listen(0, '127.0.0.1'), 'listening')
    return {
      port: (server.address() as AddressInfo).port, // a TCP server has one
      token: 'any',
      news: () => records.splice(0),
      stop: async () => {
        agent.destroy()
        server.close().closeAllConnections()
        await once(server, 'close')
      },
    }
  }
}
