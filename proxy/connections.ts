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

/** One connection: how many of its requests are not answered, what waits for them, and which came last. */
type Queue = {
  readonly socket: Socket
  count: number
  readonly waiting: (() => void)[]
  latest: IncomingMessage | undefined
  isIdle: boolean
  /** Its neighbours among the idle ones. */
  before: Queue | undefined
  after: Queue | undefined
}

/** What becomes of a request: its turn has come, too many wait before it, its connection is gone. */
type Step = 'work' | 'full' | 'gone'

/** What a server does with its requests. */
export type Turns = {
  readonly [step in Step]: (
    request: IncomingMessage,
    response: ServerResponse,
  ) => Promise<void> | undefined
} & { failed(error: unknown, response: ServerResponse): void }

/** The connections of one server, each with its requests under way. */
export class Connections {
  readonly #max: number
  readonly #queues = new Map<Socket, Queue>()
  readonly #idle = new Idle()
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
      const queue = queueOf(socket)
      this.#queues.set(socket, queue)
      this.#idle.add(queue)
      socket.once('close', () => {
        this.#queues.delete(socket)
        this.#idle.delete(queue)
      })
    })
  }

  /**
   * Runs `work` once all earlier requests of the same connection are answered, so that a peer that
   * sends many at once gets no more of the process than one that waits (T37, T127). A connection that
   * has too many waiting ends after `full`; for one that is gone, `gone` runs in place of `work`.
   */
  inTurn(request: IncomingMessage, response: ServerResponse, turns: Turns): void {
    const { socket } = request
    const queue = this.#queues.get(socket)
    this.#underway++
    const run = (step: Step) => this.#run(step, request, response, turns)
    if (socket.destroyed) run('gone')
    else if (queue === undefined) run('work')
    else if (queue.count >= MAX_PIPELINED) {
      run('full')
      // At once: more of them are in the bytes that are being parsed.
      socket.destroy()
    } else this.#queue(queue, request, response, run)
  }

  #queue(
    queue: Queue,
    request: IncomingMessage,
    response: ServerResponse,
    run: (step: Step) => void,
  ): void {
    queue.count++
    queue.latest = request
    this.#idle.delete(queue)
    response.on('close', () => this.#leave(queue))
    if (queue.count === 1) run('work')
    else
      queue.waiting.push(() => {
        const { destroyed } = queue.socket
        // Node closes only the response whose turn it is.
        if (destroyed) queue.waiting.shift()?.()
        run(destroyed ? 'gone' : 'work')
      })
  }

  #run(step: Step, request: IncomingMessage, response: ServerResponse, turns: Turns): void {
    try {
      const work = turns[step](request, response)
      if (work === undefined) this.#settled()
      else work.then(this.#settled, (error: unknown) => this.#failed(error, response, turns))
    } catch (error) {
      this.#failed(error, response, turns)
    }
  }

  #failed(error: unknown, response: ServerResponse, turns: Turns): void {
    turns.failed(error, response)
    this.#settled()
  }

  readonly #settled = (): void => {
    this.#underway--
    if (this.#underway === 0) for (const done of this.#settling.splice(0)) done()
  }

  #leave(queue: Queue): void {
    queue.count--
    const next = queue.waiting.shift()
    // What else is on the loop goes first: Node parses, and would answer, all of a segment in one go.
    if (next !== undefined) setImmediate(next)
    if (queue.count > 0) return
    queue.latest = undefined
    if (this.#queues.has(queue.socket)) this.#idle.add(queue)
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
    const queue = this.#idle.longest
    if (queue === undefined) return false
    queue.socket.destroy()
    // Its close is told later; the place is free now.
    this.#queues.delete(queue.socket)
    this.#idle.delete(queue)
    return true
  }
}

function queueOf(socket: Socket): Queue {
  return {
    socket,
    count: 0,
    waiting: [],
    latest: undefined,
    isIdle: false,
    before: undefined,
    after: undefined,
  }
}

/**
 * The connections without a request under way, the one that is so longest first: a list through them,
 * because a Set that is filled and emptied all the time keeps garbage alive (see watch.ts).
 */
class Idle {
  #first: Queue | undefined
  #last: Queue | undefined

  get longest(): Queue | undefined {
    return this.#first
  }

  add(queue: Queue): void {
    if (queue.isIdle) return
    queue.isIdle = true
    queue.before = this.#last
    if (this.#last === undefined) this.#first = queue
    else this.#last.after = queue
    this.#last = queue
  }

  delete(queue: Queue): void {
    if (!queue.isIdle) return
    const { before, after } = queue
    if (before === undefined) this.#first = after
    else before.after = after
    if (after === undefined) this.#last = before
    else after.before = before
    queue.isIdle = false
    queue.before = undefined
    queue.after = undefined
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
