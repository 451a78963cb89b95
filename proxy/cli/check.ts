// `toolstile check`: reads settings and policy, starts nothing, and reports every problem at once.

import { loadPolicy } from '../policy/source.ts'
import { configure, type Environment, readFlags, reportProblems } from './flags.ts'

/** Prints what is wrong and gives 78, or one line and gives 0. */
export function check(args: readonly string[], environment: Environment): number {
  const flags = readFlags(args)
  const config = configure(flags, environment)
  const path =
    'problems' in config
      ? (flags.values.get('POLICY_FILE') ?? environment['TOOLSTILE_POLICY_FILE'])
      : config.policyFile
  const loaded =
    path === undefined || path === ''
      ? undefined
      : loadPolicy(path, 'problems' in config ? 'error' : config.deny)
  const problems = [
    ...('problems' in config ? config.problems : []),
    ...(loaded !== undefined && 'problems' in loaded
      ? loaded.problems.map((problem) => `POLICY_FILE "${path}": ${problem}`)
      : []),
  ]
  const print = (line: string) => void process.stdout.write(`${line}\n`)
  if (problems.length > 0) return reportProblems(problems, print)
  const warnings = [
    ...('warnings' in config ? config.warnings : []),
    ...(loaded !== undefined && 'warnings' in loaded ? loaded.warnings : []),
  ]
  for (const warning of warnings) print(`warning: ${warning}`)
  const version = loaded !== undefined && 'policy' in loaded ? loaded.policy.version : ''
  print(`settings and policy are good (policy version ${version})`)
  return 0
}
