// The policy table: exact names, or prefixes ending in `*`. Exact beats prefix, the longer prefix
// beats the shorter, nothing else matches: denied. A bad file is refused whole, never read in part.

import { createHash } from 'node:crypto'
import { parseDocument } from 'yaml'
import type { Caller, DenyMode, Target } from '../types.ts'
import type { Policy, Verdict } from './engine.ts'
import { type Rule, type Rules, readRules, type TableName } from './rules.ts'
import { spell, spellingsOf } from './uri.ts'

const NOTHING = { scopes: [], roles: [] } as const

/** A policy, or every problem of its source, one sentence each. */
export type PolicyOrProblems =
  | { readonly policy: Policy; readonly warnings: readonly string[] }
  | { readonly problems: readonly string[] }

/** Parses a policy file; `deny` is the mode of rules that set none. */
export function parsePolicy(source: string, deny: DenyMode): PolicyOrProblems {
  // Without stringKeys `1` and `'1'`, or a name and its alias, are two keys, and the last one wins.
  const document = parseDocument(source, { uniqueKeys: true, merge: false, stringKeys: true })
  if (document.errors.length > 0)
    return { problems: document.errors.map((error) => firstLine(error.message)) }
  const read = readRules(toPlain(document))
  if ('problems' in read) return read
  const problems = twins([...read.rules.resources.keys()])
  if (problems.length > 0) return { problems }
  const version = createHash('sha256').update(source).digest('hex').slice(0, 12)
  return { policy: tablePolicy(read.rules, version, deny), warnings: read.warnings }
}

/** Two rules for one resource, of which the last would win unseen (T86). */
function twins(patterns: readonly string[]): readonly string[] {
  const seen = new Map<string, string>()
  return patterns.flatMap((pattern) => {
    const { whole } = spell(pattern)
    const twin = seen.get(whole)
    seen.set(whole, pattern)
    return twin === undefined ? [] : [`resources."${pattern}" is another spelling of "${twin}"`]
  })
}

function toPlain(document: ReturnType<typeof parseDocument>): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 })
  } catch {
    return undefined
  }
}

function firstLine(message: string): string {
  return message.split('\n')[0]?.replace(/:$/, '') ?? message
}

function tablePolicy(rules: Rules, version: string, deny: DenyMode): Policy {
  const tables = {
    tools: lookupOf('tools', rules.tools),
    prompts: lookupOf('prompts', rules.prompts),
  }
  const resources = resourceLookup(rules.resources)
  const gathered = new WeakMap<Caller, ReadonlySet<string>>()
  const gather = (caller: Caller): ReadonlySet<string> => {
    const added = [...caller.roles].flatMap((role) => rules.roles.get(role) ?? [])
    const scopes = added.length === 0 ? caller.scopes : new Set([...caller.scopes, ...added])
    gathered.set(caller, scopes)
    return scopes
  }
  const scopesOf = (caller: Caller): ReadonlySet<string> => gathered.get(caller) ?? gather(caller)
  const written = new WeakMap<Caller, string>()
  const permissions = (caller: Caller): string => {
    const known = written.get(caller)
    if (known !== undefined) return known
    // A rule looks at scopes and roles, and at nothing else of a caller.
    const text = JSON.stringify([version, [...scopesOf(caller)].sort(), [...caller.roles].sort()])
    written.set(caller, text)
    return text
  }
  return {
    engine: 'table',
    version,
    scopesOf,
    permissions,
    advertised: advertisedScopes(rules, deny),
    patterns: patternsOf(rules),
    decide: (caller, target) => {
      const table = tableOf(target)
      const scopes = scopesOf(caller)
      if (table !== 'resources') return judge(tables[table](target.name), caller, scopes, deny)
      const found = resources(target)
      // One spelling at least is judged: a name that matches nothing costs what a denied one costs.
      const matches = found.length === 0 ? [undefined] : found
      const verdicts = matches.map((match) => judge(match, caller, scopes, deny))
      return verdicts.find((verdict) => !verdict.allow) ?? (verdicts[0] as Verdict) // never empty
    },
  }
}

function tableOf(target: Target): TableName {
  switch (target.kind) {
    case 'tool':
    case 'task':
      return 'tools'
    case 'prompt':
      return 'prompts'
    case 'resource':
    case 'template':
      return 'resources'
  }
}

