// The one predicate behind lists and calls: listed if and only if callable (law 4, T91).

import type { Caller, Reason, Target } from '../types.ts'
import type { Policy, Verdict } from './engine.ts'
import type { TaskOwners } from './tasks.ts'

/** Decides on one target for one caller; a task needs its owner and the right to its tool. */
export function judge(policy: Policy, tasks: TaskOwners, caller: Caller, target: Target): Verdict {
  if (target.kind !== 'task') return policy.decide(caller, target)
  const tool = tasks.toolOf(target.name, caller)
  if (tool !== undefined) return policy.decide(caller, tool)
  return {
    allow: false,
    rule: 'task owner',
    deny: 'hide',
    scopes: [],
    missing: { scopes: [], roles: [] },
  }
}

/** How a refused target is answered; a challenge only where a scope alone would help (T104, R43). */
export function reasonOf(verdict: Verdict, target: Target): Reason {
  if (target.kind === 'task') return 'task_unknown'
  const { scopes, roles } = verdict.missing
  if (verdict.deny === 'challenge' && scopes.length > 0 && roles.length === 0)
    return 'scope_insufficient'
  return verdict.deny === 'hide' ? 'target_hidden' : 'target_denied'
}
