// A seeded source of choices: the same numbers give the same case on every machine. Never Math.random,
// because a failure that cannot be repeated cannot become a regression test.

/** Choices that depend on the seed alone. */
export type Random = {
  /** An integer from 0 up to, not including, `below`. */
  below(below: number): number
  /** True in `percent` of a hundred cases. */
  chance(percent: number): boolean
  pick<T>(items: readonly T[]): T
  bytes(count: number): Buffer
}

/** Makes a source out of any numbers, such as seed and index. */
export function random(...seeds: readonly number[]): Random {
  let state = 0x9e3779b9
  // Two rounds for each seed, so that neighbouring indices share nothing.
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  for (const seed of seeds) {
    state = Math.imul(state ^ seed, 0x85ebca6b) ^ (seed >>> 13)
    state ^= next()
  }
  const below = (limit: number) => next() % Math.max(1, limit)
  return {
    below,
    chance: (percent) => below(100) < percent,
    pick: (items) => {
      if (items.length === 0) throw new TypeError('there is nothing to pick from')
      return items[below(items.length)] as (typeof items)[number] // within bounds
    },
    bytes: (count) => Buffer.from(Array.from({ length: count }, () => below(256))),
  }
}
