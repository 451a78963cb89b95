// The leg to the upstream: its connections, and whether it can be reached at all. No connection ever
// carries requests of two callers, so that no answer of one can be taken for that of another.

import { connect, type SocketConnectOpts } from 'node:net'
import { LRUCache } from 'lru-cache'
import type { Config } from '../config.ts'
import { type Caller, callerKey } from '../types.ts'
import type { Upstream } from '../values.ts'
import { Connection, type Place } from './connection.ts'

const PROBE_TIMEOUT_MS = 1_000
const MAX_CALLERS = 1_024
const SWEEP_MS = 1_000

type Idle = { readonly connection: Connection; readonly untilMs: number }
/** The connections of one caller that wait for a request, the one used last on top. */
type Stack = { readonly idle: Idle[]; isClosed: boolean }

/** What the pool needs of the settings. */
export type PoolSettings = Pick<Config, 'upstream' | 'maxHeaders' | 'maxConnections'>

/**
 * The connections of each caller: HTTP/1.1, one request per connection at a time, nothing retried
 * (T130, T131). An upstream that answers twice, or before it was asked, answers the same caller.
 */
export class UpstreamPool {
  readonly #place: Place
  readonly #maxConnections: number
  readonly #stacks: LRUCache<string, Stack>
  /** Busy ones included. */
  readonly #all = new Set<Connection>()
  readonly #sweep: NodeJS.Timeout
  /** What waits for the end of this turn of the loop. */
  #resting: (() => void)[] = []

  constructor(settings: PoolSettings) {
    this.#place = placeOf(settings)
    this.#maxConnections = settings.maxConnections
    this.#stacks = new LRUCache({ max: MAX_CALLERS, dispose: close })
    this.#sweep = setInterval(() => this.#expire(), SWEEP_MS)
    this.#sweep.unref()
  }

  /** A connection for one request of this caller: the one used last, or a new one. */
  take(caller: Caller): Connection {
    const key = callerKey(caller)
    const stack = this.#stacks.get(key) ?? this.#stackOf(key)
    for (let known = stack.idle.pop(); known !== undefined; known = stack.idle.pop()) {
      if (known.untilMs > performance.now() && known.connection.usable) return known.connection
      known.connection.destroy()
    }
    return this.#open(stack)
  }

  /** Ends all of them at once, with every request under way. */
  destroy(): void {
    clearInterval(this.#sweep)
    for (const connection of this.#all) connection.destroy()
  }

  /** T130: bytes that came along with an answer are seen before the connection is used again. */
  #rest(step: () => void): void {
    if (this.#resting.length === 0)
      setImmediate(() => {
        for (const next of this.#resting.splice(0)) next()
      })
    this.#resting.push(step)
  }

  #stackOf(key: string): Stack {
    const stack = { idle: [], isClosed: false }
    this.#stacks.set(key, stack)
    return stack
  }

  #open(stack: Stack): Connection {
    const connection: Connection = new Connection(this.#place, {
      rest: (keepMs) =>
        this.#rest(() => {
          if (stack.isClosed) connection.destroy()
          else stack.idle.push({ connection, untilMs: performance.now() + keepMs })
        }),
      closed: () => {
        this.#all.delete(connection)
        const at = stack.idle.findIndex((idle) => idle.connection === connection)
        if (at !== -1) stack.idle.splice(at, 1)
      },
    })
    this.#all.add(connection)
    // A client has one exchange at a time: beyond MAX_CONNECTIONS there are idle ones (T137).
    if (this.#all.size > this.#maxConnections) this.#stacks.pop()
    return connection
  }

  /** An upstream closes what is idle for longer: it must not do so while a request is on its way. */
  #expire(): void {
    const now = performance.now()
    for (const { idle } of this.#stacks.values())
      for (const { connection, untilMs } of idle) if (untilMs <= now) connection.destroy()
  }
}

/** The caller was not seen for long: what is under way goes on to its end. */
function close(stack: Stack): void {
  stack.isClosed = true
  for (const { connection } of stack.idle) connection.destroy()
}

function placeOf({ upstream, maxHeaders }: PoolSettings): Place {
  return {
    options: optionsOf(upstream),
    tls: upstream.origin.startsWith('https:'),
    maxHead: maxHeaders,
  }
}

function optionsOf({ origin, socketPath }: Upstream): SocketConnectOpts {
  if (socketPath !== undefined) return { path: socketPath }
  const { protocol, hostname, port } = new URL(origin)
  return {
    port: Number(port || (protocol === 'https:' ? 443 : 80)),
    host: hostname.replace(/^\[|\]$/g, ''),
  }
}

/** True when the upstream accepts a connection within a second. */
export function reachable(upstream: Upstream): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(optionsOf(upstream))
    const end = (up: boolean) => {
      socket.destroy()
      resolve(up)
    }
    socket.setTimeout(PROBE_TIMEOUT_MS, () => end(false))
    socket.once('connect', () => end(true)).once('error', () => end(false))
  })
}
