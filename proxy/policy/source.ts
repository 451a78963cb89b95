// The policy file on disk: loaded, watched, reloaded as a whole. A bad file keeps the last good
// policy and is reported (T86); a request keeps the snapshot it started with (T88).

import { readFileSync, unwatchFile, watchFile } from 'node:fs'
import type { DenyMode } from '../types.ts'
import type { Policy } from './engine.ts'
import { type PolicyOrProblems, parsePolicy } from './table.ts'

/** Reads and parses a policy file; an unreadable file is a problem like any other. */
export function loadPolicy(path: string, deny: DenyMode): PolicyOrProblems {
  try {
    return parsePolicy(new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path)), deny)
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    return { problems: [`the file cannot be read (${why})`] }
  }
}

/** Holds the current policy and replaces it when the file changes or `reload` is called. */
export class PolicySource {
  readonly #path: string
  readonly #deny: DenyMode
  readonly #report: (loaded: PolicyOrProblems) => void
  readonly #pollMs: number
  #current: Policy
  #settling: NodeJS.Timeout | undefined

  /** `report` hears of every reload, good or bad; the file is looked at every `pollMs`. */
  constructor(
    first: Policy,
    path: string,
    deny: DenyMode,
    report: (loaded: PolicyOrProblems) => void,
    pollMs = 500,
  ) {
    this.#current = first
    this.#path = path
    this.#deny = deny
    this.#report = report
    this.#pollMs = pollMs
    // Polling by stat follows the symlink swap of a mounted ConfigMap, which inotify misses.
    watchFile(path, { interval: pollMs, persistent: false }, () => this.#settle(read(path)))
  }

  /** The policy in force now. */
  get current(): Policy {
    return this.#current
  }

  /** A file that is still being written could lack its exceptions: two equal reads are awaited. */
  #settle(seen: string | undefined): void {
    clearTimeout(this.#settling)
    this.#settling = setTimeout(() => {
      const now = read(this.#path)
      if (now === seen) this.reload()
      else this.#settle(now)
    }, this.#pollMs)
    this.#settling.unref()
  }

  /** Reads the file again; on any problem the policy in force stays. */
  reload(): void {
    const loaded = loadPolicy(this.#path, this.#deny)
    if ('policy' in loaded) {
      if (loaded.policy.version === this.#current.version) return
      this.#current = loaded.policy
    }
    this.#report(loaded)
  }

  /** Stops watching. */
  close(): void {
    clearTimeout(this.#settling)
    unwatchFile(this.#path)
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
