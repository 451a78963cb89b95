// The leg to the upstream: its connections, and whether it can be reached at all. No connection ever
// carries requests of two callers, so that no answer of one can be taken for that of another.

import { connect } from 'node:net'
import { LRUCache } from 'lru-cache'
import { Pool } from 'undici'
import type { Config } from './config.ts'
import { type Caller, callerKey } from './types.ts'
import type { Upstream } from './values.ts'

const PROBE_TIMEOUT_MS = 1_000
const MAX_POOLS = 1_024

/**
 * The connections of each caller: HTTP/1.1, one request per connection at a time, nothing retried
 * (T130, T131). An upstream that answers twice, or before it was asked, answers the same caller.
 */
export class UpstreamPools {
  readonly #config: Config
  readonly #recent: LRUCache<string, Pool>
  /** Also those that are closing: their requests go on to the end. */
  readonly #alive = new Set<Pool>()
  #connections = 0

  constructor(config: Config) {
    this.#config = config
    this.#recent = new LRUCache({
      max: MAX_POOLS,
      dispose: (pool) => {
        const closed = () => this.#alive.delete(pool)
        pool.close().then(closed, closed)
      },
    })
  }

  /** The pool of one caller. */
  of(caller: Caller): Pool {
    const key = callerKey(caller)
    const known = this.#recent.get(key)
    if (known !== undefined) return known
    const pool = this.#make()
    this.#alive.add(pool)
    this.#recent.set(key, pool)
    return pool
  }

  /** Ends all of them at once, with every request under way. */
  async destroy(): Promise<void> {
    await Promise.allSettled([...this.#alive].map((pool) => pool.destroy()))
  }

  #make(): Pool {
    const config = this.#config
    const { origin, socketPath } = config.upstream
    const pool = new Pool(origin, {
      ...(socketPath === undefined ? {} : { socketPath }),
      // One for each exchange that may be under way: none waits for another to end.
      connections: config.maxInflightPerCaller + config.maxStreamsPerCaller,
      pipelining: 1,
      allowH2: false,
      connectTimeout: config.connectTimeoutMs,
      headersTimeout: config.upstreamTimeoutMs,
      bodyTimeout: 0,
      maxHeaderSize: config.maxHeaders,
      keepAliveTimeout: 4_000,
    })
    // A client has one exchange at a time: beyond MAX_CONNECTIONS there are idle ones (T137).
    pool.on('connect', () => {
      if (++this.#connections > config.maxConnections) this.#recent.pop()
    })
    pool.on('disconnect', () => this.#connections--)
    return pool
  }
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
