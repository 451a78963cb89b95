// A second reading of section 4 of the contract: exact beats prefix, the longer prefix beats the
// shorter, nothing else matches: denied. As naive as can be; it must share nothing with the table.

/** One rule as it is written in a policy file. */
export type WrittenRule = {
  readonly scopes?: readonly string[]
  readonly roles?: readonly string[]
  readonly anyone?: true
}
export type WrittenTable = Readonly<Record<string, WrittenRule>>

/** A policy as it is written in a file. */
export type WrittenPolicy = {
  readonly version: 1
  readonly roles: Readonly<Record<string, readonly string[]>>
  readonly tools: WrittenTable
  readonly prompts: WrittenTable
  readonly resources: WrittenTable
}

/** Who asks: what the token says, before roles add scopes. */
export type Asker = { readonly scopes: readonly string[]; readonly roles: readonly string[] }

/** The pattern that decides on a name, or undefined when none does. */
export function patternFor(table: WrittenTable, name: string): string | undefined {
  const patterns = Object.keys(table)
  const exact = patterns.find((pattern) => !pattern.endsWith('*') && pattern === name)
  if (exact !== undefined) return exact
  let best: string | undefined
  for (const pattern of patterns) {
    if (!pattern.endsWith('*') || !name.startsWith(pattern.slice(0, -1))) continue
    if (best === undefined || pattern.length > best.length) best = pattern
  }
  return best
}

/** Tells whether a rule allows: all of its scopes and any of its roles. */
export function allows(policy: WrittenPolicy, rule: WrittenRule | undefined, who: Asker): boolean {
  if (rule === undefined) return false
  if (rule.anyone === true) return true
  const scopes = [...who.scopes]
  for (const role of who.roles)
    if (Object.hasOwn(policy.roles, role)) scopes.push(...(policy.roles[role] ?? []))
  for (const scope of rule.scopes ?? []) if (!scopes.includes(scope)) return false
  const roles = rule.roles ?? []
  return roles.length === 0 || roles.some((role) => who.roles.includes(role))
}
