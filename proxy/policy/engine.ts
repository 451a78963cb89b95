// The seam to whoever decides: one snapshot answers every question of one request (T88).
// The same `decide` serves lists and calls (law 4).

import type { Caller, DenyMode, Target } from '../types.ts'

/** What was decided about one target, by which rule, and what the caller lacks. */
export type Verdict = {
  readonly allow: boolean
  /** `tools.get_public_info`, or `default` when nothing matched. */
  readonly rule: string
  readonly deny: DenyMode
  /** All scopes the rule asks for, in its order. */
  readonly scopes: readonly string[]
  readonly missing: { readonly scopes: readonly string[]; readonly roles: readonly string[] }
}

/** One immutable policy. Every method is synchronous and free of side effects. */
export type Policy = {
  readonly engine: 'table'
  /** First 12 hex digits of the SHA-256 of its source. */
  readonly version: string
  decide(caller: Caller, target: Target): Verdict
  /** Equal for callers about whom every decision is the same, now and under this policy alone. */
  permissions(caller: Caller): string
  /** The scopes of the token and those its roles add. */
  scopesOf(caller: Caller): ReadonlySet<string>
  /** The names and prefixes of its rules, as targets: what `explain` lists. */
  readonly patterns: readonly Target[]
  /** Scopes worth asking for: of every rule that is not hidden (R42, T104), sorted. */
  readonly advertised: readonly string[]
}
