// How many bytes of bodies are held at one time, in all: many callers that each stay within their
// own bound must not exhaust the memory together (law 10, T126, T127).

import { addAbortListener } from 'node:events'

/** One exchange's part of the budget. */
export type Lease = {
  /** Holds so many bytes in place of what was held; false, and nothing changed, when they are too many. */
  hold(bytes: number): boolean
  /** Gives all of it back. */
  release(): void
}

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

  /** Begins a lease of nothing, which is given back when `over` aborts. */
  lease(over?: AbortSignal): Lease {
    let mine = 0
    const hold = (bytes: number) => {
      if (bytes > mine && this.#held - mine + bytes > this.#max) return false
      this.#held += bytes - mine
      mine = bytes
      return true
    }
    const release = () => void hold(0)
    if (over !== undefined) addAbortListener(over, release)
    return { hold, release }
  }
}
