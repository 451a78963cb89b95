// The policy table: exact names, or prefixes ending in `*`. Exact beats prefix, the longer prefix
// beats the shorter, nothing else matches: denied. A bad file is refused whole, never read in part.

import { createHash } from 'node:crypto'
import { parseDocument } from 'yaml'
import type { Caller, DenyMode, Target } from '../types.ts'
import type { Policy, Verdict } from './engine.ts'
import { type Rule, type Rules, readRules, type TableName } from './rules.ts'
import { formsOf } from './uri.ts'

const NOTHING = { scopes: [], roles: [] } as const

/** A policy, or every problem of its source, one sentence each. */
export type PolicyOrProblems =
  | { readonly policy: Policy; readonly warnings: readonly string[] }
  | { readonly problems: readonly string[] }

/** Parses a policy file; `deny` is the mode of rules that set none. */
export function parsePolicy(source: string, deny: DenyMode): PolicyOrProblems {
  const document = parseDocument(source, { uniqueKeys: true, merge: false })
  if (document.errors.length > 0)
    return { problems: document.errors.map((error) => firstLine(error.message)) }
  const read = readRules(toPlain(document))
  if ('problems' in read) return read
  const version = createHash('sha256').update(source).digest('hex').slice(0, 12)
  return { policy: tablePolicy(read.rules, version, deny), warnings: read.warnings }
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
    tools: lookupOf(rules.tools),
    prompts: lookupOf(rules.prompts),
    resources: lookupOf(rules.resources),
  }
  const scopesOf = (caller: Caller): ReadonlySet<string> => {
    const added = [...caller.roles].flatMap((role) => rules.roles.get(role) ?? [])
    return added.length === 0 ? caller.scopes : new Set([...caller.scopes, ...added])
  }
  const decideName = (caller: Caller, table: TableName, name: string): Verdict => {
    const found = tables[table](name)
    if (found === undefined)
      return { allow: false, rule: 'default', deny, scopes: [], missing: NOTHING }
    return judge(found.rule, `${table}.${found.pattern}`, caller, scopesOf(caller), deny)
  }
  return {
    engine: 'table',
    version,
    scopesOf,
    advertised: advertisedScopes(rules, deny),
    patterns: patternsOf(rules),
    decide: (caller, target) => {
      const table = tableOf(target)
      if (table !== 'resources') return decideName(caller, table, target.name)
      const verdicts = formsOf(target).map((form) => decideName(caller, table, form))
      return (
        verdicts.find((verdict) => !verdict.allow) ??
        verdicts[0] ?? { allow: false, rule: 'default', deny, scopes: [], missing: NOTHING }
      )
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

type Found = { readonly pattern: string; readonly rule: Rule }

/** Lookup time depends on the number of distinct prefix lengths, not on the number of rules. */
function lookupOf(table: ReadonlyMap<string, Rule>): (name: string) => Found | undefined {
  const exact = new Map<string, Found>()
  const prefixes = new Map<string, Found>()
  for (const [pattern, rule] of table) {
    if (pattern.endsWith('*')) prefixes.set(pattern.slice(0, -1), { pattern, rule })
    else exact.set(pattern, { pattern, rule })
  }
  const lengths = [...new Set([...prefixes.keys()].map((prefix) => prefix.length))]
  lengths.sort((a, b) => b - a)
  return (name) => {
    const found = exact.get(name)
    if (found !== undefined) return found
    for (const length of lengths) {
      const prefix = length <= name.length ? prefixes.get(name.slice(0, length)) : undefined
      if (prefix !== undefined) return prefix
    }
    return undefined
  }
}

function judge(
  rule: Rule,
  name: string,
  caller: Caller,
  scopes: ReadonlySet<string>,
  deny: DenyMode,
): Verdict {
  const missingScopes = rule.scopes.filter((scope) => !scopes.has(scope))
  const hasRole = rule.roles.length === 0 || rule.roles.some((role) => caller.roles.has(role))
  return {
    allow: missingScopes.length === 0 && hasRole,
    rule: name,
    deny: rule.deny ?? deny,
    scopes: rule.scopes,
    missing: { scopes: missingScopes, roles: hasRole ? [] : rule.roles },
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
