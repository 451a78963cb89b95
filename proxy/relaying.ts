// What the relay asks and tells while an answer passes, bound to one exchange: the predicate that also
// decided on the call (law 4), the sealer, the counts, the tasks.

import type { Sealer } from './identity/session.ts'
import type { Counts } from './observe/series.ts'
import type { Budget, Lease } from './policy/budget.ts'
import type { Policy } from './policy/engine.ts'
import { judge } from './policy/judge.ts'
import type { RememberedLists } from './policy/remembered.ts'
import type { OpenStreams } from './policy/streams.ts'
import type { TaskOwners } from './policy/tasks.ts'
import type { ListName, Permit, Target } from './types.ts'
import { type Held, Release, type Watch } from './watch.ts'
import type { EventTools } from './wire/events.ts'
import type { Remembered } from './wire/judged.ts'
import { isNamed } from './wire/names.ts'

/** Bounds of an answer. */
export type AnswerLimits = {
  /** Of an answer that must be seen whole. */
  readonly maxBytes: number
  readonly maxEventBytes: number
  /** For an answer that must be seen whole. */
  readonly timeoutMs: number
  /** Between two parts of a JSON answer. */
  readonly idleMs: number
}

/** What the relay needs to know and to tell, for one exchange. */
export type RelayTools = EventTools & {
  readonly limits: AnswerLimits
  readonly watch: Watch
  /** Bytes held back until they are whole. */
  readonly lease: Lease
  seal(session: string): string
  /** Counts a stream until it is released; a drain ends a standing one by `end`. */
  openStream(end: () => void): Held
}

/** What is the same for all exchanges. */
export type RelayParts = {
  readonly answers: AnswerLimits
  readonly policy: () => Policy
  readonly tasks: TaskOwners
  readonly remembered: RememberedLists
  readonly streams: OpenStreams
  readonly budget: Budget
  readonly sealer: Sealer
  /** Seconds that an expired token is still accepted. */
  readonly clockSkewS: number
  readonly recorder: {
    readonly metrics: { readonly itemsHidden: Counts; readonly framesDropped: Counts }
  }
  /** Told of the bytes of streamed bodies, see observe/sweep.ts. */
  readonly passed: (bytes: number) => void
}

/** The tools of one exchange. */
export class Relaying implements RelayTools {
  readonly limits: AnswerLimits
  readonly lease: Lease
  readonly watch: Watch
  readonly remembered: Remembered | undefined
  readonly #permit: Permit
  readonly #policy: Policy
  readonly #parts: RelayParts
  readonly #facts: { session?: string | undefined }
  /** Ends what stands; undefined for an exchange that does not. */
  readonly #ending: Release | undefined

  constructor(
    permit: Permit,
    policy: Policy,
    parts: RelayParts,
    facts: { session?: string | undefined },
    ending: Release | undefined,
    watch: Watch,
  ) {
    this.limits = parts.answers
    this.lease = parts.budget.lease()
    this.watch = watch
    const { intent, caller } = permit
    this.remembered = intent.list && parts.remembered.of(intent, policy.permissions(caller))
    this.#permit = permit
    this.#policy = policy
    this.#parts = parts
    this.#facts = facts
    this.#ending = ending
  }

  may(target: Target): boolean {
    const { policy, tasks } = this.#parts
    // What stands for hours follows the policy in force; everything else keeps its snapshot (T88).
    const current = this.#ending === undefined ? this.#policy : policy()
    return isNamed(target) && judge(current, tasks, this.#permit.caller, target).allow
  }

  expiresInMs(): number {
    const untilMs = (this.#permit.caller.expiresAt + this.#parts.clockSkewS) * 1_000
    return Math.max(0, Math.floor(untilMs - Date.now()))
  }

  seal(session: string): string {
    const sealed = this.#parts.sealer.seal(session, this.#permit.caller)
    this.#facts.session = sealed
    return sealed
  }

  tasksOffered(): void {
    this.#parts.tasks.offer()
  }

  taskCreated(taskId: string): void {
    const { caller, intent } = this.#permit
    const tool = intent.targets[0]
    if (tool !== undefined) this.#parts.tasks.remember(taskId, caller, tool)
  }

  openStream(end: () => void): Held {
    if (this.#ending === undefined) return this.#parts.streams.answer()
    this.#ending.add({ release: end })
    // It is counted since before the upstream was asked.
    return new Release()
  }

  hidden(list: ListName, count: number): void {
    this.#parts.recorder.metrics.itemsHidden.add(count, list)
  }

  dropped(reason: string): void {
    this.#parts.recorder.metrics.framesDropped.inc(reason)
  }

  passed(bytes: number): void {
    this.#parts.passed(bytes)
  }
}
