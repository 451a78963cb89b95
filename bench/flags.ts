// The command line of the bench: what may be asked, and what may not be asked together.

import { parseArgs } from 'node:util'

/** What `--help` prints. */
export const USAGE = `npm run bench -- [flags]

  --quick     six contenders, three scenarios, about two minutes; else everything, about 25 minutes
  --rounds N  how often each is timed, 1 to 100; 5, quick 4
  --json      print one JSON object, nothing else
  --report    write bench/results.json and docs/performance.md from this full run
  --render    write docs/performance.md anew from bench/results.json, measure nothing
  --guard     with --quick: fail when a ratio is worse than in bench/ratios.json
  --accept    with --quick: write the ratios of this run into bench/ratios.json
`

const NAMES = ['quick', 'json', 'report', 'render', 'guard', 'accept', 'help'] as const

/** What was asked; `rounds` is undefined when nobody said. */
export type Flags = Readonly<Record<(typeof NAMES)[number], boolean>> & {
  readonly rounds: number | undefined
}

/** Turns arguments into flags, or throws an Error with one sentence. */
export function parseFlags(args: readonly string[]): Flags {
  const options = Object.fromEntries(NAMES.map((name) => [name, { type: 'boolean' as const }]))
  const { values } = parseArgs({
    args: [...args],
    options: { ...options, rounds: { type: 'string' } },
  })
  const said = new Map<string, unknown>(Object.entries(values))
  const is = (name: (typeof NAMES)[number]) => said.get(name) === true
  if ((is('guard') || is('accept')) && !is('quick'))
    throw new Error('--guard and --accept need --quick: the ratios are those of a quick run')
  if (is('report') && is('quick')) throw new Error('--report needs a full run, not --quick')
  const rounds = said.get('rounds')
  if (rounds !== undefined && !/^([1-9]\d?|100)$/.test(String(rounds)))
    throw new Error('--rounds must be a number from 1 to 100')
  return {
    ...{ quick: is('quick'), json: is('json'), report: is('report'), render: is('render') },
    ...{ guard: is('guard'), accept: is('accept'), help: is('help') },
    rounds: rounds === undefined ? undefined : Number(rounds),
  }
}
