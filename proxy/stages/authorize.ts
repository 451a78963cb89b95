// Stage 6: may they? The session must be the caller's, every target must be allowed. This is the
// only file that makes a Permit, and without one nothing reaches the upstream.

import type { Sealer } from '../identity/session.ts'
import type { Policy, Verdict } from '../policy/engine.ts'
import { judge, reasonOf } from '../policy/judge.ts'
import type { TaskOwners } from '../policy/tasks.ts'
import type { Caller, Denial, Intent, Permit, Target } from '../types.ts'

const NOBODY_HAS = { scopes: ['-'], roles: [] } as const

/** Decides on an intent with one policy snapshot (T88). */
export function authorize(
  caller: Caller,
  intent: Intent,
  policy: Policy,
  tasks: TaskOwners,
  sealer: Sealer,
): Permit | Denial {
  const session =
    intent.sealedSession === undefined ? undefined : sealer.open(intent.sealedSession, caller)
  // T112, R54: another caller's, tampered and unknown are one answer.
  if (intent.sealedSession !== undefined && session === undefined)
    return { denied: 'session_unknown', detail: 'the session is not of this caller' }
  // T18: an answer of the client makes sense only inside a session of its own.
  if (intent.method === 'response' && session === undefined)
    return { denied: 'invalid_message', detail: 'a response outside a session' }
  let rule = 'authenticated'
  for (const target of intent.targets) {
    if (target.kind === 'task' && !tasks.offered)
      return { denied: 'method_unknown', detail: 'no tasks here', id: intent.id, era: intent.era }
    const verdict = judge(policy, tasks, caller, target)
    if (!verdict.allow) return denial(verdict, target, intent)
    rule = verdict.rule
  }
  // The one place where the proof is made; test/shape.test.ts holds it to that.
  return { caller, intent, session, scopes: policy.scopesOf(caller), rule } as Permit
}

function denial(verdict: Verdict, target: Target, intent: Intent): Denial {
  const isLacking = verdict.missing.scopes.length + verdict.missing.roles.length > 0
  // T103: a name without a rule takes the same steps, or the time of the answer would tell.
  const { scopes, roles } = isLacking ? verdict.missing : NOBODY_HAS
  const lacks = [...scopes.map((scope) => `scope ${scope}`), ...roles.map((role) => `role ${role}`)]
  const lacking = lacks.join(', ')
  const denied = reasonOf(verdict, target)
  return {
    denied,
    detail: isLacking ? `the caller lacks ${lacking}` : `no rule allows this ${target.kind}`,
    id: intent.id,
    era: intent.era,
    target,
    rule: verdict.rule,
    // All that the call needs, in one challenge.
    ...(denied === 'scope_insufficient' ? { scopes: verdict.scopes } : {}),
  }
}
