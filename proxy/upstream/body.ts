// The body of one answer between the connection that brings it and whoever reads it. What nobody has
// read yet is held, and the connection waits meanwhile.

import type { AnswerBody, Sink, UpstreamFault } from '../types.ts'

/** The connection that a body comes from. */
export type Source = { pause(): void; resume(): void; destroy(): void }

/** The body of one answer: held until somebody reads it, and the connection waits meanwhile. */
export class Incoming implements AnswerBody {
  readonly #connection: Source
  #parts: Uint8Array[] = []
  #sink: Sink | undefined
  #state: 'open' | 'done' | UpstreamFault = 'open'

  constructor(connection: Source) {
    this.#connection = connection
  }

  /** Takes a copy of bytes that the next read will overwrite. */
  add(bytes: Uint8Array): void {
    this.take(Buffer.from(bytes))
  }

  /** Takes the bytes themselves. */
  take(bytes: Uint8Array): void {
    if (this.#sink === undefined) this.#parts.push(bytes)
    else this.#sink.data(bytes)
  }

  finish(fault?: UpstreamFault): void {
    if (this.#state !== 'open') return
    this.#state = fault ?? 'done'
    if (this.#sink !== undefined) this.#tell(this.#sink)
  }

  whole(): Uint8Array | undefined {
    if (this.#state !== 'done') return undefined
    return this.#parts.length === 1 ? this.#parts[0] : Buffer.concat(this.#parts)
  }

  read(sink: Sink): void {
    this.#sink = sink
    const parts = this.#parts
    this.#parts = []
    for (const part of parts) sink.data(part)
    if (this.#state === 'open') this.#connection.resume()
    else this.#tell(sink)
  }

  /** Holds the upstream back. */
  pause(): void {
    if (this.#state === 'open') this.#connection.pause()
  }

  resume(): void {
    if (this.#state === 'open') this.#connection.resume()
  }

  destroy(): void {
    if (this.#state === 'open') this.#connection.destroy()
  }

  #tell(sink: Sink): void {
    if (this.#state === 'done') sink.end()
    else if (this.#state !== 'open') sink.fail(this.#state)
  }
}
