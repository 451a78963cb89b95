// Alternating runs: every contender once per round, so that what disturbs the machine meets all of
// them; medians with their spread. One Run is one row of the report.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Scenario } from './scenarios.ts'
import type { Running, Scene } from './scene.ts'
import type { Algorithm } from './tokens.ts'
import { cpuMicros, memoryMB } from './usage.ts'
import { assertClean, runLoad, type Sent, writeScript } from './wrk.ts'

/** Least and most of the rounds. */
export type Spread = readonly [number, number]

/** The medians of one contender in one scenario. CPU in microseconds per request, memory in MB. */
export type Run = {
  readonly contender: string
  readonly scenario: string
  readonly connections: number
  /** 1: contender, load and upstream share a core. 2: the contender has one of its own. */
  readonly cores: 1 | 2
  readonly rounds: number
  readonly rps: number
  readonly cpu_us: number
  readonly p50_ms: number
  readonly p99_ms: number
  readonly rss_mb: number
  readonly peak_mb: number
  readonly spread: Readonly<Record<'rps' | 'cpu_us' | 'p50_ms' | 'p99_ms', Spread>>
}

/** How long and how often. */
export type Effort = { readonly rounds: number; readonly seconds: number; readonly warm: number }

type Sample = Readonly<
  Record<'rps' | 'cpu_us' | 'p50_ms' | 'p99_ms' | 'rss_mb' | 'peak_mb', number>
>

/** More tokens than the proxy remembers, so that none is ever remembered. */
const FRESH = 12_000

/** The middle of some numbers. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]]
  if (low === undefined || high === undefined) throw new TypeError('no numbers')
  return (low + high) / 2
}

/** Measures one scenario with all contenders it is for; the load runs on `loadCore`. */
export async function measure(
  scene: Scene,
  scenario: Scenario,
  contenders: readonly Running[],
  effort: Effort,
  loadCore: number,
): Promise<readonly Run[]> {
  const load = await prepare(scene, scenario)
  const samples = new Map(contenders.map((one) => [one, [] as Sample[]]))
  if (effort.warm > 0) for (const one of contenders) await load(one, effort.warm, loadCore)
  for (let round = 0; round < effort.rounds; round++)
    for (const [one, taken] of samples) taken.push(await load(one, effort.seconds, loadCore))
  const cores = loadCore === scene.cores[0] ? 1 : 2
  return [...samples].map(([{ contender }, taken]) =>
    summary(contender.name, scenario, cores, taken),
  )
}

/** Writes what wrk needs; what comes back runs it once against a contender. */
export async function prepare(
  scene: Scene,
  scenario: Scenario,
  more: Pick<Sent, 'walk' | 'delayMs'> & { readonly token?: string } = {},
): Promise<(running: Running, seconds: number, core: number) => Promise<Sample>> {
  const script = join(scene.folder, 'load.lua')
  const bodyFile = join(scene.folder, 'load.body')
  const token = more.token ?? (await scene.issuer.sign(scene.iss))
  const headers = { ...scenario.headers, authorization: `Bearer ${token}` }
  const fresh = scenario.fresh === undefined ? undefined : await freshTokens(scene, scenario.fresh)
  const walk = fresh ?? more.walk
  writeFileSync(bodyFile, scenario.body)
  const { delayMs } = more
  writeScript(script, {
    ...{ path: '/mcp', headers, bodyFile },
    ...(walk === undefined ? {} : { walk }),
    ...(delayMs === undefined ? {} : { delayMs }),
  })
  let from = 0
  return async ({ contender, port, pids }, seconds, core) => {
    const before = cpuMicros(pids)
    const { connections } = scenario
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

function summary(
  contender: string,
  { name, connections }: Scenario,
  cores: 1 | 2,
  taken: readonly Sample[],
): Run {
  const of = (key: keyof Sample) => taken.map((sample) => sample[key])
  const middle = (key: keyof Sample) => rounded(median(of(key)))
  const spread = (key: keyof Sample): Spread => [
    rounded(Math.min(...of(key))),
    rounded(Math.max(...of(key))),
  ]
  return {
    ...{ contender, scenario: name, connections, cores, rounds: taken.length },
    rps: middle('rps'),
    cpu_us: middle('cpu_us'),
    p50_ms: middle('p50_ms'),
    p99_ms: middle('p99_ms'),
    rss_mb: middle('rss_mb'),
    peak_mb: middle('peak_mb'),
    spread: {
      rps: spread('rps'),
      cpu_us: spread('cpu_us'),
      p50_ms: spread('p50_ms'),
      p99_ms: spread('p99_ms'),
    },
  }
}

/** Three digits after the point, fewer for what is large. */
export function rounded(value: number): number {
  return Number(value.toPrecision(value >= 1_000 ? 6 : 4))
}

/** Signs once per scene and algorithm. */
const signed = new WeakMap<Scene, Map<Algorithm, string>>()

async function freshTokens(scene: Scene, algorithm: Algorithm): Promise<NonNullable<Sent['walk']>> {
  const files = signed.get(scene) ?? new Map<Algorithm, string>()
  signed.set(scene, files)
  const file = files.get(algorithm) ?? join(scene.folder, `tokens.${algorithm}`)
  if (!files.has(algorithm)) {
    const sign = (_: unknown, i: number) => scene.issuer.sign(scene.iss, { jti: `${i}` }, algorithm)
    writeFileSync(file, (await Promise.all(Array.from({ length: FRESH }, sign))).join('\n'))
    files.set(algorithm, file)
  }
  return { header: 'authorization', prefix: 'Bearer ', file }
}
