// One event of a stream that is too large to buffer: it passes as it comes while a guard reads its
// data. It must never let the event end when the guard has not seen one whole harmless message.

import { Growing } from './growing.ts'
import { ListGuard, ListInStreamError, type Only } from './guard.ts'
import { classifyLine } from './sse-line.ts'

const NEWLINE = new Uint8Array([0x0a])
const EMPTY_COMMENT = new Uint8Array([0x3a])
const DATA = new Uint8Array([0x64, 0x61, 0x74, 0x61, 0x3a])
/** A line that is not `data` may have this many bytes. */
const MAX_LINE = 1_024

/** Passes the rest of a large event under guard; every method may throw `ERR_LIST_IN_STREAM`. */
export class LargeEvent {
  readonly #guard: ListGuard
  readonly #line = new Growing(MAX_LINE)
  #inData = false
  #hasData: boolean

  /** Starts with the data lines that left already, joined. */
  constructor(joined: Uint8Array, hasData: boolean, only: Only) {
    this.#guard = new ListGuard({ cache: undefined, only })
    this.#hasData = hasData
    this.#guard.push(joined)
  }

  /** Takes bytes of one line and returns what may leave. */
  take(bytes: Uint8Array): Uint8Array[] {
    if (this.#inData) return this.#guard.push(bytes)
    this.#line.add(bytes)
    if (isDataLine(this.#line.view(0))) {
      // The one space that may follow the colon is white space to the guard as well.
      const line = this.#line.view(0).slice()
      this.#startData(line.subarray(DATA.length))
      this.#inData = true
      return [line]
    }
    if (this.#line.length > MAX_LINE) throw new ListInStreamError('a line is too long')
    return []
  }

  /** Ends a line that is not empty and returns what may leave. */
  endLine(end: Uint8Array): Uint8Array[] {
    const line = this.#line.view(0).slice()
    this.#line.cut(0)
    if (this.#inData) {
      this.#inData = false
      return [end]
    }
    const { kind } = classifyLine(line)
    if (kind === 'cut' || kind === 'refuse') throw new ListInStreamError('a field is not allowed')
    if (kind === 'data') this.#startData(line.subarray(line.length))
    return [kind === 'hush' ? EMPTY_COMMENT : line, end]
  }

  /** Ends the event. */
  finish(): void {
    if (this.#hasData) this.#guard.end()
  }

  #startData(payload: Uint8Array): void {
    if (this.#hasData) this.#guard.push(NEWLINE)
    this.#hasData = true
    this.#guard.push(payload)
  }
}

function isDataLine(line: Uint8Array): boolean {
  return DATA.every((byte, n) => line[n] === byte)
}
