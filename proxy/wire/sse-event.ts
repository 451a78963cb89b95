// One buffered event of a stream: its lines as they may leave, and its data as the client would join
// it. It must never let two line ends melt into one, nor one split into two.

import { Growing, joined } from './growing.ts'
import { classifyLine } from './sse-line.ts'

const LF = 0x0a
const CR = 0x0d
const NEWLINE = new Uint8Array([LF])
const EMPTY_COMMENT = new Uint8Array([0x3a])
/** A keep-alive fits: a stream may carry nothing else for hours. */
const USUAL = 64
/** Larger buffers are given back after the event that needed them. */
const SPARE = 65_536

const encoder = new TextEncoder()

/** Collects the lines of one event; unchanged lines keep their bytes (R4, T93, T99). */
export class HeldEvent {
  readonly #lines = new Growing(USUAL)
  #lineStart = 0
  readonly #joined = new Growing(USUAL)
  #dataLines = 0
  /** Where data lines lie in `#lines`: start, end, start, end, ... */
  #spans: number[] = []
  /** The line end of the first data line. */
  #dataEnd: Uint8Array = NEWLINE
  #isRefused = false

  /** Its `event` field names a type that no client of MCP needs (T99). */
  get isRefused(): boolean {
    return this.#isRefused
  }

  get hasData(): boolean {
    return this.#dataLines > 0
  }

  /** The data lines joined with LF, valid until the next call. */
  get joined(): Uint8Array {
    return this.#joined.view(0)
  }

  /** A copy of the complete lines. */
  get head(): Uint8Array {
    return this.#lines.view(0, this.#lineStart).slice()
  }

  /** A copy of the line that has not ended. */
  get line(): Uint8Array {
    return this.#lines.view(this.#lineStart).slice()
  }

  take(bytes: Uint8Array): void {
    this.#lines.add(bytes)
  }

  endLine(end: Uint8Array): void {
    const content = this.#lines.view(this.#lineStart)
    const line = classifyLine(content)
    switch (line.kind) {
      case 'data':
        this.#addData(content.subarray(line.at), end)
        break
      case 'cut':
        this.#lines.cut(this.#lineStart)
        this.#splitCR()
        break
      case 'hush':
        this.#lines.cut(this.#lineStart)
        this.#lines.add(EMPTY_COMMENT)
        this.#lines.add(end)
        break
      case 'refuse':
        this.#isRefused = true
        break
      case 'keep':
        this.#lines.add(end)
        break
    }
    this.#lineStart = this.#lines.length
  }

  /** The event with the blank line that `end` ends. */
  whole(end: Uint8Array): Uint8Array {
    return this.#lines.length === 0 ? end : joined([this.#lines.view(0), end])
  }

  /** The same with `text` in one data line where the first one was (T93). */
  rebuilt(text: string, end: Uint8Array): Uint8Array {
    // Outside of strings JSON may hold line ends, which would end the data line.
    const payload = encoder.encode(`data: ${text.replace(/[\r\n]/g, ' ')}`)
    const parts: Uint8Array[] = [this.#lines.view(0, this.#spans[0]), payload, this.#dataEnd]
    for (let n = 1; n < this.#spans.length; n += 2) {
      const part = this.#lines.view(this.#spans[n] ?? 0, this.#spans[n + 1])
      if (part.length > 0) parts.push(part)
    }
    // A CR and an LF that were two line ends must not become one.
    if (end[0] === LF && parts.at(-1)?.at(-1) === CR) parts.push(NEWLINE)
    parts.push(end)
    return joined(parts)
  }

  clear(): void {
    this.#lines.clear(SPARE)
    this.#lineStart = 0
    this.#joined.clear(SPARE)
    this.#dataLines = 0
    this.#spans = []
    this.#isRefused = false
  }

  #addData(payload: Uint8Array, end: Uint8Array): void {
    if (this.#dataLines++ > 0) this.#joined.add(NEWLINE)
    else this.#dataEnd = end
    this.#joined.add(payload)
    this.#lines.add(end)
    if (this.#spans.at(-1) === this.#lineStart) this.#spans.pop()
    else this.#spans.push(this.#lineStart)
    this.#spans.push(this.#lines.length)
  }

  /** Where a line was cut, the CR before it and an LF after it would become one: make it CR LF. */
  #splitCR(): void {
    if (this.#lines.last !== CR) return
    const isData = this.#spans.at(-1) === this.#lines.length
    this.#lines.add(NEWLINE)
    if (isData) this.#spans[this.#spans.length - 1] = this.#lines.length
  }
}
