// `npm run bench`: measures the proxy and its alternatives on this machine; progress goes to stderr.
// Without flags a full run, as a table on stdout.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { lacking } from './contenders.ts'
import { type Flags, parseFlags, USAGE } from './flags.ts'
import { type Committed, lookAgain, ratiosOf } from './guard.ts'
import type { Run } from './measure.ts'
import { plan, WARM_S } from './plan.ts'
import { runsTable, writeReport } from './report.ts'
import { type Bench, openBench, type Results } from './run.ts'

const [EXIT_FAULT, EXIT_USAGE, EXIT_LACKING] = [1, 64, 69]
const RESULTS = join(import.meta.dirname, 'results.json')
const RATIOS_FILE = join(import.meta.dirname, 'ratios.json')
const say = (line: string) => void process.stderr.write(`${line}\n`)

async function main(flags: Flags): Promise<number> {
  if (flags.help) {
    process.stdout.write(USAGE)
    return 0
  }
  if (flags.render) return render(readJSON<Results>(RESULTS))
  const unmet = lacking(['taskset', 'wrk', 'nginx'])
  if (unmet.length > 0) {
    say(`the bench cannot run: ${unmet.join(', ')}; bench/install installs what it needs`)
    return EXIT_LACKING
  }
  await using bench = await openBench(plan(flags.quick, flags.rounds), say)
  const results = await bench.run()
  const text = JSON.stringify(results, undefined, 1)
  process.stdout.write(flags.json ? `${text}\n` : `${runsTable(results.runs)}\n`)
  if (flags.accept) accept(results.runs)
  if (flags.report) {
    writeFileSync(RESULTS, `${text}\n`)
    return render(results)
  }
  return flags.guard ? await guard(bench, results.runs) : 0
}

function render(results: Results): number {
  for (const path of writeReport(results)) say(`wrote ${path}`)
  return 0
}

function accept(runs: readonly Run[]): void {
  const { tolerance, bounds } = readJSON<Committed>(RATIOS_FILE)
  const committed = { tolerance, ratios: ratiosOf(runs), bounds }
  writeFileSync(RATIOS_FILE, `${JSON.stringify(committed, undefined, 2)}\n`)
  say('wrote bench/ratios.json')
}

async function guard(bench: Bench, runs: readonly Run[]): Promise<number> {
  const committed = readJSON<Committed>(RATIOS_FILE)
  const found = await lookAgain(runs, committed, (scenario, names) => {
    say(`again, longer: ${scenario} of ${names.join(' and ')}`)
    return bench.again(scenario, names, { rounds: 8, seconds: 1, warm: WARM_S })
  })
  for (const { ratio, why } of found) say(`worse: ${ratio.name} ${why}`)
  if (found.length === 0) say('guard: no ratio is worse than it may be')
  return found.length === 0 ? 0 : EXIT_FAULT
}

/** A file that this program wrote itself. */
function readJSON<T>(path: string): T {
  return JSON.parse(readFileSync(path, 'utf8')) as T
}

/** The flags; ends the program when they make no sense. */
function flagsOrExit(): Flags {
  try {
    return parseFlags(process.argv.slice(2))
  } catch (error) {
    say(`${error instanceof Error ? error.message : error}\n\n${USAGE}`)
    process.exit(EXIT_USAGE)
  }
}

process.exitCode = await main(flagsOrExit())
