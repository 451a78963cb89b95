// The leg to the upstream: its connection pool, and whether it can be reached at all.

import { connect } from 'node:net'
import { Pool } from 'undici'
import type { Config } from './config.ts'
import type { Upstream } from './values.ts'

const CONNECT_TIMEOUT_MS = 5_000
const PROBE_TIMEOUT_MS = 1_000
const MAX_CONNECTIONS = 4_096

/** The upstream leg: HTTP/1.1, one request per connection at a time, nothing retried (T130, T131). */
export function upstreamPool(config: Config): Pool {
  const { origin, socketPath } = config.upstream
  return new Pool(origin, {
    ...(socketPath === undefined ? {} : { socketPath }),
    connections: MAX_CONNECTIONS,
    pipelining: 1,
    allowH2: false,
    connectTimeout: CONNECT_TIMEOUT_MS,
    headersTimeout: config.upstreamTimeoutMs,
    bodyTimeout: 0,
    maxHeaderSize: 16_384,
    keepAliveTimeout: 4_000,
  })
}

/** True when the upstream accepts a connection within a second. */
export function reachable(upstream: Upstream): Promise<boolean> {
  const url = new URL(upstream.origin)
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80))
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return new Promise((resolve) => {
    const socket = connect(
      upstream.socketPath === undefined ? { host, port } : { path: upstream.socketPath },
    )
    const end = (up: boolean) => {
      socket.destroy()
      resolve(up)
    }
    socket.setTimeout(PROBE_TIMEOUT_MS, () => end(false))
    socket.once('connect', () => end(true)).once('error', () => end(false))
  })
}
