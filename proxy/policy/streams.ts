// How many SSE streams are open, per caller and in all, and how to end them at a drain (T125, T135).

import type { Caller } from '../types.ts'
import { Place, Tally } from './tally.ts'

/** Counts open streams against both limits; each stream brings the function that ends it. */
export class OpenStreams {
  readonly #standing: Tally
  readonly #ends = new Set<() => void>()
  #open = 0
  #ending = false

  constructor(perCaller: number, total: number) {
    this.#standing = new Tally(perCaller, total)
  }

  /** Streams open now, answers of calls included. */
  get open(): number {
    return this.#open
  }

  /** True once the standing streams were ended: no new one may begin (T135). */
  get ending(): boolean {
    return this.#ending
  }

  /** True when the caller may open no further standing stream (GET, subscriptions/listen). */
  full(caller: Caller): boolean {
    return this.#ending || this.#standing.full(caller) !== undefined
  }

  /** Counts the answer of a call, which no limit on standing streams refuses, until it is released. */
  answer(): Place {
    this.#open++
    return new Place(() => {
      this.#open--
    })
  }

  /** Counts a standing stream of the caller, which `end` ends at an event boundary. */
  stand(caller: Caller, end: () => void): Place {
    const place = this.#standing.enter(caller)
    this.#open++
    this.#ends.add(end)
    return new Place(() => {
      this.#open--
      this.#ends.delete(end)
      place.release()
    })
  }

  /** Ends every standing stream. */
  endStanding(): void {
    this.#ending = true
    for (const end of this.#ends) end()
  }
}
