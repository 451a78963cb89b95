// Who owns a task: an unmodified upstream sees no identity, so a task id alone would open anybody's
// task (R31, T121). Unknown to this process means denied.

import { LRUCache } from 'lru-cache'
import type { Caller, Target } from '../types.ts'

const MAX_TASKS = 10_000
const KEEP_MS = 24 * 3_600_000

type Owned = { readonly owner: string; readonly tool: Target }

/** The owners of the tasks created through this process; bounded, the oldest are forgotten. */
export class TaskOwners {
  readonly #tasks = new LRUCache<string, Owned>({ max: MAX_TASKS, ttl: KEEP_MS })

  #offered = false

  /** False until the upstream has announced or made a task: then its methods are unknown (R61). */
  get offered(): boolean {
    return this.#offered
  }

  /** The upstream announced tasks. */
  offer(): void {
    this.#offered = true
  }

  /** Binds a new task to its creator; the first owner of an id stays its owner. */
  remember(taskId: string, caller: Caller, tool: Target): void {
    this.#offered = true
    if (!this.#tasks.has(taskId)) this.#tasks.set(taskId, { owner: ownerKey(caller), tool })
  }

  /** The tool that made this task, when the caller owns it. */
  toolOf(taskId: string, caller: Caller): Target | undefined {
    const owned = this.#tasks.get(taskId)
    return owned?.owner === ownerKey(caller) ? owned.tool : undefined
  }
}

function ownerKey(caller: Caller): string {
  return JSON.stringify([caller.iss, caller.sub])
}
