// Counts what is under way, for each caller and in all, against two bounds (law 10).

import { type Caller, callerKey } from '../types.ts'

/** Which bound is reached. */
export type Full = 'caller' | 'all'

/** A count for each caller and in all; what enters must leave, and leaves once. */
export class Tally {
  readonly #perCaller: number
  readonly #total: number
  readonly #counts = new Map<string, number>()
  #all = 0

  constructor(perCaller: number, total: number) {
    this.#perCaller = perCaller
    this.#total = total
  }

  /** How many are under way. */
  get count(): number {
    return this.#all
  }

  /** The bound that one more of this caller would pass, if any. */
  full(caller: Caller): Full | undefined {
    if (this.#all >= this.#total) return 'all'
    return this.#of(callerKey(caller)) >= this.#perCaller ? 'caller' : undefined
  }

  /** Counts one; returns what must run when it is over. */
  enter(caller: Caller): () => void {
    const key = callerKey(caller)
    this.#counts.set(key, this.#of(key) + 1)
    this.#all++
    return once(() => {
      this.#all--
      const left = this.#of(key) - 1
      if (left > 0) this.#counts.set(key, left)
      else this.#counts.delete(key)
    })
  }

  #of(key: string): number {
    return this.#counts.get(key) ?? 0
  }
}

/** Wraps a function so that it runs once, however often it is called. */
export function once(run: () => void): () => void {
  let ran = false
  return () => {
    if (ran) return
    ran = true
    run()
  }
}
