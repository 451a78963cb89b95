// A quantile of what a Prometheus histogram counted between two scrapes.

/** In the unit of the buckets, by straight lines within them; Infinity past the last one. */
export function quantile(before: string, after: string, name: string, share: number): number {
  const [then, now] = [buckets(before, name), buckets(after, name)]
  const counts = [...now].map(([le, count]) => [le, count - (then.get(le) ?? 0)] as const)
  const total = counts.at(-1)?.[1] ?? 0
  if (total === 0) throw new Error(`${name} counted nothing`)
  let [low, below] = [0, 0]
  for (const [le, count] of counts) {
    if (count >= share * total) {
      if (le === Infinity) return Infinity
      return low + ((le - low) * (share * total - below)) / (count - below)
    }
    ;[low, below] = [le, count]
  }
  return Infinity
}

/** Counts by upper bound; of a histogram with labels all series are added. */
function buckets(text: string, name: string): ReadonlyMap<number, number> {
  const found = new Map<number, number>()
  const line = new RegExp(`^${name}_bucket\\{[^}]*le="([^"]+)"[^}]*\\} (\\S+)`, 'gm')
  for (const [, le = '', count] of text.matchAll(line)) {
    const bound = le === '+Inf' ? Infinity : Number(le)
    found.set(bound, (found.get(bound) ?? 0) + Number(count))
  }
  return new Map([...found].sort(([a], [b]) => a - b))
}
