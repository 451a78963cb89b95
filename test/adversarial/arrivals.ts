// Counts what arrived at the fronts as HTTP, by its trace: the number that the records must come to.
// It listens to Node's own channel, so that nothing of a front is touched.

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, Server } from 'node:http'

/** The counts since they were last taken; requests without a sound trace are under the empty string. */
export type Arrivals = {
  take(): ReadonlyMap<string, number>
  stop(): void
}

const TRACE = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/

/** Counts at these ports of this process. */
export function countArrivals(ports: ReadonlySet<number>): Arrivals {
  let counts = new Map<string, number>()
  const hear = (message: unknown) => {
    const { request, server } = message as { request: IncomingMessage; server: Server }
    const address = server.address()
    if (typeof address !== 'object' || address === null || !ports.has(address.port)) return
    if (!isRecorded(request)) return
    const given = request.headers['traceparent']
    const trace = TRACE.exec(typeof given === 'string' ? given : '')?.[1] ?? ''
    counts.set(trace, (counts.get(trace) ?? 0) + 1)
  }
  subscribe('http.server.request.start', hear)
  return {
    take: () => {
      const taken = counts
      counts = new Map()
      return taken
    },
    stop: () => void unsubscribe('http.server.request.start', hear),
  }
}

/** The open documents are no exchanges, and a request without a Host is refused by Node itself. */
function isRecorded({ method, url = '', headers, httpVersion }: IncomingMessage): boolean {
  if (httpVersion === '1.1' && headers.host === undefined) return false
  const path = url.split('?', 1)[0] ?? ''
  const hasBody =
    headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
  const isRead = method === 'GET' || method === 'HEAD'
  if (path === '/health') return !isRead || hasBody
  if (/^\/\.well-known\/oauth-protected-resource(\/mcp)?$/.test(path))
    return hasBody || !(isRead || method === 'OPTIONS')
  return true
}
