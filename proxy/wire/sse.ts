// Filters an event stream event by event. What passes keeps its bytes, whatever the chunking; what
// the judge has not seen whole must never complete at the client.

import { ListInStreamError } from './guard.ts'
import { HeldEvent } from './sse-event.ts'
import { LargeEvent } from './sse-large.ts'
import { toText } from './strings.ts'

export type EventVerdict =
  | { readonly pass: 'same' }
  | { readonly pass: 'changed'; readonly text: string }
  | { readonly drop: string }

export type SSEOptions = {
  /** Events of more bytes are not buffered; default of the caller: 4 MiB. */
  readonly maxEventBytes: number
  /**
   * What becomes of larger ones: default `guard` passes any message without a list, `results` none
   * whose text must be judged (T101, T102), `drop` nothing.
   */
  readonly large?: 'guard' | 'results' | 'drop'
  onDrop(reason: string): void
  /** Called before `push` throws `ERR_LIST_IN_STREAM`. */
  onTrip?(): void
}

const LF = 0x0a
const CR = 0x0d
const BOM = new Uint8Array([0xef, 0xbb, 0xbf])
const ENDS = { lf: new Uint8Array([LF]), cr: new Uint8Array([CR]), crlf: new Uint8Array([CR, LF]) }

/** An event stream filter: judges the data of each event before any of it leaves (R30, T92-T99). */
export class SSEFilter {
  readonly #judge: (data: string) => EventVerdict
  readonly #options: SSEOptions
  #bom = 0
  /** A CR was seen: it ends a line, or an event whose LF must be passed or absorbed. */
  #cr: 'none' | 'line' | 'pass' | 'absorb' = 'none'
  /** `hold` buffers the event, `stream` lets it pass under guard, `skip` drops it. */
  #mode: 'hold' | 'stream' | 'skip' | 'dead' = 'hold'
  #eventBytes = 0
  #lineBytes = 0
  readonly #event = new HeldEvent()
  #large: LargeEvent | undefined
  #out: Uint8Array[] = []

  constructor(judge: (data: string) => EventVerdict, options: SSEOptions) {
    this.#judge = judge
    this.#options = options
  }

  /** Bytes of the event that is held back until it is whole. */
  get held(): number {
    return this.#mode === 'hold' ? this.#eventBytes : 0
  }

  /** Takes a chunk and returns what may leave; throws `ERR_LIST_IN_STREAM` when a list would (T126). */
  push(chunk: Uint8Array): Uint8Array[] {
    let from = 0
    while (this.#bom < BOM.length && from < chunk.length) {
      if (chunk[from] === BOM[this.#bom]) {
        this.#bom++
        from++
      } else {
        const seen = BOM.subarray(0, this.#bom)
        this.#bom = BOM.length
        this.#read(seen, 0)
      }
    }
    this.#read(chunk, from)
    const out = this.#out
    this.#out = []
    return out
  }

  /** Ends the stream; an event without its blank line is discarded (WHATWG HTML §9.2.6, T99). */
  end(): Uint8Array[] {
    this.#mode = 'dead'
    return []
  }

  #read(chunk: Uint8Array, from: number): void {
    let lf = -1
    let cr = -1
    let i = from
    while (i < chunk.length) {
      if (this.#mode === 'dead') throw new ListInStreamError('stream was ended')
      if (this.#cr !== 'none') {
        const follows = chunk[i] === LF
        this.#afterCR(follows)
        if (follows) i++
        continue
      }
      if (lf < i) lf = indexOf(chunk, LF, i)
      if (cr < i) cr = indexOf(chunk, CR, i)
      const end = Math.min(lf, cr)
      if (end > i) this.#take(chunk.subarray(i, end))
      if (end === chunk.length) return
      i = end + 1
      if (chunk[end] === LF) this.#endLine(ENDS.lf)
      else if (this.#lineBytes > 0) this.#cr = 'line'
      else this.#cr = this.#endEvent(ENDS.cr) ? 'pass' : 'absorb'
    }
  }

  #afterCR(follows: boolean): void {
    const was = this.#cr
    this.#cr = 'none'
    if (was === 'line') this.#endLine(follows ? ENDS.crlf : ENDS.cr)
    else if (was === 'pass' && follows) this.#out.push(ENDS.lf)
  }

  #take(bytes: Uint8Array): void {
    this.#lineBytes += bytes.length
    if (this.#mode === 'stream') this.#guarded((large) => large.take(bytes))
    if (this.#mode !== 'hold') return
    this.#event.take(bytes)
    this.#count(bytes.length)
  }

  /** Ends a line, and with an empty one the event. */
  #endLine(end: Uint8Array): void {
    if (this.#lineBytes === 0) {
      this.#endEvent(end)
      return
    }
    this.#count(end.length)
    this.#lineBytes = 0
    if (this.#mode === 'stream') this.#guarded((large) => large.endLine(end))
    else if (this.#mode === 'hold') this.#event.endLine(end)
  }

  /** Lets an event that has become too large pass under guard (T126). */
  #count(bytes: number): void {
    this.#eventBytes += bytes
    if (this.#mode !== 'hold' || this.#eventBytes <= this.#options.maxEventBytes) return
    if (this.#event.isRefused || this.#options.large === 'drop') {
      this.#drop(this.#event.isRefused ? 'event_type' : 'too_large')
      this.#mode = 'skip'
      return
    }
    this.#mode = 'stream'
    this.#out.push(this.#event.head)
    this.#guarded((large) => large.take(this.#event.line))
    this.#event.clear()
  }

  /** Returns false when the event did not leave. */
  #endEvent(end: Uint8Array): boolean {
    this.#count(end.length)
    const mode = this.#mode
    if (mode === 'stream') {
      this.#guarded((large) => {
        large.finish()
        return [end]
      })
    }
    const sent = mode === 'hold' ? this.#settle(end) : mode === 'stream'
    this.#reset()
    return sent
  }

  /** Judges the event that ends here, and emits what is left of it. */
  #settle(end: Uint8Array): boolean {
    if (this.#event.isRefused) return this.#drop('event_type')
    const joined = this.#event.joined
    if (joined.length === 0) return this.#emit(this.#event.whole(end))
    const text = toText(joined)
    if (text === undefined) return this.#drop('not_utf8')
    const verdict = this.#judge(text)
    if ('drop' in verdict) return this.#drop(verdict.drop)
    if (verdict.pass === 'same') return this.#emit(this.#event.whole(end))
    return this.#emit(this.#event.rebuilt(verdict.text, end))
  }

  #emit(bytes: Uint8Array): true {
    this.#out.push(bytes)
    return true
  }

  #guarded(step: (large: LargeEvent) => Uint8Array[]): void {
    try {
      const only = this.#options.large === 'results' ? 'results' : undefined
      this.#large ??= new LargeEvent(this.#event.joined, this.#event.hasData, only)
      this.#out.push(...step(this.#large))
    } catch (error) {
      this.#mode = 'dead'
      this.#options.onTrip?.()
      throw error
    }
  }

  #drop(reason: string): false {
    this.#options.onDrop(reason)
    return false
  }

  #reset(): void {
    this.#mode = 'hold'
    this.#eventBytes = 0
    this.#event.clear()
    this.#large = undefined
  }
}

function indexOf(chunk: Uint8Array, byte: number, from: number): number {
  const at = chunk.indexOf(byte, from)
  return at < 0 ? chunk.length : at
}
