// A byte buffer that doubles, so that collecting n bytes costs n. It must never hand out bytes to
// keep: what `view` returns is overwritten by the next event.

/** Bytes collected one chunk after the other, in linear time (T126). */
export class Growing {
  readonly #first: number
  #bytes: Uint8Array
  #length = 0

  constructor(capacity: number) {
    this.#first = capacity
    this.#bytes = new Uint8Array(capacity)
  }

  get length(): number {
    return this.#length
  }

  get capacity(): number {
    return this.#bytes.length
  }

  get last(): number | undefined {
    return this.#bytes[this.#length - 1]
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

  /** Forgets everything, and gives back what it grew by beyond `spare` bytes. */
  clear(spare: number): void {
    this.#length = 0
    if (this.#bytes.length > spare) this.#bytes = new Uint8Array(this.#first)
  }

  view(start: number, end = this.#length): Uint8Array {
    return this.#bytes.subarray(start, end)
  }
}

/** The parts as one; one part alone is given back as it is. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts
  if (parts.length === 1 && first !== undefined) return first
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
