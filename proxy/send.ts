// Writes answers to clients: whole in one write, or part by part as fast as the client takes them.
// What must be judged passes through the judge first; its fault ends both sides.

import type { ServerResponse } from 'node:http'
import { type AnswerBody, type Sink, UpstreamFault } from './types.ts'
import type { Watch } from './watch.ts'
import { joined } from './wire/growing.ts'

/** One write is cheaper than two up to here: head and body leave as one string. */
const SMALL = 16_384

/** Writes a head and the whole body; nothing may follow. */
export function sendWhole(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
): void {
  response.writeHead(status, { ...headers, 'content-length': String(body.length) })
  if (body.length > SMALL) return void response.end(body)
  const bytes =
    body instanceof Buffer ? body : Buffer.from(body.buffer, body.byteOffset, body.length)
  response.end(bytes.toString('latin1'), 'latin1')
}

/** What a body passes through on its way: parts in, parts out; it throws to stop everything. */
export type Through = {
  push(bytes: Uint8Array): readonly Uint8Array[]
  end(): readonly Uint8Array[]
}

/** How a body is sent. */
export type Sending = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly through: Through
  readonly watch: Watch
  /** Between two parts of the body (T133); undefined for a stream, which may be silent. */
  readonly idleMs: number | undefined
  /** True when the body was ended by ourselves: that is no fault. */
  isEnded(): boolean
}

/** Sends a body as it comes; resolves when the client has all of it, rejects with what broke it. */
export function sendParts(
  body: AnswerBody,
  response: ServerResponse,
  sending: Sending,
): Promise<void> {
  return new Promise((resolve, reject) =>
    new Transfer(body, response, sending, resolve, reject).run(),
  )
}

class Transfer implements Sink {
  readonly #body: AnswerBody
  readonly #response: ServerResponse
  readonly #sending: Sending
  readonly #resolve: () => void
  readonly #reject: (error: unknown) => void
  /** What has come already, before the head is written; undefined once it is. */
  #held: Uint8Array[] | undefined = []
  #isOver = false

  constructor(
    body: AnswerBody,
    response: ServerResponse,
    sending: Sending,
    resolve: () => void,
    reject: (error: unknown) => void,
  ) {
    this.#body = body
    this.#response = response
    this.#sending = sending
    this.#resolve = resolve
    this.#reject = reject
  }

  run(): void {
    this.#await()
    this.#body.read(this)
    if (!this.#isOver) this.#begin()
  }

  data(bytes: Uint8Array): void {
    if (this.#isOver) return
    try {
      this.#write(this.#sending.through.push(bytes))
    } catch (error) {
      this.#stop(error)
    }
  }

  end(): void {
    if (this.#isOver) return
    try {
      this.#finish(this.#sending.through.end())
    } catch (error) {
      this.#stop(error)
    }
  }

  fail(fault: Error): void {
    if (this.#isOver) return
    if (this.#sending.isEnded()) this.end()
    else this.#stop(fault)
  }

  #write(parts: readonly Uint8Array[]): void {
    if (this.#held !== undefined) {
      this.#held.push(...parts)
      return
    }
    let isFull = false
    for (const part of parts) if (part.length > 0) isFull = !this.#response.write(part)
    if (isFull) this.#pause()
    else this.#await()
  }

  /** A client that reads slowly is not the upstream's silence. */
  #pause(): void {
    this.#sending.watch.clear()
    this.#body.pause()
    this.#response.once('drain', () => {
      if (this.#isOver) return
      this.#await()
      this.#body.resume()
    })
  }

  #await(): void {
    const { idleMs, watch } = this.#sending
    if (idleMs !== undefined) watch.set(idleMs, () => this.#stop(silence()))
  }

  #begin(): void {
    const held = this.#held ?? []
    this.#held = undefined
    this.#response.writeHead(this.#sending.status, this.#sending.headers)
    if (held.length === 0) this.#response.flushHeaders()
    else this.#write(held)
  }

  #finish(last: readonly Uint8Array[]): void {
    this.#isOver = true
    const { status, headers, watch } = this.#sending
    watch.clear()
    if (this.#held !== undefined)
      sendWhole(this.#response, status, headers, joined([...this.#held, ...last]))
    else this.#response.end(joined(last))
    this.#settle()
  }

  /** What the client has not taken yet may still be lost with it. */
  #settle(): void {
    const response = this.#response
    if (response.writableLength === 0) {
      this.#resolve()
      return
    }
    response.once('finish', this.#resolve)
    response.once('close', () => this.#reject(new Error('the client left')))
  }

  #stop(error: unknown): void {
    this.#isOver = true
    this.#sending.watch.clear()
    this.#reject(error)
    this.#body.destroy()
  }
}

function silence(): UpstreamFault {
  return new UpstreamFault('upstream_slow', 'a silence within an answer')
}
