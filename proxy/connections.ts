// The connections of the client side: how many there may be, which of them wait for nothing, and how
// they end. When they are too many, the one that was idle longest gives way (T122, T137).

import { readFileSync } from 'node:fs'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** Requests that one connection may have waiting at a time (T37). */
const MAX_PIPELINED = 100
const FULL =
  'HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n'

/** The requests of one connection: how many are not answered, what waits for them, and which came last. */
type Queue = {
  count: number
  readonly waiting: (() => void)[]
  latest: IncomingMessage | undefined
}

/** What becomes of a request when its turn comes. */
export type Turn = Readonly<Record<'work' | 'full' | 'gone', () => Promise<void> | void>>

/** The connections of one server, each with its requests under way. */
export class Connections {
  readonly #max: number
  readonly #queues = new Map<Socket, Queue>()
  /** Without a request under way, the one that is so longest first. */
  readonly #idle = new Set<Socket>()
  #underway = 0
  readonly #settling: (() => void)[] = []

  constructor(max: number) {
    this.#max = max
  }

  /** Every open connection. */
  get all(): readonly Socket[] {
    return [...this.#queues.keys()]
  }

  /** Resolves when no request is under way, its record included. */
  quiet(): Promise<void> {
    if (this.#underway === 0) return Promise.resolve()
    return new Promise((resolve) => this.#settling.push(resolve))
  }

  /** Watches the connections of a server; to be called before it listens. */
  watch(server: Server): void {
    server.on('connection', (socket: Socket) => {
      if (this.#queues.size >= this.#max && !this.#evict()) {
        socket.end(FULL, () => socket.destroy())
        return
      }
      this.#queues.set(socket, { count: 0, waiting: [], latest: undefined })
      this.#idle.add(socket)
      socket.once('close', () => {
        this.#queues.delete(socket)
        this.#idle.delete(socket)
      })
    })
  }

  /**
   * Runs `work` once all earlier requests of the same connection are answered, so that a peer that
   * sends many at once gets no more of the process than one that waits (T37, T127). A connection that
   * has too many waiting ends after `full`; for one that is gone, `gone` runs in place of `work`.
   */
  async inTurn(response: ServerResponse, turn: Turn): Promise<void> {
    this.#underway++
    try {
      await this.#inTurn(response, turn)
    } finally {
      this.#underway--
      if (this.#underway === 0) for (const done of this.#settling.splice(0)) done()
    }
  }

  async #inTurn(response: ServerResponse, { work, full, gone }: Turn): Promise<void> {
    const { socket } = response.req
    if (socket.destroyed) return gone()
    const queue = this.#queues.get(socket)
    if (queue === undefined) return work()
    if (queue.count >= MAX_PIPELINED) {
      const told = full()
      // At once: more of them are in the bytes that are being parsed.
      socket.destroy()
      return told
    }
    queue.count++
    queue.latest = response.req
    this.#idle.delete(socket)
    response.once('close', () => this.#leave(socket, queue))
    if (queue.count > 1) await new Promise<void>((resolve) => queue.waiting.push(resolve))
    if (!socket.destroyed) return work()
    // Node closes only the response whose turn it is.
    queue.waiting.shift()?.()
    return gone()
  }

  #leave(socket: Socket, queue: Queue): void {
    queue.count--
    const next = queue.waiting.shift()
    // What else is on the loop goes first: Node parses, and would answer, all of a segment in one go.
    if (next !== undefined) setImmediate(next)
    else if (queue.count === 0 && this.#queues.has(socket)) this.#idle.add(socket)
  }

  /** True while a request of this connection is under way. */
  isBusy(socket: Duplex): boolean {
    return (this.#queues.get(socket as Socket)?.count ?? 0) > 0 // only ever a key
  }

  /** When all that came whole is answered; undefined when nothing waits, or came in part only. */
  settled(socket: Duplex): Promise<void> | undefined {
    const queue = this.#queues.get(socket as Socket) // only ever a key
    if (queue === undefined || queue.count === 0 || !queue.latest?.complete) return undefined
    return new Promise((resolve) => queue.waiting.push(resolve))
  }

  #evict(): boolean {
    for (const socket of this.#idle) {
      socket.destroy()
      // Its close is told later; the place is free now.
      this.#queues.delete(socket)
      this.#idle.delete(socket)
      return true
    }
    return false
  }
}

/** File descriptors that are neither a client's nor the upstream's. */
const OWN_DESCRIPTORS = 64

/** How many exchanges the process has descriptors for: two connections each (T137). */
export function descriptorBound(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8')
    const open = /^Max open files\s+(\d+)/m.exec(limits)?.[1]
    if (open !== undefined) return Math.max(1, Math.floor((Number(open) - OWN_DESCRIPTORS) / 2))
  } catch {
    // Not Linux: the bounds of the settings are all there is.
  }
  return Number.POSITIVE_INFINITY
}
