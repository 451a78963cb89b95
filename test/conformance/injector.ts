// A forwarder that adds one Authorization header, because the conformance runner cannot send one.
// Never buffers, never changes the Host header, and ends both sides when either side ends.
import { Agent, createServer, request as send } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Where the injector forwards to, and the bearer token it adds; without one it adds nothing. */
export type Target = { readonly url: string; readonly bearer?: string }

/** A running injector; `aim` must be called before the first request. */
export type Injector = {
  readonly url: string
  readonly origin: string
  aim(target: Target): void
  stop(): Promise<void>
}

/** Starts an injector on a free loopback port. */
export async function startInjector(): Promise<Injector> {
  const agent = new Agent({ keepAlive: true })
  let target: Target | undefined
  const server = createServer((request, response) => {
    if (target === undefined) return void response.writeHead(503).end()
    const { bearer, url } = target
    const headers = { ...request.headers, ...(bearer && { authorization: `Bearer ${bearer}` }) }
    const outgoing = send(new URL(url), { method: request.method, headers, agent })
    outgoing.on('error', () => response.destroy())
    outgoing.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers).flushHeaders()
      answer.on('error', () => response.destroy())
      answer.pipe(response)
    })
    response.on('close', () => outgoing.destroy())
    request.pipe(outgoing)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // A TCP server that listens has an address object.
  const origin = `http://localhost:${(server.address() as AddressInfo).port}`
  return {
    url: `${origin}/mcp`,
    origin,
    aim: (next) => {
      target = next
    },
    stop: async () => {
      agent.destroy()
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}
