// The loop of the fuzzer: mutate, run, keep what reached a branch, or reached it so often, as nothing
// did before. It knows nothing of what it runs; a target that throws has found something.

import type { Coverage } from './instrument.ts'
import { mutate } from './mutate.ts'
import type { Random } from './random.ts'

/** Runs one input; throws, or rejects, when a property does not hold. */
export type Target = (bytes: Uint8Array) => void | Promise<void>

/** An input that broke a property, made as small as it could be, and what was thrown. */
export type Crash = { readonly input: Uint8Array; readonly error: string }

/** What a fuzzer needs to know. */
export type EngineOptions = {
  readonly target: Target
  readonly coverage: Coverage
  readonly random: Random
  readonly words: readonly string[]
  readonly maxBytes: number
  /** Told of each input before it runs, so that one that hangs is known. */
  onInput(input: Uint8Array): void
}

/** Branches taken for each byte of input: far above what linear work needs, far below a square. */
const MAX_STEPS_PER_BYTE = 500
const FREE_BYTES = 256
const MAX_TRIM_RUNS = 80
const MAX_SHRINK_RUNS = 20_000
const MAX_SHRINK_MS = 20_000

/** Fuzzes one target; the corpus grows by what is new. */
export class Engine {
  readonly #options: EngineOptions
  readonly #words: readonly Uint8Array[]
  /** The hit-count buckets seen of each counter, one bit each. */
  readonly #seen: Uint8Array
  #corpus: Uint8Array[] = []
  #executions = 0
  #isExplaining = false
  /** Branches taken by the last run that was looked at. */
  #steps = 0
  /** What broke while another input was made shorter. */
  #met: Crash | undefined

  constructor(options: EngineOptions) {
    this.#options = options
    const { words, coverage } = options
    this.#words = [...words, ...coverage.words].map((word) => new Uint8Array(Buffer.from(word)))
    this.#seen = new Uint8Array(coverage.counters.length)
  }

  get executions(): number {
    return this.#executions
  }

  get corpus(): readonly Uint8Array[] {
    return this.#corpus
  }

