// A byte buffer that doubles, so that collecting n bytes costs n. It must never hand out bytes to
// keep: what `view` returns is overwritten by the next event.

/** Bytes collected one chunk after the other, in linear time (T126). */
export class Growing {
  #bytes: Uint8Array
  #length = 0

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity)
  }

  get length(): number {
    return this.#length
  }

  get capacity(): number {
    return this.#bytes.length
  }

  get last(): number | undefined {
    return this.#length > 0 ? this.#bytes[this.#length - 1] : undefined
  }

  add(bytes: Uint8Array): void {
    const length = this.#length + bytes.length
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#bytes.length))
      larger.set(this.#bytes.subarray(0, this.#length))
      this.#bytes = larger
    }
    this.#bytes.set(bytes, this.#length)
    this.#length = length
  }

  /** Forgets what lies at and after `length`. */
  cut(length: number): void {
    this.#length = Math.min(length, this.#length)
  }

  view(start: number, end = this.#length): Uint8Array {
    return this.#bytes.subarray(start, end)
  }
}
