// What the guard of streamed text holds back: a name, or the value of a cache member while it is
// rewritten. It must never hold more than a few hundred bytes.

import type { JSONValue } from '../types.ts'
import { fold } from './fold.ts'
import { type CacheRule, capTtl } from './lists.ts'

/** Longer scalars are no cache member that we would keep. */
const MAX_SCALAR = 64
const NONE = new Uint8Array()
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A few bytes of a JSON text, collected over any chunks; more than `max` are forgotten. */
export class Snippet {
  readonly #max: number
  /** Made when it is needed: most names lie in one chunk. */
  #bytes = NONE
  #length = 0

  constructor(max: number) {
    this.#max = max
  }

  get isTooLong(): boolean {
    return this.#length > this.#max
  }

  get isEmpty(): boolean {
    return this.#length === 0
  }

  clear(): void {
    this.#length = 0
  }

  add(bytes: Uint8Array): void {
    const length = this.#length + bytes.length
    if (this.#bytes === NONE) this.#bytes = new Uint8Array(this.#max)
    if (length <= this.#max) this.#bytes.set(bytes, this.#length)
    this.#length = length
  }

  copy(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }

  /** The scalar between `quotes`, or undefined when it is too long or not JSON. */
  parse(quotes: '' | '"'): JSONValue | undefined {
    if (this.isTooLong) return undefined
    try {
      const text = decoder.decode(this.#bytes.subarray(0, this.#length))
      // JSON.parse yields JSON values only.
      return JSON.parse(quotes + text + quotes) as JSONValue
    } catch {
      return undefined
    }
  }
}

/** Tells whether a member of a result says how long, or for whom, it may be cached (R35). */
export function isCacheMember(name: string): boolean {
  const folded = fold(name)
  return folded === 'cachescope' || folded === 'ttlms'
}

/** Rewrites the cache members of one result while it passes (R34, R35, T105). */
export class CacheMembers {
  readonly #rule: CacheRule
  readonly #value = new Snippet(MAX_SCALAR)
  readonly #seen = new Set<string>()
  #name = ''
  #isComplete = true

  constructor(rule: CacheRule) {
    this.#rule = rule
  }

  /** Tells whether the value of this member must be held back, and starts to. */
  begin(name: string): boolean {
    if (name !== 'resultType' && !isCacheMember(name)) return false
    this.#name = name
    this.#seen.add(name)
    this.#value.clear()
    return true
  }

  hold(bytes: Uint8Array): void {
    this.#value.add(bytes)
  }

  /** The value to send instead of the one held, or undefined when none can be told. */
  finish(): Uint8Array | undefined {
    const value = this.#value.parse('')
    if (this.#name === 'resultType') {
      this.#isComplete = value === 'complete'
      return this.#value.isTooLong ? undefined : this.#value.copy()
    }
    const isTtl = fold(this.#name) === 'ttlms'
    const wanted = isTtl ? capTtl(value ?? null, this.#rule.ttlMs) : 'private'
    return value === wanted ? this.#value.copy() : encoder.encode(JSON.stringify(wanted))
  }

  /** What to add before the closing brace; an unfinished result must have none (R34). */
  missing(isEmpty: boolean): Uint8Array {
    const added: string[] = []
    if (this.#rule.insert && this.#isComplete) {
      if (!this.#seen.has('ttlMs')) added.push(`"ttlMs":${this.#rule.ttlMs}`)
      if (!this.#seen.has('cacheScope')) added.push('"cacheScope":"private"')
    }
    const comma = isEmpty || added.length === 0 ? '' : ','
    return encoder.encode(comma + added.join(','))
  }
}
