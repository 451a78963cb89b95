// `toolstile explain`: may the holder of this token use that name, by which rule, and what is
// missing. It decides with the code that serves, and prints the shape of the admin API.

import { readFileSync } from 'node:fs'
import type { Config } from '../config.ts'
import { createVerifier } from '../identity/create.ts'
import type { Policy, Verdict } from '../policy/engine.ts'
import { reasonOf } from '../policy/judge.ts'
import { loadPolicy } from '../policy/source.ts'
import type { Caller, Target } from '../types.ts'
import { parseAuthorization } from '../wire/bearer.ts'
import { configure, type Environment, readFlags, reportProblems } from './flags.ts'

const TARGETS = ['tool', 'prompt', 'resource'] as const

/** Prints one verdict as JSON, or a table of every rule; 0 allowed, 1 denied, 78 wrong settings. */
export async function explain(args: readonly string[], environment: Environment): Promise<number> {
  const flags = readFlags(args, ['token-file', ...TARGETS])
  // Nothing is contacted but the issuer: the upstream does not matter here.
  const config = configure(flags, environment, new Map([['UPSTREAM_URL', 'http://127.0.0.1/mcp']]))
  const print = (line: string) => void process.stdout.write(`${line}\n`)
  if ('problems' in config) return reportProblems(config.problems, print)
  const loaded = loadPolicy(config.policyFile, config.deny)
  if ('problems' in loaded)
    return reportProblems(
      loaded.problems.map((problem) => `POLICY_FILE "${config.policyFile}": ${problem}`),
      print,
    )
  const caller = await callerOf(flags.own.get('token-file'), config)
  if (typeof caller === 'string') {
    print(caller)
    return 1
  }
  const kind = TARGETS.find((candidate) => flags.own.has(candidate))
  if (kind === undefined) return explainAll(caller, loaded.policy, print)
  const target: Target = { kind, name: flags.own.get(kind) ?? '' }
  const verdict = loaded.policy.decide(caller, target)
  print(JSON.stringify(shapeOf(verdict, target, loaded.policy), null, 2))
  return verdict.allow ? 0 : 1
}

/** The caller of a token file, or one sentence about why there is none. */
async function callerOf(path: string | undefined, config: Config): Promise<Caller | string> {
  if (path === undefined)
    return '--token-file is required: the path of a file with one access token'
  let text: string
  try {
    text = readFileSync(path, 'utf8').trim()
  } catch {
    return `--token-file "${path}" cannot be read`
  }
  const parsed = parseAuthorization(/^bearer /i.test(text) ? text : `Bearer ${text}`)
  if ('fault' in parsed) return `--token-file "${path}" holds no access token: ${parsed.detail}`
  const { verifier, close } = await createVerifier(config)
  try {
    const caller = await verifier.verify(parsed.token)
    return 'denied' in caller ? `the token is refused (${caller.denied}): ${caller.detail}` : caller
  } finally {
    await close()
  }
}

/** The shape that `POST /admin/explain` answers with (contract section 8). */
function shapeOf(verdict: Verdict, target: Target, policy: Policy) {
  const { allow, rule, missing } = verdict
  const reason = allow ? 'allowed' : reasonOf(verdict, target)
  return { allow, reason, rule, engine: policy.engine, policy_version: policy.version, missing }
}

function explainAll(caller: Caller, policy: Policy, print: (line: string) => void): number {
  print(`subject ${caller.sub} of ${caller.iss}`)
  print(`scopes  ${[...policy.scopesOf(caller)].join(' ') || '(none)'}`)
  print(`roles   ${[...caller.roles].join(' ') || '(none)'}`)
  print(`policy  ${policy.version}`)
  for (const target of policy.patterns) {
    const { allow, missing } = policy.decide(caller, target)
    const lacks = [
      ...missing.scopes.map((s) => `scope ${s}`),
      ...missing.roles.map((r) => `role ${r}`),
    ]
    const why = allow ? '' : `  lacks ${lacks.join(', ')}`
    print(`  ${allow ? 'allowed' : 'denied '}  ${target.kind.padEnd(8)} ${target.name}${why}`)
  }
  print('  denied   everything else')
  return 0
}
