// Who owns a task: an unmodified upstream sees no identity, so a task id alone would open anybody's
// task (R31, T121). Unknown to this process means denied.

import { LRUCache } from 'lru-cache'
import { type Caller, callerKey, type Target } from '../types.ts'

/** The owners of the tasks created through this process; bounded, the oldest are forgotten. */
export class TaskOwners {
  /** By owner and task: the task of another caller is not found, like one that is not (T103). */
  readonly #tools: LRUCache<string, Target>
  /** Filled along with the tools and never refreshed, so that both forget the same tasks. */
  readonly #taken: LRUCache<string, true>
  #offered = false

  /** Remembers so many tasks, each for so long. */
  constructor(max = 10_000, ttlMs = 24 * 3_600_000) {
    this.#tools = new LRUCache({ max, ttl: ttlMs })
    this.#taken = new LRUCache({ max, ttl: ttlMs })
  }

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
    if (this.#taken.has(taskId)) return
    this.#taken.set(taskId, true)
    this.#tools.set(keyOf(taskId, caller), tool)
  }

  /** The tool that made this task, when the caller owns it. */
  toolOf(taskId: string, caller: Caller): Target | undefined {
    return this.#tools.peek(keyOf(taskId, caller))
  }
}

function keyOf(taskId: string, caller: Caller): string {
  return `${callerKey(caller)} ${taskId}`
}
