// Alternating runs: every entry once per round, so that what disturbs the machine meets all of them;
// medians with their spread. One Run is one row of the report.

import { writeFileSync } from 'node:fs'
import type { Scenario } from './scenarios.ts'
import type { Running, Scene } from './scene.ts'
import type { Algorithm } from './tokens.ts'
import { cpuMicros, memoryMB, settled } from './usage.ts'
import { assertClean, runLoad, type Sent, writeScript } from './wrk.ts'

/** Least and most of the rounds. */
export type Spread = readonly [number, number]

const TIMED = ['rps', 'cpu_us', 'p50_ms', 'p99_ms'] as const
const MEMORY = ['rss_mb', 'peak_mb'] as const
type Timed = (typeof TIMED)[number]

/** One timed run: CPU in microseconds per request, memory in MB. */
export type Sample = Readonly<Record<Timed | (typeof MEMORY)[number], number>>

/** The medians of some runs, and how far they lie apart. */
export type Summary = Sample & {
  readonly rounds: number
  readonly spread: Readonly<Record<Timed, Spread>>
}

/** The medians of one contender in one scenario. */
export type Run = Summary & {
  readonly contender: string
  readonly scenario: string
  readonly connections: number
  /** 1: contender, load and upstream share a core. 2: the contender has one of its own. */
  readonly cores: 1 | 2
}

/** How long, in whole seconds, and how often. */
export type Effort = { readonly rounds: number; readonly seconds: number; readonly warm: number }

/** Runs a load once, for so many seconds. */
export type Take = (seconds: number) => Promise<Sample>

/** More tokens than the proxy remembers, so that none is ever remembered. */
const FRESH = 12_000

/** The middle of some numbers. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]]
  if (low === undefined || high === undefined) throw new TypeError('no numbers')
  return (low + high) / 2
}

/** Takes every entry in turn, so many times; the summaries are in the order of the entries. */
export async function alternate(takes: readonly Take[], effort: Effort): Promise<Summary[]> {
  const samples = takes.map(() => [] as Sample[])
  if (effort.warm > 0) for (const take of takes) await take(effort.warm)
  for (let round = 0; round < effort.rounds; round++)
    for (const [index, take] of takes.entries()) samples[index]?.push(await take(effort.seconds))
  return samples.map(summarize)
}

/** Measures one scenario with these contenders; the load runs on `loadCore`. */
export async function measure(
  scene: Scene,
  scenario: Scenario,
  contenders: readonly Running[],
  effort: Effort,
  loadCore: number,
): Promise<readonly Run[]> {
  const load = await prepare(scene, scenario)
  const takes = contenders.map((one) => (seconds: number) => load(one, seconds, loadCore))
  const summaries = await alternate(takes, effort)
  const cores = loadCore === scene.cores[0] ? 1 : 2
  return summaries.map((summary, index) => ({
    contender: contenders[index]?.contender.name ?? '',
    ...{ scenario: scenario.name, connections: scenario.connections, cores },
    ...summary,
  }))
}

/** What a load may have besides its scenario. */
export type Loaded = Partial<Pick<Sent, 'walk' | 'delayMs'>> & { readonly token?: string }

/** Writes what wrk needs; what comes back runs it once against a contender. */
export async function prepare(
  scene: Scene,
  scenario: Pick<Scenario, 'name' | 'body' | 'headers' | 'connections' | 'fresh'>,
  more: Loaded = {},
): Promise<(running: Running, seconds: number, core: number) => Promise<Sample>> {
  const script = scene.newFile('lua')
  const bodyFile = scene.newFile('body')
  const token = more.token ?? (await scene.issuer.sign(scene.iss))
  const headers = { ...scenario.headers, authorization: `Bearer ${token}` }
  const { fresh, connections } = scenario
  const walk = fresh === undefined ? more.walk : await freshTokens(scene, fresh)
  const { delayMs } = more
  writeFileSync(bodyFile, scenario.body)
  writeScript(script, { path: '/mcp', headers, bodyFile, walk, delayMs })
  let from = 0
  return async ({ contender, port, pids }, seconds, core) => {
    await settled(pids)
    const before = cpuMicros(pids)
    const taken = await runLoad(script, port, { connections, seconds, core, from })
    const used = cpuMicros(pids) - before
    const memory = memoryMB(pids)
    assertClean(taken, `${contender.name}, ${scenario.name}`)
    from += taken.requests + connections
    return {
      rps: (taken.requests / taken.durationUs) * 1e6,
      cpu_us: used / taken.requests,
      p50_ms: taken.p50Us / 1_000,
      p99_ms: taken.p99Us / 1_000,
      rss_mb: memory.now,
      peak_mb: memory.peak,
    }
  }
}

function summarize(taken: readonly Sample[]): Summary {
  const of = (key: keyof Sample) => taken.map((sample) => sample[key])
  const each = <K extends keyof Sample, T>(keys: readonly K[], make: (numbers: number[]) => T) =>
    // Every key of `keys` is there: they are what it is made from.
    Object.fromEntries(keys.map((key) => [key, make(of(key))])) as Record<K, T>
  return {
    ...each([...TIMED, ...MEMORY], (numbers) => rounded(median(numbers))),
    rounds: taken.length,
    spread: each(TIMED, (numbers) => [
      rounded(Math.min(...numbers)),
      rounded(Math.max(...numbers)),
    ]),
  }
}

/** Four digits that count, six for what is large. */
export function rounded(value: number): number {
  return Number(value.toPrecision(value >= 1_000 ? 6 : 4))
}

/** Signs once per scene and algorithm. */
async function freshTokens(scene: Scene, algorithm: Algorithm): Promise<NonNullable<Sent['walk']>> {
  const file = await scene.once(`tokens.${algorithm}`, async () => {
    const sign = (_: unknown, i: number) => scene.issuer.sign(scene.iss, { jti: `${i}` }, algorithm)
    return (await Promise.all(Array.from({ length: FRESH }, sign))).join('\n')
  })
  return { header: 'authorization', prefix: 'Bearer ', file }
}
