// Randomness that a seed repeats: a fuzz run is only worth something if it can be run again.

/** Small, fast and repeatable (xorshift32); never for secrets. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = (Math.imul(seed | 0, 0x9e3779b1) ^ 0x5f356495) | 1
  }

  /** An integer from 0 to `bound` - 1; 0 when there is none. */
  below(bound: number): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x
    return bound > 0 ? (x >>> 0) % bound : 0
  }

  /** One of them; throws a RangeError when there is none. */
  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)]
    if (item === undefined) throw new RangeError('nothing to pick from')
    return item
  }
}
