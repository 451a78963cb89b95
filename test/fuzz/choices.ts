// Reads decisions out of the bytes of a fuzzer, so that any bytes are some structured case and a small
// change of them a small change of the case.

/** A walk over the bytes; at their end every decision is the first one. */
export class Choices {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get isDone(): boolean {
    return this.#at >= this.#bytes.length
  }

  /** An integer from 0 to `bound` - 1, `bound` at most 256. */
  below(bound: number): number {
    return (this.#bytes[this.#at++] ?? 0) % bound
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T // below the length
  }

  flag(): boolean {
    return this.below(2) === 1
  }

  /** Up to `max` items, made while the bytes say so. */
  many<T>(max: number, make: () => T): T[] {
    const items: T[] = []
    for (let left = this.below(max + 1); left > 0; left--) items.push(make())
    return items
  }

  /** Bytes with their length before them. */
  bytes(max: number): Uint8Array {
    const length = Math.min(this.below(256), max)
    const from = Math.min(this.#at, this.#bytes.length)
    this.#at = from + length
    return this.#bytes.subarray(from, this.#at)
  }

  /** Text of any characters: UTF-8, or bytes where it is none. */
  text(max: number): string {
    const bytes = this.bytes(max)
    const text = Buffer.from(bytes).toString('utf8')
    return text.includes('\ufffd') ? Buffer.from(bytes).toString('latin1') : text
  }

  rest(): Uint8Array {
    const from = Math.min(this.#at, this.#bytes.length)
    this.#at = this.#bytes.length
    return this.#bytes.subarray(from)
  }
}
