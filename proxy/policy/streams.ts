// How many SSE streams are open, per caller and in all, and how to end them at a drain (T125, T135).

import type { Caller } from '../types.ts'

/** Counts open streams against both limits; each stream brings the function that ends it. */
export class OpenStreams {
  readonly #perCaller: number
  readonly #total: number
  readonly #standing = new Map<string, number>()
  readonly #ends = new Set<() => void>()
  #open = 0
  #standingTotal = 0
  #ending = false

  constructor(perCaller: number, total: number) {
    this.#perCaller = perCaller
    this.#total = total
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
    return (
      this.#ending || this.#standingTotal >= this.#total || this.#count(caller) >= this.#perCaller
    )
  }

  /** Counts the answer of a call, which no limit on standing streams refuses; returns what must run when it closes. */
  answer(): () => void {
    this.#open++
    return once(() => {
      this.#open--
    })
  }

  /** Counts a standing stream of the caller, which `end` ends at an event boundary. */
  stand(caller: Caller, end: () => void): () => void {
    const key = keyOf(caller)
    this.#open++
    this.#standingTotal++
    this.#standing.set(key, this.#count(caller) + 1)
    this.#ends.add(end)
    return once(() => {
      this.#open--
      this.#standingTotal--
      this.#ends.delete(end)
      const left = this.#count(caller) - 1
      if (left > 0) this.#standing.set(key, left)
      else this.#standing.delete(key)
    })
  }

  /** Ends every standing stream. */
  endStanding(): void {
    this.#ending = true
    for (const end of this.#ends) end()
  }

  #count(caller: Caller): number {
    return this.#standing.get(keyOf(caller)) ?? 0
  }
}

function keyOf(caller: Caller): string {
  return JSON.stringify([caller.iss, caller.sub])
}

function once(run: () => void): () => void {
  let ran = false
  return () => {
    if (ran) return
    ran = true
    run()
  }
}
