// Settings from flags and environment, for the commands that need them: `--public-url X` and
// `TOOLSTILE_PUBLIC_URL=X` are the same setting, and the flag wins. Unknown names are problems.

import { readFileSync } from 'node:fs'
import { type Config, SETTINGS } from '../config.ts'
import { type Problems, parseConfig } from '../configure.ts'

/** The exit code for wrong settings (EX_CONFIG). */
export const EXIT_CONFIG = 78

/** The environment, handed down by main.ts. */
export type Environment = Readonly<Record<string, string | undefined>>

/** Flags by NAME of their setting, and what was no flag of a setting. */
export type Flags = {
  readonly values: ReadonlyMap<string, string>
  readonly own: ReadonlyMap<string, string>
  readonly problems: readonly string[]
}

const PREFIX = 'TOOLSTILE_'
const NAMES: ReadonlySet<string> = new Set(Object.values(SETTINGS).map(({ name }) => name))

/** Reads `--flag value` and `--flag=value`; `own` names the flags of the command itself, `bare` those without a value. */
export function readFlags(
  args: readonly string[],
  own: readonly string[] = [],
  bare: readonly string[] = [],
): Flags {
  const values = new Map<string, string>()
  const mine = new Map<string, string>()
  const problems: string[] = []
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? ''
    const [flag = '', given] = splitOnce(arg)
    const name = flag.startsWith('--') ? flag.slice(2) : undefined
    if (name !== undefined && bare.includes(name)) {
      mine.set(name, '')
      continue
    }
    const setting = name?.replaceAll('-', '_').toUpperCase() ?? ''
    const isSetting = NAMES.has(setting) && name === setting.toLowerCase().replaceAll('_', '-')
    if (name === undefined || !(own.includes(name) || isSetting)) {
      problems.push(`${arg} is not a flag of this command`)
      continue
    }
    const value = given ?? args[++i]
    if (value === undefined) problems.push(`${flag} has no value`)
    else (isSetting ? values : mine).set(isSetting ? setting : name, value)
  }
  return { values, own: mine, problems }
}

function splitOnce(arg: string): readonly string[] {
  const at = arg.indexOf('=')
  return at === -1 ? [arg] : [arg.slice(0, at), arg.slice(at + 1)]
}

/** Makes the Config of a command; `defaults` stand where neither flag nor environment says anything. */
export function configure(
  flags: Flags,
  environment: Environment,
  defaults: ReadonlyMap<string, string> = new Map(),
): Config | Problems {
  const unknown = Object.keys(environment)
    .filter((name) => name.startsWith(PREFIX) && !NAMES.has(name.slice(PREFIX.length)))
    .map((name) => `${name} is not a setting`)
  const parsed = parseConfig({
    lookup: (name) => flags.values.get(name) ?? environment[PREFIX + name] ?? defaults.get(name),
    readFile: (path) => readFileSync(path),
  })
  const problems = [...flags.problems, ...unknown, ...('problems' in parsed ? parsed.problems : [])]
  return problems.length > 0 ? { problems } : parsed
}

/** Prints every problem and gives the exit code. */
export function reportProblems(problems: readonly string[], write: (line: string) => void): number {
  write(`${problems.length} problem${problems.length === 1 ? '' : 's'} with the settings:`)
  for (const problem of problems) write(`  ${problem}`)
  return EXIT_CONFIG
}
