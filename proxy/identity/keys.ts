// Holds the public keys of one issuer: finds them, fetches them, and knows how old they are.
// It must never follow a redirect, fetch an address that a token names, or keep a secret key.

import { type CryptoKey, importJWK } from 'jose'
import { LRUCache } from 'lru-cache'
import {
  assertFetchable,
  discoverKeySet,
  fits,
  MetadataFault,
  type PublicKey,
  readKeySet,
} from './metadata.ts'

/** What a KeySource needs to know; every limit has a default. */
export type KeySourceOptions = {
  /** The exact `iss`; its metadata names the key set unless `jwksUrl` is set. */
  readonly issuer: string
  readonly jwksUrl: URL | undefined
  /** Milliseconds; only differences count, so a monotonic clock is best (T138). */
  readonly now: () => number
  readonly fetchImpl?: typeof fetch
  /** One whole load, discovery included; default 5 s. */
  readonly timeoutMs?: number
  /** Of one document; default 256 KiB. */
  readonly maxBytes?: number
  /** Least time between two loads; default 1 s. */
  readonly cooldownMs?: number
  /** A loaded set is fetched again after this; default 10 min. */
  readonly refreshMs?: number
  /** A set that cannot be refreshed is used for this long; default 1 h. */
  readonly staleMs?: number
  readonly onRefresh?: (result: RefreshResult, facts: RefreshFacts) => void
}

/** Why there is no key: the set does not have it, or there is no set to ask. */
export type UnusableKey = 'unknown' | 'unavailable'
/** How a load ended: with a new set, the same set, or none. */
export type RefreshResult = 'ok' | 'unchanged' | 'error'
/** Why a load failed (else empty), and the keys in use after it (T78). */
export type RefreshFacts = { readonly detail: string; readonly thumbprints: readonly string[] }

/** A public key ready to verify with, and the RFC 7638 thumbprint it is remembered by. */
export type VerificationKey = { readonly key: CryptoKey; readonly thumbprint: string }

// An issuer that is back must be used again within 10 s, a slow load included.
const MAX_BACKOFF_MS = 5_000
const UNKNOWN_KID_MS = 30_000

/**
 * The key set of one issuer: single flight, at most one load per cool-down, the last good set kept
 * while the issuer is down (T76, T77, T79); the constructor throws a MetadataFault for an address
 * that is neither https nor http on loopback.
 */
export class KeySource {
  readonly #options: Required<Omit<KeySourceOptions, 'jwksUrl'>>
  readonly #configured: URL | undefined
  readonly #closing = new AbortController()
  /** Kids that a later load did not have, and until when nobody asks again. */
  readonly #unknown = new LRUCache<string, number>({ max: 1000 })
  #discovered: URL | undefined
  #origin: string | undefined
  #entries: readonly PublicKey[] = []
  #thumbprints: ReadonlySet<string> = new Set()
  #generation = 0
  #loadedAt: number | undefined
  #notBefore = Number.NEGATIVE_INFINITY
  #failures = 0
  /** Loads are numbered: only a load that began after a kid was seen proves the kid unknown. */
  #begun = 0
  #succeeded = 0
  #loading: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined

