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

  /** Counts one, until it is released. */
  enter(caller: Caller): Place {
    const key = callerKey(caller)
    this.#counts.set(key, this.#of(key) + 1)
    this.#all++
    return new Place(() => this.#leave(key))
  }

  #leave(key: string): void {
    this.#all--
    const left = this.#of(key) - 1
    if (left > 0) this.#counts.set(key, left)
    else this.#counts.delete(key)
  }

  #of(key: string): number {
    return this.#counts.get(key) ?? 0
  }
}

/** What is counted until it is released, which has an effect once. */
export class Place {
  #leave: (() => void) | undefined

  constructor(leave: () => void) {
    this.#leave = leave
  }

  release(): void {
    const leave = this.#leave
    this.#leave = undefined
    leave?.()
  }
}
