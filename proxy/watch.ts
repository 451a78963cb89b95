// Bounds in time, by one coarse timer for all exchanges: a timer for each would cost more than the
// rest of a short exchange. Whatever is due is told within a tick (law 10, T123, T124, T133).

/** What is looked at on every tick; its place among the others is kept by who looks. */
export type Watched = { place: number; check(nowMs: number): void }

/** Everything that has a bound in time at this moment. */
export class Watches {
  readonly #tickMs: number
  /**
   * Not a Set: one that is filled and emptied all the time leaves its old tables behind, of which each
   * holds what it held and the next one. Every exchange would live until a full collection.
   */
  readonly #open: Watched[] = []
  #timer: NodeJS.Timeout | undefined

  /** Looks at all of them so often; what is bounded should be several ticks long. */
  constructor(tickMs: number) {
    this.#tickMs = tickMs
  }

  add(watched: Watched): void {
    watched.place = this.#open.push(watched) - 1
    if (this.#timer === undefined)
      this.#timer = setInterval(() => this.#tick(), this.#tickMs).unref()
  }

  delete(watched: Watched): void {
    if (this.#open[watched.place] !== watched) return
    // The last one takes its place.
    const last = this.#open.pop()
    if (last === undefined || last === watched) return
    this.#open[watched.place] = last
    last.place = watched.place
  }

  #tick(): void {
    if (this.#open.length === 0) {
      clearInterval(this.#timer)
      this.#timer = undefined
      return
    }
    const now = performance.now()
    // Backwards, because one that leaves meanwhile is replaced by one that was looked at.
    for (let i = this.#open.length - 1; i >= 0; i--) this.#open[i]?.check(now)
  }
}

/** Where the bytes for a client wait. */
export type Waiting = { readonly writableLength: number; destroy(): unknown }

/** The bounds of one exchange: one deadline at a time, and a client that takes what waits for it. */
export class Watch implements Watched {
  place = -1
  readonly #response: Waiting
  readonly #stallMs: number
  #dueMs = Number.POSITIVE_INFINITY
  #late: () => void = nothing
  #waiting = 0
  #sinceMs = 0

  constructor(response: Waiting, stallMs: number) {
    this.#response = response
    this.#stallMs = stallMs
  }

  /** Calls `late` once when so many milliseconds pass before `clear` or another `set`. */
  set(ms: number, late: () => void): void {
    this.#dueMs = performance.now() + ms
    this.#late = late
  }

  clear(): void {
    this.#dueMs = Number.POSITIVE_INFINITY
    this.#late = nothing
  }

  check(nowMs: number): void {
    if (nowMs >= this.#dueMs) {
      const late = this.#late
      this.clear()
      late()
    }
    const left = this.#response.writableLength
    if (left === 0 || left !== this.#waiting) {
      this.#waiting = left
      this.#sinceMs = nowMs
    } else if (nowMs - this.#sinceMs >= this.#stallMs) this.#response.destroy()
  }
}

/** What is let go once, when an exchange is over. */
export type Held = { release(): void }

/** All that an exchange holds, however it ends. */
export class Release implements Held {
  /** Room for what an exchange has: an array that grows takes more than it needs. */
  readonly #held: (Held | undefined)[] = [undefined, undefined, undefined, undefined]
  #count = 0
  #isDone = false

  get isDone(): boolean {
    return this.#isDone
  }

  /** Lets go of it at the end; at once when that has passed. */
  add(held: Held): void {
    if (this.#isDone) held.release()
    else this.#held[this.#count++] = held
  }

  release(): void {
    if (this.#isDone) return
    this.#isDone = true
    for (let n = 0; n < this.#count; n++) this.#held[n]?.release()
  }
}

function nothing(): void {}
