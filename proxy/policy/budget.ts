// How many bytes of bodies are held at one time, in all: many callers that each stay within their
// own bound must not exhaust the memory together (law 10, T126, T127).

/** A number of bytes that leases share. */
export class Budget {
  readonly #max: number
  #held = 0

  constructor(max: number) {
    this.#max = max
  }

  /** Bytes held now. */
  get held(): number {
    return this.#held
  }

  /** Begins a lease of nothing. */
  lease(): Lease {
    return new Lease(this)
  }

  /** Changes what is held in all, unless that would be too much. */
  change(bytes: number): boolean {
    if (bytes > 0 && this.#held + bytes > this.#max) return false
    this.#held += bytes
    return true
  }
}

/** One exchange's part of a budget. */
export class Lease {
  readonly #budget: Budget
  #mine = 0

  constructor(budget: Budget) {
    this.#budget = budget
  }

  /** Holds so many bytes in place of what was held; false, and nothing changed, when they are too many. */
  hold(bytes: number): boolean {
    if (!this.#budget.change(bytes - this.#mine)) return false
    this.#mine = bytes
    return true
  }

  /** Gives all of it back. */
  release(): void {
    this.hold(0)
  }
}
