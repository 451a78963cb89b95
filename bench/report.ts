// The report: tables for docs/performance.md, put between the marks of that page, and its pictures.
// Everything comes from a Results; nothing here measures.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { filled, table } from '../tools/marks.ts'
import { bars, lines, number } from './charts.ts'
import { CONTENDERS } from './contenders.ts'
import type { Curve } from './curves.ts'
import type { Fact } from './facts.ts'
import type { Run } from './measure.ts'
import type { Results } from './run.ts'
import { MAIN } from './scenarios.ts'

const PAGE = 'docs/performance.md'
const FOLDER = 'docs/performance'
const CHECKS = ['token', 'scope', 'tool', 'list'] as const

/** Writes the page and its pictures; returns the paths, relative to the root. */
export function writeReport(results: Results): readonly string[] {
  const root = fileURLToPath(new URL('../', import.meta.url))
  mkdirSync(`${root}${FOLDER}`, { recursive: true })
  const files = {
    [PAGE]: pageOf(readFileSync(`${root}${PAGE}`, 'utf8'), results),
    ...picturesOf(results),
  }
  for (const [path, text] of Object.entries(files)) writeFileSync(`${root}${path}`, text)
  return Object.keys(files)
}

/** The page with every generated part made from these results. */
export function pageOf(page: string, results: Results): string {
  return Object.entries(partsOf(results)).reduce((text, [mark, part]) => {
    const next = filled(text, mark, part)
    if (next === undefined) throw new Error(`${PAGE} has no marks for ${mark}`)
    return next
  }, page)
}

/** The pictures by path. */
export function picturesOf({ runs, curves }: Results): Readonly<Record<string, string>> {
  const small = runs.filter(({ scenario, cores }) => scenario === 'small' && cores === 1)
  const bar = (value: 'rps' | 'cpu_us') =>
    small.map((run) => ({
      ...{ label: run.contender, value: run[value], spread: run.spread[value] },
      isOurs: run.contender.startsWith('ours'),
    }))
  const title = 'Small tools/call, 32 connections, one core for all'
  return {
    [`${FOLDER}/throughput.svg`]: bars(title, 'requests per second', bar('rps')),
    [`${FOLDER}/cpu.svg`]: bars(
      title,
      'CPU of the contender, microseconds per request',
      bar('cpu_us'),
    ),
    [`${FOLDER}/latency.svg`]: lines([latency(runs)], 1),
    [`${FOLDER}/growth.svg`]: lines(curves.map(growth), 2),
  }
}

/** All runs as one table, for a terminal as well. */
export function runsTable(runs: readonly Run[]): string {
  const heads = [
    'scenario',
    'contender',
    'cores',
    'requests/s',
    'CPU us',
    'p50 ms',
    'p99 ms',
    'RSS MB',
  ]
  const cell = ({ contender, scenario, cores, ...run }: Run) => [
    ...[scenario, contender, String(cores)],
    ...[withSpread(run, 'rps'), withSpread(run, 'cpu_us'), withSpread(run, 'p50_ms')],
    ...[withSpread(run, 'p99_ms'), number(run.rss_mb)],
  ]
  return table(heads, runs.map(cell))
}

function partsOf(results: Results): Readonly<Record<string, string>> {
  const { runs, curves, facts } = results
  const small = runs.filter(({ scenario }) => scenario === 'small')
  const main = (cores: 1 | 2) => smallTable(small.filter((run) => run.cores === cores))
  return {
    small: main(1),
    contenders: contendersTable(results),
    machine: machineText(results),
    scenarios: pivot(runs, 'cpu_us'),
    rates: pivot(runs, 'rps'),
    tails: pivot(runs, 'p99_ms'),
    'two cores': main(2),
    growth: growthTable(curves),
    facts: [...new Set(facts.map(({ scenario }) => scenario))]
      .map((scenario) =>
        factTable(
          facts.filter((fact) => fact.scenario === scenario),
          scenario,
        ),
      )
      .join('\n\n'),
  }
}

function smallTable(runs: readonly Run[]): string {
  const nginx = runs.find(({ contender }) => contender === 'nginx')?.cpu_us
  const heads = [
    'contender',
    'requests/s',
    'CPU us/request',
    'times nginx',
    'p50 ms',
    'p99 ms',
    'RSS MB',
  ]
  const rows = runs.map((run) => [
    ...[run.contender, withSpread(run, 'rps'), withSpread(run, 'cpu_us')],
    nginx === undefined ? '' : number(run.cpu_us / nginx),
    ...[withSpread(run, 'p50_ms'), withSpread(run, 'p99_ms'), number(run.rss_mb)],
  ])
  return table(heads, rows)
}