  constructor({ jwksUrl, ...options }: KeySourceOptions) {
    assertFetchable(jwksUrl ?? new URL(options.issuer))
    this.#configured = jwksUrl
    this.#options = {
      fetchImpl: fetch,
      timeoutMs: 5000,
      maxBytes: 256 * 1024,
      cooldownMs: 1000,
      refreshMs: 600_000,
      staleMs: 3_600_000,
      onRefresh: () => {},
      ...options,
    }
  }

  /** True while a loaded set is young enough to be used. */
  get ready(): boolean {
    return this.ageSeconds() * 1000 <= this.#options.staleMs
  }

  /** Counts the changes of the key set, starting at 0 before the first load. */
  get generation(): number {
    return this.#generation
  }

  /** Seconds since the last successful load; infinite before the first. */
  ageSeconds(): number {
    if (this.#loadedAt === undefined) return Number.POSITIVE_INFINITY
    return (this.#options.now() - this.#loadedAt) / 1000
  }

  /** The RFC 7638 thumbprints of the usable keys. */
  thumbprints(): readonly string[] {
    return [...this.#thumbprints]
  }

  /** True while tokens signed by this key count: it is in the set and the set is not too old. */
  has(thumbprint: string): boolean {
    return this.ready && this.#thumbprints.has(thumbprint)
  }

  /** Begins loading, retries with growing pauses of at most 5 s, and then keeps the set fresh. */
  start(): void {
    void this.#keepFresh()
  }

  /** Stops the timer, aborts what is in flight and waits for it. */
  async close(): Promise<void> {
    this.#closing.abort()
    clearTimeout(this.#timer)
    await this.#loading
  }

  /**
   * The key for a token header; `unknown` when no one key fits both kid and algorithm (T62, T63),
   * `unavailable` when that cannot be told because the issuer does not answer (T77).
   */
  async key(kid: string | undefined, alg: string): Promise<VerificationKey | UnusableKey> {
    if (!this.ready) await this.refresh()
    if (!this.ready) return 'unavailable'
    if (this.ageSeconds() * 1000 > this.#options.refreshMs) void this.refresh()
    const known = this.#find(kid, alg)
    const found = known === 'absent' ? await this.#hunt(kid, alg) : known
    return typeof found === 'string' ? found : importFor(found, alg)
  }

  /** Loads the set once for all callers, unless the cool-down forbids it; never rejects. */
  async refresh(): Promise<void> {
    if (this.#closing.signal.aborted) return
    if (this.#loading === undefined && this.#options.now() >= this.#notBefore) {
      this.#loading = this.#attempt().finally(() => {
        this.#loading = undefined
      })
    }
    await this.#loading
  }

  #find(kid: string | undefined, alg: string): PublicKey | 'absent' | 'unknown' {
    const named = this.#entries.filter((entry) => kid === undefined || entry.kid === kid)
    const fitting = named.filter((entry) => fits(entry, alg))
    // Without a kid only keys of the algorithm compete; with one, a kid must mean one key (T63).
    const rivals = kid === undefined ? fitting : named
    if (rivals.length === 0) return 'absent'
    if (new Set(rivals.map((entry) => entry.thumbprint)).size > 1) return 'unknown'
    return fitting[0] ?? 'unknown'
  }

  /** A load under way may have begun before the issuer rotated, so a second one may follow (T76). */
  async #hunt(kid: string | undefined, alg: string): Promise<PublicKey | UnusableKey> {
    const name = kid ?? ''
    if (this.#options.now() < (this.#unknown.get(name) ?? 0)) return 'unknown'
    const seen = this.#begun
    for (let turn = 0; turn < 2 && this.#succeeded <= seen; turn++) {
      await this.refresh()
      const found = this.#find(kid, alg)
      if (found !== 'absent') return found
    }
    if (this.#succeeded > seen) this.#unknown.set(name, this.#options.now() + UNKNOWN_KID_MS)
    return this.#failures > 0 ? 'unavailable' : 'unknown'
  }

  async #keepFresh(): Promise<void> {
    await this.refresh()
    if (this.#closing.signal.aborted) return
    const { now, refreshMs } = this.#options
    const pause = this.#failures > 0 ? Math.max(this.#notBefore - now(), 1) : refreshMs
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#keepFresh(), pause).unref()
  }

  async #attempt(): Promise<void> {
    const { now, cooldownMs, timeoutMs, onRefresh } = this.#options
    const turn = ++this.#begun
    this.#notBefore = now() + cooldownMs
    try {
      const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(timeoutMs)])
      const changed = this.#adopt(await this.#load(signal))
      this.#succeeded = turn
      this.#failures = 0
      this.#loadedAt = now()
      onRefresh(changed ? 'ok' : 'unchanged', { detail: '', thumbprints: this.thumbprints() })
    } catch (fault) {
      if (this.#closing.signal.aborted) return
      this.#discovered = undefined
      this.#notBefore = now() + Math.min(cooldownMs * 2 ** this.#failures++, MAX_BACKOFF_MS)
      onRefresh('error', { detail: describe(fault), thumbprints: this.thumbprints() })
    }
  }

  async #load(signal: AbortSignal): Promise<readonly PublicKey[]> {
    const { fetchImpl, maxBytes, issuer } = this.#options
    const reading = { fetchImpl, maxBytes, signal }
    const url = this.#configured ?? this.#discovered ?? (await discoverKeySet(issuer, reading))
    // Metadata that suddenly names keys elsewhere is an attack until an operator restarts (T78).
    if (url.origin !== (this.#origin ?? url.origin)) throw new MetadataFault('the keys moved')
    const entries = await readKeySet(url, reading)
    this.#discovered = url
    this.#origin = url.origin
    return entries
  }

  #adopt(entries: readonly PublicKey[]): boolean {
    if (nameSet(entries) === nameSet(this.#entries)) return false
    this.#entries = entries
    this.#thumbprints = new Set(entries.map((entry) => entry.thumbprint))
    this.#generation++
    this.#unknown.clear()
    return true
  }
}

async function importFor(entry: PublicKey, alg: string): Promise<VerificationKey> {
  // An asymmetric JWK imports as a CryptoKey, never as bytes.
  const key = entry.imported.get(alg) ?? ((await importJWK(entry.jwk, alg)) as CryptoKey)
  entry.imported.set(alg, key)
  return { key, thumbprint: entry.thumbprint }
}

function nameSet(entries: readonly PublicKey[]): string {
  return JSON.stringify(entries.map(({ kid, alg, thumbprint }) => [kid, alg, thumbprint]).sort())
}

function describe(fault: unknown): string {
  if (!(fault instanceof Error)) return String(fault)
  return fault.cause === undefined ? fault.message : `${fault.message}: ${describe(fault.cause)}`
}
