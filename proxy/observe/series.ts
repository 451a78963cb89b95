// Counters and histograms as plain numbers, handed to prom-client at each scrape: to find a series by
// its labels costs prom-client more than all of a short exchange may cost.

import type { Counter, Histogram, Registry } from 'prom-client'

/** Values of up to three labels, in the order of their names. */
type Values = readonly [a?: string, b?: string, c?: string]
type Node<T> = Map<string, Map<string, Map<string, T>>>

/** One T for each combination of label values; those come from closed sets or the policy (T148). */
class Series<T> {
  readonly #make: () => T
  readonly #cells: Node<T> = new Map()

  constructor(make: () => T) {
    this.#make = make
  }

  at(a: string, b: string, c: string): T {
    const known = this.#cells.get(a)?.get(b)?.get(c)
    return known ?? this.#add(a, b, c)
  }

  *[Symbol.iterator](): Generator<readonly [values: readonly string[], cell: T]> {
    for (const [a, inner] of this.#cells)
      for (const [b, last] of inner) for (const [c, cell] of last) yield [[a, b, c], cell]
  }

  #add(a: string, b: string, c: string): T {
    const inner = this.#cells.get(a) ?? new Map<string, Map<string, T>>()
    const last = inner.get(b) ?? new Map<string, T>()
    const cell = this.#make()
    this.#cells.set(a, inner.set(b, last.set(c, cell)))
    return cell
  }
}

/** A count for each combination of label values; made for a Counter that asks it when scraped. */
export class Counts {
  readonly #series = new Series(() => ({ count: 0 }))
  readonly #names: readonly string[]

  constructor(names: readonly string[]) {
    this.#names = names
  }

  inc(...[a = '', b = '', c = '']: Values): void {
    this.#series.at(a, b, c).count++
  }

  add(count: number, ...[a = '', b = '', c = '']: Values): void {
    this.#series.at(a, b, c).count += count
  }

  /** Hands all of them over; the Counter keeps nothing of its own. */
  collect(counter: Counter<string>): void {
    counter.reset()
    for (const [values, { count }] of this.#series)
      counter.inc(labelsOf(this.#names, values), count)
  }
}

type Cell = { count: number; sum: number; readonly buckets: Float64Array }
type Value = {
  readonly metricName: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

/** Observations in seconds, in buckets, for each combination of label values. */
export class Timings {
  readonly name: string
  readonly help: string
  readonly type = 'histogram'
  readonly aggregator = 'sum'
  readonly labelNames: readonly string[]
  readonly #bounds: readonly number[]
  readonly #series: Series<Cell>

  constructor(
    name: string,
    help: string,
    names: readonly string[],
    bounds: readonly number[],
    registry: Registry,
  ) {
    this.name = name
    this.help = help
    this.labelNames = names
    this.#bounds = bounds
    this.#series = new Series(() => ({
      count: 0,
      sum: 0,
      buckets: new Float64Array(bounds.length),
    }))
    // One without labels is there from the start, as it is in prom-client.
    if (names.length === 0) this.#series.at('', '', '')
    // All that a registry asks of a metric is its name and `get`.
    registry.registerMetric(this as unknown as Histogram)
  }

  observe(seconds: number, ...[a = '', b = '', c = '']: Values): void {
    const cell = this.#series.at(a, b, c)
    cell.count++
    cell.sum += seconds
    const bounds = this.#bounds
    for (let i = 0; i < bounds.length; i++) {
      if (seconds > (bounds[i] as number)) continue // i is within bounds
      cell.buckets[i] = (cell.buckets[i] as number) + 1 // as long as bounds
      return
    }
  }

  /** What prom-client writes out: buckets that count all below them, the sum and the count. */
  async get() {
    const values: Value[] = []
    for (const [given, { count, sum, buckets }] of this.#series) {
      const labels = labelsOf(this.labelNames, given)
      let below = 0
      for (const [i, le] of this.#bounds.entries()) {
        below += buckets[i] ?? 0
        values.push({ metricName: `${this.name}_bucket`, labels: { le, ...labels }, value: below })
      }
      const metricName = `${this.name}_bucket`
      values.push({ metricName, labels: { le: '+Inf', ...labels }, value: count })
      values.push({ metricName: `${this.name}_sum`, labels, value: sum })
      values.push({ metricName: `${this.name}_count`, labels, value: count })
    }
    const { name, help, type, aggregator } = this
    return { name, help, type, aggregator, values }
  }

  reset(): void {
    for (const [, cell] of this.#series) {
      cell.count = 0
      cell.sum = 0
      cell.buckets.fill(0)
    }
  }
}

function labelsOf(names: readonly string[], values: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name, i) => [name, values[i] ?? '']))
}