function contendersTable({ skipped }: Results): string {
  const rows = CONTENDERS.map(({ name, does, checks }) => {
    const why = skipped.find(({ contender }) => contender === name)?.why
    const checked = CHECKS.map((check) => (checks.includes(check) ? 'yes' : ''))
    return [name, why === undefined ? does : `${does}; skipped: ${why}`, ...checked]
  })
  return table(['contender', 'what it is', ...CHECKS], rows)
}

function machineText({ machine, versions, measured_at }: Results): string {
  const { cpu, cores, memory_gb, kernel, system } = machine
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return `- ${cpu}, ${cores} cores, ${memory_gb} GB; ${system}, Linux ${kernel}; measured on ${measured_at.slice(0, 10)}.\n- ${named.join(', ')}.`
}

/** One value, scenarios down and contenders across; an empty cell was not measured. */
function pivot(runs: readonly Run[], value: 'rps' | 'cpu_us' | 'p99_ms'): string {
  const cells = runs.filter(({ cores }) => cores === 1)
  const scenarios = [...new Set(cells.map(({ scenario }) => scenario))].filter(
    (one) => one !== 'small',
  )
  const counted = cells.filter(({ scenario }) => scenarios.includes(scenario))
  const across = CONTENDERS.map(({ name }) => name).filter((name) =>
    counted.some(({ contender }) => contender === name),
  )
  const rows = scenarios.map((scenario) => [
    scenario,
    ...across.map((name) => {
      const run = counted.find((one) => one.contender === name && one.scenario === scenario)
      return run === undefined ? '' : number(run[value])
    }),
  ])
  return table(['scenario', ...across], rows)
}

function growthTable(curves: readonly Curve[]): string {
  const rows = curves.map(({ name, points, steepest, isLinear }) => [
    name,
    points.map(({ x, cpu_us }) => `${number(x)}: ${number(cpu_us)}`).join(', '),
    points.map(({ rss_mb }) => number(rss_mb)).join(', '),
    number(steepest),
    isLinear ? 'no' : '**yes**',
  ])
  const streams = curves.find(({ cause }) => cause === 'streams')?.points ?? []
  const [first, last] = [streams[0], streams.at(-1)]
  const each =
    first === undefined || last === undefined || first === last
      ? ''
      : `\n\nA stream that stands takes ${number((1_000 * (last.rss_mb - first.rss_mb)) / (last.x - first.x))} KB of memory.`
  const heads = ['what grows', 'CPU us per call', 'RSS MB', 'steepest step', 'worse than linear']
  return table(heads, rows) + each
}

function factTable(facts: readonly Fact[], scenario: string): string {
  const heads = [...new Set(facts.flatMap(({ values }) => Object.keys(values)))]
  const rows = facts.map(({ contender, values }) => [
    contender,
    ...heads.map((head) => (values[head] === undefined ? '' : number(values[head]))),
  ])
  return table([scenario, ...heads], rows)
}

function latency(runs: readonly Run[]) {
  const wanted = runs.filter(
    ({ scenario, cores }) => cores === 1 && /^small(, \d+ connections?)?$/.test(scenario),
  )
  const named = MAIN.filter((name) => wanted.some(({ contender }) => contender === name))
  const line = (contender: string, value: 'p50_ms' | 'p99_ms') =>
    wanted
      .filter((run) => run.contender === contender)
      .map((run) => [run.connections, run[value]] as const)
      .sort(([a], [b]) => a - b)
  return {
    ...{ title: 'Latency of a small tools/call, one core for all', x: 'connections', y: 'ms' },
    lines: named.flatMap((label) => [
      { label: `${label}, p50`, points: line(label, 'p50_ms'), isDashed: true },
      { label: `${label}, p99`, points: line(label, 'p99_ms') },
    ]),
  }
}

function growth({ name, cause, points }: Curve) {
  const own = points.map(({ x, cpu_us }) => [x, cpu_us] as const)
  return { title: name, x: cause, y: 'CPU us per call', lines: [{ label: name, points: own }] }
}

function withSpread(
  run: Pick<Run, 'spread' | 'rps' | 'cpu_us' | 'p50_ms' | 'p99_ms'>,
  key: keyof Run['spread'],
) {
  const [least, most] = run.spread[key].map(number)
  return `${number(run[key])} (${least} to ${most})`
}
