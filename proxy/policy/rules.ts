// From a plain YAML value to typed rules: every unknown key, wrong type and contradiction is
// reported, and a policy with any problem is refused (T86, T87).

import type { DenyMode } from '../types.ts'

/** One rule: all of its scopes and any of its roles. */
export type Rule = {
  readonly scopes: readonly string[]
  readonly roles: readonly string[]
  readonly deny: DenyMode | undefined
  readonly labels: readonly string[]
}

/** The tables of a policy file. */
export type TableName = 'tools' | 'prompts' | 'resources'

/** A whole policy: what roles add, and the rules of each table by name or prefix. */
export type Rules = Readonly<Record<TableName, ReadonlyMap<string, Rule>>> & {
  readonly roles: ReadonlyMap<string, readonly string[]>
}

type Read =
  | { readonly rules: Rules; readonly warnings: readonly string[] }
  | { readonly problems: readonly string[] }

const TOP = ['version', 'roles', 'tools', 'prompts', 'resources']
const RULE = ['scopes', 'roles', 'anyone', 'deny', 'limit', 'labels']
// RFC 6749 3.3: scope-token.
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/
const CONTROL = /[\x00-\x1f\x7f]/

/** Reads the rules of a parsed policy file, or every problem in it. */
export function readRules(value: unknown): Read {
  const problems: string[] = []
  const warnings: string[] = []
  const top = mapping(value, 'the policy', problems)
  if (top === undefined) return { problems }
  for (const key of top.keys())
    if (!TOP.includes(key)) problems.push(`unknown key "${key}"; known are ${TOP.join(', ')}`)
  if (top.get('version') !== 1) problems.push('version is not 1')
  const table = (name: TableName): ReadonlyMap<string, Rule> => {
    const rules = new Map<string, Rule>()
    for (const [pattern, raw] of mapping(top.get(name) ?? {}, name, problems) ?? []) {
      const at = `${name}."${pattern}"`
      problems.push(...patternProblems(pattern).map((problem) => `${at} ${problem}`))
      const rule = readRule(raw, at, problems, warnings)
      if (rule !== undefined) rules.set(pattern, rule)
    }
    return rules
  }
  const roles = new Map<string, readonly string[]>()
  for (const [role, scopes] of mapping(top.get('roles') ?? {}, 'roles', problems) ?? [])
    roles.set(role, scopeList(scopes, `roles."${role}"`, problems))
  const rules = {
    roles,
    tools: table('tools'),
    prompts: table('prompts'),
    resources: table('resources'),
  }
  if (rules.tools.size + rules.prompts.size + rules.resources.size === 0)
    problems.push('no rule in tools, prompts or resources: everything would be denied')
  return problems.length > 0 ? { problems } : { rules, warnings }
}

function patternProblems(pattern: string): readonly string[] {
  const star = pattern.indexOf('*')
  if (star !== -1 && star !== pattern.length - 1)
    return ['has a * before its end; only a prefix may end in *']
  if (pattern === '' || CONTROL.test(pattern)) return ['is empty or has control characters']
  return []
}

function readRule(
  value: unknown,
  at: string,
  problems: string[],
  warnings: string[],
): Rule | undefined {
  const raw = mapping(value, at, problems)
  if (raw === undefined) return undefined
  for (const key of raw.keys())
    if (!RULE.includes(key))
      problems.push(`${at} has unknown key "${key}"; known are ${RULE.join(', ')}`)
  const scopes = raw.has('scopes') ? scopeList(raw.get('scopes'), `${at}.scopes`, problems) : []
  const roles = raw.has('roles') ? textList(raw.get('roles'), `${at}.roles`, problems) : []
  const anyone = raw.get('anyone')
  if (anyone !== undefined && anyone !== true) problems.push(`${at}.anyone is not true`)
  if (anyone === true && (raw.has('scopes') || raw.has('roles')))
    problems.push(`${at} has anyone beside scopes or roles: a contradiction`)
  if (anyone === undefined && scopes.length === 0 && roles.length === 0)
    problems.push(`${at} has neither scopes nor roles; write anyone: true if that is meant`)
  if (raw.has('limit')) checkLimit(raw.get('limit'), at, problems, warnings)
  return {
    scopes,
    roles,
    deny: denyMode(raw.get('deny'), at, problems),
    labels: raw.has('labels') ? textList(raw.get('labels'), `${at}.labels`, problems) : [],
  }
}

function denyMode(value: unknown, at: string, problems: string[]): DenyMode | undefined {
  if (value === undefined || value === 'error' || value === 'hide' || value === 'challenge')
    return value
  problems.push(`${at}.deny is not one of error, hide, challenge`)
  return undefined
}

function checkLimit(value: unknown, at: string, problems: string[], warnings: string[]): void {
  if (typeof value !== 'string' || !/^[1-9]\d{0,6}\/(s|m|h)$/.test(value))
    problems.push(`${at}.limit is not a rate such as 2/s or 100/m`)
  else warnings.push(`${at}.limit is read but not enforced: this version has no rate limits`)
}

function mapping(
  value: unknown,
  at: string,
  problems: string[],
): ReadonlyMap<string, unknown> | undefined {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return new Map(Object.entries(value))
  problems.push(`${at} is not a mapping`)
  return undefined
}

function textList(value: unknown, at: string, problems: string[]): readonly string[] {
  const texts: string[] = []
  for (const entry of Array.isArray(value) ? value : [undefined]) {
    if (typeof entry === 'string' && entry !== '') texts.push(entry)
    else problems.push(`${at} is not a list of words`)
  }
  return texts
}

function scopeList(value: unknown, at: string, problems: string[]): readonly string[] {
  const scopes = textList(value, at, problems)
  for (const scope of scopes)
    if (!SCOPE.test(scope))
      problems.push(`${at} names "${scope}", which no token can hold (RFC 6749 3.3)`)
  return scopes
}