type Found = { readonly name: string; readonly rule: Rule; readonly weight: number }
type Entry = readonly [string, Rule]

/** No scope is empty (RFC 6749 3.3), so this one is lacking always. */
const UNMATCHED: Found = {
  name: 'default',
  rule: { scopes: [''], roles: [], deny: undefined, labels: [] },
  weight: 0,
}

/** Lookup time depends on the number of distinct prefix lengths, not on the number of rules. */
function lookupOf(
  table: TableName,
  rules: Iterable<Entry>,
  key: (pattern: string) => string = (pattern) => pattern,
): (name: string) => Found | undefined {
  const exact = new Map<string, Found>()
  const prefixes = new Map<string, Found>()
  for (const [pattern, rule] of rules) {
    const name = `${table}.${pattern}`
    if (!pattern.endsWith('*'))
      exact.set(key(pattern), { name, rule, weight: Number.POSITIVE_INFINITY })
    else {
      const prefix = key(pattern.slice(0, -1))
      prefixes.set(prefix, { name, rule, weight: prefix.length })
    }
  }
  const lengths = [...new Set([...prefixes.keys()].map((prefix) => prefix.length))]
  lengths.sort((a, b) => a - b)
  return (name) => {
    // T103: every length is looked up, found or not, or the time of the answer would tell.
    let found: Found | undefined
    let prefix = ''
    for (const length of lengths) {
      prefix = name.slice(0, length)
      found = prefixes.get(prefix) ?? found
    }
    // What is found was compared with a key, character by character; so is what is not.
    if (found === undefined && prefix !== name.slice(0, prefix.length)) return undefined
    return exact.get(name) ?? found
  }
}

/**
 * The rules of every spelling, all of which must allow: the one of the whole URI, and the one of its
 * bare form where that is the more specific, so that user info, port or query cannot dodge it.
 */
function resourceLookup(
  table: ReadonlyMap<string, Rule>,
): (target: Target) => readonly (Found | undefined)[] {
  const whole = lookupOf('resources', table, (pattern) => spell(pattern).whole)
  const plain = [...table].filter(([pattern]) => !/[?#]/.test(pattern))
  const bare = lookupOf('resources', plain, (pattern) => spell(pattern).bare)
  return (target) =>
    spellingsOf(target).flatMap((spelling) => {
      const said = whole(spelling.whole)
      const reduced = bare(spelling.bare)
      return reduced !== undefined && said !== undefined && reduced.weight > said.weight
        ? [said, reduced]
        : [said]
    })
}

/** What no rule matches is judged like a rule that nobody fulfils, by the same steps (T103). */
function judge(
  match: Found | undefined,
  caller: Caller,
  scopes: ReadonlySet<string>,
  deny: DenyMode,
): Verdict {
  const { rule, name } = match ?? UNMATCHED
  const missingScopes = rule.scopes.filter((scope) => !scopes.has(scope))
  const hasRole = rule.roles.length === 0 || rule.roles.some((role) => caller.roles.has(role))
  const missing = { scopes: missingScopes, roles: hasRole ? [] : rule.roles }
  const isRule = match !== undefined
  return {
    allow: isRule && missingScopes.length === 0 && hasRole,
    rule: name,
    deny: rule.deny ?? deny,
    scopes: isRule ? rule.scopes : [],
    missing: isRule ? missing : NOTHING,
  }
}

function advertisedScopes(rules: Rules, deny: DenyMode): readonly string[] {
  const scopes = new Set<string>()
  for (const table of [rules.tools, rules.prompts, rules.resources]) {
    for (const rule of table.values()) {
      if ((rule.deny ?? deny) === 'hide') continue
      for (const scope of rule.scopes) scopes.add(scope)
    }
  }
  return [...scopes].sort()
}

const KINDS = { tools: 'tool', prompts: 'prompt', resources: 'resource' } as const

function patternsOf(rules: Rules): readonly Target[] {
  return (['tools', 'prompts', 'resources'] as const).flatMap((table) =>
    [...rules[table].keys()].map((name) => ({ kind: KINDS[table], name })),
  )
}
