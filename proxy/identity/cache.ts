// Remembers callers of verified tokens, so that one token costs one signature check.
// It must never keep a refusal, a token's text, or a caller past its expiry or its key.

import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Caller, Credentials } from '../types.ts'
import type { KeySource } from './keys.ts'
import type { TokenRefusal, Verified, Verifier } from './verifier.ts'

/** Where a cache gets its answers, and how many it keeps. */
export type TokenCacheOptions = {
  readonly verifier: Pick<Verifier, 'examine'>
  /** Asked on each hit whether the key still counts; none when a secret signs. */
  readonly keys: Pick<KeySource, 'has'> | undefined
  /** Wall clock, milliseconds since the epoch: the clock that `exp` is judged by (T138). */
  readonly now: () => number
  /** Seconds. */
  readonly clockSkewS: number
  /** Default 10,000. */
  readonly maxEntries?: number
  readonly onLookup?: (result: 'hit' | 'miss') => void
}

/**
 * A bounded cache in front of a Verifier. The SHA-256 of the text is a safe key, although T66 warns
 * of such keys: the verifier accepts one spelling of a token only, a text that differs misses and
 * is verified by itself, and a digest keeps bearer tokens out of the heap and of its size.
 */
export class TokenCache {
  readonly #options: TokenCacheOptions
  readonly #verified: LRUCache<string, Verified>
  readonly #flights = new Map<string, Promise<Verified | TokenRefusal>>()
  /** The same by the object that holds the token: a connection keeps one as long as it repeats it. */
  readonly #held = new WeakMap<Credentials, Verified>()

  constructor(options: TokenCacheOptions) {
    this.#options = options
    this.#verified = new LRUCache({ max: options.maxEntries ?? 10_000 })
  }

  /** How many callers are remembered, the expired ones that nobody asked for included. */
  get size(): number {
    return this.#verified.size
  }

  /** The caller of a remembered token that is still valid, without any waiting. */
  lookup(token: string): Caller | undefined {
    return this.#find(digest(token))?.caller
  }

  /** The caller or the refusal; at once for credentials that were verified before. */
  identify(credentials: Credentials): Caller | TokenRefusal | Promise<Caller | TokenRefusal> {
    const held = this.#held.get(credentials)
    if (held === undefined || !this.#isGood(held)) return this.#learn(credentials)
    this.#options.onLookup?.('hit')
    return held.caller
  }

  /** The caller or the refusal; concurrent requests with one token share one verification. */
  async verify(token: string): Promise<Caller | TokenRefusal> {
    const verified = await this.#examine(token)
    return 'denied' in verified ? verified : verified.caller
  }

  async #learn(credentials: Credentials): Promise<Caller | TokenRefusal> {
    const verified = await this.#examine(credentials.token)
    if ('denied' in verified) return verified
    this.#held.set(credentials, verified)
    return verified.caller
  }

  async #examine(token: string): Promise<Verified | TokenRefusal> {
    const name = digest(token)
    const known = this.#find(name)
    this.#options.onLookup?.(known === undefined ? 'miss' : 'hit')
    if (known !== undefined) return known
    let flight = this.#flights.get(name)
    if (flight === undefined) {
      flight = this.#options.verifier.examine(token).finally(() => this.#flights.delete(name))
      this.#flights.set(name, flight)
    }
    const verified = await flight
    if (!('denied' in verified)) this.#verified.set(name, verified)
    return verified
  }

  #find(name: string): Verified | undefined {
    const known = this.#verified.get(name)
    if (known === undefined || this.#isGood(known)) return known
    this.#verified.delete(name)
    return undefined
  }

  /** Not expired, and its key still counts (T66, T138). */
  #isGood({ caller, thumbprint }: Verified): boolean {
    const { now, clockSkewS, keys } = this.#options
    if (now() / 1000 >= caller.expiresAt + clockSkewS) return false
    return thumbprint === undefined || keys?.has(thumbprint) === true
  }
}

function digest(token: string): string {
  return hash('sha256', token, 'base64url')
}