  /** Branches reached at least once, and all there are in what was loaded. */
  get branches(): { readonly reached: number; readonly known: number } {
    const known = this.#options.coverage.used()
    return { reached: this.#seen.subarray(0, known).filter(Boolean).length, known }
  }

  /** Runs the inputs to begin with and keeps all that add coverage; a crash ends it. */
  async load(inputs: readonly Uint8Array[]): Promise<Crash | undefined> {
    for (const input of [new Uint8Array(0), ...inputs]) {
      const error = await this.#run(input)
      if (error !== undefined) return this.#crash(input, error)
      if (this.#takeNew().length > 0) this.#corpus.push(input)
      if (this.#isSlow(input)) return { input, error: `Error: takes ${this.#steps} steps` }
    }
    return undefined
  }

  /** Mutates until `isOver` or until a property breaks. */
  async fuzz(isOver: () => boolean): Promise<Crash | undefined> {
    const { random, maxBytes } = this.#options
    while (!isOver()) {
      const material = { random, words: this.#words, other: this.#choose(), maxBytes }
      const input = mutate(this.#choose(), material)
      const error = await this.#run(input)
      if (error !== undefined) return this.#crash(input, error)
      const found = this.#takeNew()
      if (this.#isSlow(input)) return { input, error: `Error: takes ${this.#steps} steps` }
      if (found.length > 0) this.#corpus.push(await this.#trim(input, found))
      if (this.#met !== undefined) return this.#crash(this.#met.input, this.#met.error)
    }
    return undefined
  }

  /** The smallest inputs first, those alone that add a branch, or a loop that no smaller one has. */
  async reduced(): Promise<readonly Uint8Array[]> {
    const covered = new Set<number>()
    const kept: Uint8Array[] = []
    for (const input of this.#corpus.toSorted((a, b) => a.length - b.length)) {
      await this.#run(input)
      const features = this.#takeAll().map(([slot, hits]) => 2 * slot + (hits > 1 ? 1 : 0))
      if (features.every((feature) => covered.has(feature))) continue
      for (const feature of features) covered.add(feature)
      kept.push(input)
    }
    return kept
  }

  /** Half the time one of the newest: they lead to where nothing was before. */
  #choose(): Uint8Array {
    const { random } = this.#options
    const { length } = this.#corpus
    const newest = Math.min(length, 16)
    const at = random.below(2) === 0 ? length - 1 - random.below(newest) : random.below(length)
    return this.#corpus[at] ?? new Uint8Array(0)
  }

  async #run(input: Uint8Array): Promise<string | undefined> {
    const { target, onInput } = this.#options
    this.#executions++
    onInput(input)
    // Most inputs are refused by an exception that nobody reads; its stack would cost most of the run.
    const { stackTraceLimit } = Error
    if (!this.#isExplaining) Error.stackTraceLimit = 0
    try {
      // Awaiting each of a million synchronous runs would cost more than they do.
      const running = target(input)
      if (running !== undefined) await running
      return undefined
    } catch (error) {
      return error instanceof Error ? (error.stack ?? error.message) : String(error)
    } finally {
      Error.stackTraceLimit = stackTraceLimit
    }
  }

  /** The slots and buckets nobody reached before; the counters start anew. */
  #takeNew(): (readonly [slot: number, bit: number])[] {
    const { counters, used } = this.#options.coverage
    const found: (readonly [number, number])[] = []
    const end = used()
    this.#steps = 0
    for (let slot = 0; slot < end; slot++) {
      const hits = counters[slot] as number // within bounds
      if (hits === 0) continue
      counters[slot] = 0
      this.#steps += hits
      const bit = bucket(hits)
      if (((this.#seen[slot] as number) & bit) !== 0) continue // within bounds
      this.#seen[slot] = (this.#seen[slot] as number) | bit
      found.push([slot, bit])
    }
    return found
  }

  /** Tells whether the last run did more than linear work. */
  #isSlow(input: Uint8Array): boolean {
    return this.#steps > MAX_STEPS_PER_BYTE * (input.length + FREE_BYTES)
  }

  #takeAll(): (readonly [slot: number, hits: number])[] {
    const { counters, used } = this.#options.coverage
    const all: (readonly [number, number])[] = []
    const end = used()
    for (let slot = 0; slot < end; slot++) {
      const hits = counters[slot] as number // within bounds
      if (hits > 0) all.push([slot, hits])
    }
    counters.fill(0, 0, end)
    return all
  }

  /** Cuts what the new coverage does not need, within a few runs. */
  async #trim(
    input: Uint8Array,
    found: readonly (readonly [number, number])[],
  ): Promise<Uint8Array> {
    const runs = this.#executions + MAX_TRIM_RUNS
    return cut(input, async (shorter) => {
      if (this.#executions >= runs) return 'stop'
      const error = await this.#run(shorter)
      if (error !== undefined) {
        this.#met = { input: shorter, error }
        return 'stop'
      }
      const hits = new Map(this.#takeAll())
      return found.every(([slot, bit]) => bucket(hits.get(slot) ?? 0) === bit) ? 'yes' : 'no'
    })
  }

  /** Makes an input that breaks a property as small as it can be and still break it. */
  async #crash(input: Uint8Array, error: string): Promise<Crash> {
    const runs = this.#executions + MAX_SHRINK_RUNS
    const until = Date.now() + MAX_SHRINK_MS
    let crash: Crash = { input, error }
    await cut(input, async (shorter) => {
      if (this.#executions >= runs || Date.now() > until) return 'stop'
      const thrown = await this.#run(shorter)
      if (thrown === undefined || kindOf(thrown) !== kindOf(error)) return 'no'
      crash = { input: shorter, error: thrown }
      return 'yes'
    })
    this.#isExplaining = true
    return { input: crash.input, error: (await this.#run(crash.input)) ?? crash.error }
  }
}

/** Leaves out blocks, large ones first, while the shorter input is as good. */
async function cut(
  input: Uint8Array,
  isGood: (shorter: Uint8Array) => Promise<'yes' | 'no' | 'stop'>,
): Promise<Uint8Array> {
  let best = input
  for (let size = input.length >> 1; size > 0; size >>= 1) {
    for (let at = 0; at < best.length; ) {
      const parts = [best.subarray(0, at), best.subarray(at + size)]
      const shorter = new Uint8Array(Buffer.concat(parts))
      const answer = await isGood(shorter)
      if (answer === 'stop') return best
      if (answer === 'yes') best = shorter
      else at += size
    }
  }
  return best
}

/** 1, 2, 3, 4-7, 8-15, 16-31, 32-127 and more: how often matters less and less. */
function bucket(hits: number): number {
  if (hits < 4) return hits === 0 ? 0 : 1 << (hits - 1)
  if (hits < 32) return 1 << (Math.floor(Math.log2(hits)) + 1)
  return hits < 128 ? 64 : 128
}

/** Two errors are one fault when their first lines differ by numbers and quotes alone. */
function kindOf(error: string): string {
  return (error.split('\n')[0] ?? '').replace(/\d+|"[^"]*"|'[^']*'/g, '#')
}
