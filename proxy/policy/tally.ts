// Counts what is under way, for each caller and in all, against two bounds (law 10).

import { type Caller, callerKey } from '../types.ts'

/** Callers that are kept in mind, at least. */
const MIN_SWEEP = 1_024

/** Which bound is reached. */
export type Full = 'caller' | 'all'

/** A count for each caller and in all; what enters must leave, and leaves once. */
export class Tally {
  readonly #perCaller: number
  readonly #total: number
  readonly #counts = new Map<string, { count: number }>()
  #all = 0
  #sweepAt = MIN_SWEEP

  constructor(perCaller: number, total: number) {
    this.#perCaller = perCaller
    this.#total = total
  }

  /** How many are under way. */
  get count(): number {
    return this.#all
  }

  /** How many callers it keeps in mind. */
  get callers(): number {
    return this.#counts.size
  }

  /** The bound that one more of this caller would pass, if any. */
  full(caller: Caller): Full | undefined {
    if (this.#all >= this.#total) return 'all'
    const mine = this.#counts.get(callerKey(caller))
    return mine !== undefined && mine.count >= this.#perCaller ? 'caller' : undefined
  }

  /** Counts one, until it is released. */
  enter(caller: Caller): Place {
    const key = callerKey(caller)
    const mine = this.#counts.get(key) ?? this.#add(key)
    mine.count++
    this.#all++
    return new Place(() => {
      mine.count--
      this.#all--
    })
  }

  #add(key: string): { count: number } {
    if (this.#counts.size >= this.#sweepAt) this.#sweep()
    const mine = { count: 0 }
    this.#counts.set(key, mine)
    return mine
  }

  /** Callers come again: one by one they would be deleted and added with each exchange. */
  #sweep(): void {
    for (const [key, { count }] of this.#counts) if (count === 0) this.#counts.delete(key)
    this.#sweepAt = Math.max(MIN_SWEEP, 2 * this.#counts.size)
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
