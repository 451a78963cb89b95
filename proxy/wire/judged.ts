// Judges the messages of one answer: lists, results, capabilities, tasks. What may pass comes back
// as it must be sent; what may not, with the reason why (law 4, law 6).

import type { Intent, JSONObject, ListName, Target } from '../types.ts'
import { cutCapabilities, offersTasks } from './capabilities.ts'
import { isObject } from './eras.ts'
import { type Expect, type Hidden, judgeFrame, type Rules, type Verdict } from './frames.ts'

/** What a judgement needs to know and to tell. */
export type Judging = {
  /** The predicate that also decides on calls (law 4). */
  may(target: Target): boolean
  /** Milliseconds until the token expires, at least 0. */
  expiresInMs(): number
  /** The upstream says that it has tasks. */
  tasksOffered(): void
  taskCreated(taskId: string): void
  hidden(list: ListName, count: number): void
  /** List answers to the same question that were judged before. */
  readonly remembered?: Remembered | undefined
}

/** What may be sent of a list answer, and how many entries that hides. */
export type Recalled = { readonly text: string; readonly hidden: Hidden }

/** Judged list answers: one that differs in its id alone is not judged again. */
export type Remembered = {
  /** `ttlMs` is the cap of today. */
  recall(text: string, ttlMs: number): Recalled | undefined
  keep(text: string, sent: Recalled): void
}

// Results that describe the server, and must be seen whole before a byte of them leaves.
const DESCRIBING = new Set(['initialize', 'server/discover'])
const GATED = new Set(['server/discover', 'resources/read'])

/** True when the answer must be seen whole; everything else streams. */
export function isSeenWhole(intent: Intent): boolean {
  return intent.list !== undefined || DESCRIBING.has(intent.method) || intent.mayCreateTask
}

/** How a result of this request may be cached; undefined when that is the upstream's affair (T105). */
export function cacheFor(intent: Intent, judging: Judging) {
  return GATED.has(intent.method) ? cacheRule(intent, judging) : undefined
}

/** Makes the judge of one answer. */
export function judgeWith(intent: Intent, judging: Judging) {
  const expect: Expect = {
    id: intent.http === 'GET' ? undefined : intent.id,
    list: intent.list,
    era: intent.era,
  }
  const rules: Rules = {
    may: (target) => judging.may(target),
    cacheFor: () => cacheRule(intent, judging),
    privatize: GATED.has(intent.method),
  }
  return (text: string): Verdict => {
    const known = judging.remembered?.recall(text, judging.expiresInMs())
    if (known !== undefined) {
      count(known.hidden, judging)
      return { pass: 'changed', ...known, value: RECALLED }
    }
    const verdict = judgeFrame(text, expect, rules)
    if ('drop' in verdict) return verdict
    if (intent.mayCreateTask) noteTask(verdict.value, judging)
    const hidden = verdict.pass === 'changed' ? verdict.hidden : {}
    const sent = verdict.pass === 'changed' ? verdict.text : text
    count(hidden, judging)
    if ('result' in verdict.value) judging.remembered?.keep(text, { text: sent, hidden })
    if (!DESCRIBING.has(intent.method)) return verdict
    if (offersTasks(verdict.value)) judging.tasksOffered()
    const after = cutCapabilities(sent)
    return after === text
      ? verdict
      : { pass: 'changed', text: after, hidden: {}, value: verdict.value }
  }
}

/** Stands for a result that was seen before. */
const RECALLED: JSONObject = { result: {} }

function count(hidden: Hidden, judging: Judging): void {
  for (const [list, entries] of Object.entries(hidden)) judging.hidden(list as ListName, entries) // the keys of Hidden
}

function noteTask(value: JSONObject, judging: Judging): void {
  const { result } = value
  if (!isObject(result)) return
  const task = isObject(result['task']) ? result['task'] : result
  if (typeof task['taskId'] === 'string') judging.taskCreated(task['taskId'])
}

function cacheRule(intent: Intent, judging: Judging) {
  return { ttlMs: judging.expiresInMs(), insert: intent.era === 'modern' }
}
