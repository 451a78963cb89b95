// Watches one JSON text that is too large or too live to buffer, and stops it when it holds a list.
// It keeps a few hundred bytes whatever passes; it must never pass the first entry of a list.

import type { JSONValue } from '../types.ts'
import { CacheMembers, isCacheMember, Snippet } from './held.ts'
import { type CacheRule, isDisguised, isListLike, isTargetLike } from './lists.ts'
import { findQuote, interned, isEscaped } from './strings.ts'

/** The text must not reach the client: it holds a list, or cannot be told from one that does. */
export class ListInStreamError extends Error {
  readonly code = 'ERR_LIST_IN_STREAM'
}

const MAX_DEPTH = 1_000
/** A longer raw name is none of MCP, and could fold to one. */
const MAX_NAME = 256
/** What a container is; names are read only in those that are watched. */
type Role = 'other' | 'array' | 'top' | 'result' | 'params' | 'error' | 'data'
/** The only messages that pass: no calls, or not even errors. */
export type Only = 'answers' | 'results' | undefined
/** What the next byte may be. */
type State =
  | 'start'
  | 'name_or_end'
  | 'name'
  | 'in_name'
  | 'in_other_name'
  | 'colon'
  | 'value'
  | 'value_or_end'
  | 'in_string'
  | 'scalar'
  | 'next'
  | 'done'

// Asked for every token: a Set would hash a string each time.
const isWatched = (role: Role): boolean => role !== 'other' && role !== 'array'
const isInString = (state: State): boolean =>
  state === 'in_string' || state === 'in_name' || state === 'in_other_name'

/** Scans one JSON text as it passes, in any chunking, and throws when it holds a list (T95, T126). */
export class ListGuard {
  readonly #cache: CacheMembers | undefined
  readonly #only: Only
  readonly #roles: Role[] = []
  #role: Role = 'other'
  #state: State = 'start'
  #escaped = false
  #resultSeen = false
  /** The unescaped name whose value comes next, in a watched container only. */
  #name = ''
  readonly #raw = new Snippet(MAX_NAME)
  /** The value of a cache member is held back. */
  #holding: CacheMembers | undefined
  #out: Uint8Array[] = []
  /** Bytes of the current chunk before this index have left or were replaced. */
  #sent = 0

  constructor(options: { readonly cache: CacheRule | undefined; readonly only?: Only }) {
    this.#cache = options.cache && new CacheMembers(options.cache)
    this.#only = options.only
  }

  /** Returns the bytes to pass on, or throws `ERR_LIST_IN_STREAM`; nothing of the chunk may pass then. */
  push(bytes: Uint8Array): Uint8Array[] {
    let i = 0
    while (i < bytes.length) {
      if (isInString(this.#state)) i = this.#string(bytes, i)
      else i = this.#token(bytes, i, bytes[i] as number) // i is within bounds
    }
    if (this.#cache === undefined) return [bytes]
    if (this.#holding === undefined) this.#emitUntil(bytes, bytes.length)
    else this.#holding.hold(bytes.subarray(this.#sent))
    const out = this.#out
    this.#out = []
    this.#sent = 0
    return out
  }

  /** Ends the text; throws when it is not one complete object. */
  end(): Uint8Array[] {
    if (this.#state !== 'done') throw trip('text is incomplete')
    return []
  }

  /** Takes one byte, or more, outside of strings and returns where to go on. */
  #token(bytes: Uint8Array, i: number, byte: number): number {
    if (this.#state === 'scalar') return this.#scalar(bytes, i)
    if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) return i + 1
    switch (this.#state) {
      case 'value_or_end':
        if (byte === 0x5d) return this.#close(bytes, i, byte)
        return this.#value(bytes, i, byte)
      case 'value':
        return this.#value(bytes, i, byte)
      case 'name_or_end':
        if (byte === 0x7d) return this.#close(bytes, i, byte)
        return this.#startName(i, byte)
      case 'name':
        return this.#startName(i, byte)
      case 'colon':
        if (byte !== 0x3a) throw trip('text is not JSON')
        this.#state = 'value'
        return i + 1
      case 'next':
        if (byte !== 0x2c) return this.#close(bytes, i, byte)
        this.#state = this.#role === 'array' ? 'value' : 'name'
        return i + 1
      case 'start':
        if (byte !== 0x7b) throw trip('text is not an object')
        return this.#open('top', i)
      default:
        throw trip('text goes on after its end')
    }
  }

  #value(bytes: Uint8Array, i: number, byte: number): number {
    const opens = byte === 0x7b || byte === 0x5b
    if (isWatched(this.#role)) this.#checkValue(opens, byte === 0x7b)
    if (opens) return this.#open(byte === 0x5b ? 'array' : this.#childRole(), i)
    if (this.#role === 'result' && this.#cache?.begin(this.#name) === true) {
      this.#holding = this.#cache
      this.#emitUntil(bytes, i)
    }
    this.#state = byte === 0x22 ? 'in_string' : 'scalar'
    if (byte !== 0x22 && !isScalar(byte)) throw trip('text is not JSON')
    return i + 1
  }

  /** Refuses lists, and what would make another member the result (T95, T96). */
  #checkValue(opens: boolean, isObject: boolean): void {
    if (opens && isListLike(this.#name)) throw trip('a list is where none belongs')
    if (this.#role === 'top') {
      if (this.#name === 'result' && !isObject) throw trip('the result is not an object')
      if (this.#name === 'params' && opens && !isObject) throw trip('the params are not an object')
      return
    }
    const isCache = this.#role === 'result' && this.#cache !== undefined
    if (isCache && opens && isCacheMember(this.#name)) throw trip('a cache member is no scalar')
  }

  #childRole(): Role {
    const name = this.#name
    if (this.#role === 'error' && name === 'data') return 'data'
    if (this.#role !== 'top') return 'other'
    return name === 'result' || name === 'params' || name === 'error' ? name : 'other'
  }

  #open(role: Role, i: number): number {
    if (this.#roles.length >= MAX_DEPTH) throw trip('text is nested too deeply')
    this.#roles.push(this.#role)
    this.#role = role
    this.#state = role === 'array' ? 'value_or_end' : 'name_or_end'
    return i + 1
  }

  #close(bytes: Uint8Array, i: number, byte: number): number {
    if (byte !== (this.#role === 'array' ? 0x5d : 0x7d)) throw trip('text is not JSON')
    if (this.#role === 'result' && this.#cache !== undefined) {
      this.#emitUntil(bytes, i)
      this.#emit(this.#cache.missing(this.#state === 'name_or_end'))
    }
    this.#role = this.#roles.pop() as Role // what is closed was opened
    this.#state = this.#roles.length === 0 ? 'done' : 'next'
    return i + 1
  }

  #startName(i: number, byte: number): number {
    if (byte !== 0x22) throw trip('text is not JSON')
    this.#state = isWatched(this.#role) ? 'in_name' : 'in_other_name'
    this.#raw.clear()
    return i + 1
  }

  /** Skips to the end of a string, or of the chunk; only watched names are looked at. */
  #string(bytes: Uint8Array, from: number): number {
    const low = this.#escaped ? from + 1 : from
    let quote = findQuote(bytes, low)
    while (isEscaped(bytes, quote, low)) quote = findQuote(bytes, quote + 1)
    const stop = quote < 0 ? bytes.length : quote
    this.#escaped = isEscaped(bytes, stop, low)
    if (quote >= 0 && this.#state === 'in_name' && this.#raw.isEmpty) {
      const name = quote - from > MAX_NAME ? undefined : interned(bytes, from, quote)
      if (name === undefined) this.#raw.add(bytes.subarray(from, quote))
      this.#endName(name ?? this.#raw.parse('"'))
      return quote + 1
    }
    if (this.#state === 'in_name') this.#raw.add(bytes.subarray(from, stop))
    if (quote < 0) return stop
    if (this.#state === 'in_name') this.#endName(this.#raw.parse('"'))
    else if (this.#state === 'in_other_name') this.#state = 'colon'
    else this.#endValue(bytes, quote + 1)
    return quote + 1
  }

  #endName(name: JSONValue | undefined): void {
    this.#state = 'colon'
    if (typeof name !== 'string') throw trip('a name is too long, or no JSON')
    this.#name = name
    if (this.#role === 'params' && isTargetLike(this.#name)) throw trip('it names a target') // R28
    if (this.#role !== 'top') return
    if (isDisguised(this.#name)) throw trip('a member passes for one of the envelope')
    if (this.#only !== undefined && this.#name === 'method') throw trip('the message is no answer')
    if (this.#only === 'results' && this.#name === 'error') throw trip('nobody judged it') // T102
    if (this.#name !== 'result') return
    if (this.#resultSeen) throw trip('there are two results')
    this.#resultSeen = true
  }

  #scalar(bytes: Uint8Array, from: number): number {
    let i = from
    while (i < bytes.length && isScalar(bytes[i] as number)) i++ // i is within bounds
    if (i < bytes.length) this.#endValue(bytes, i)
    return i
  }

  #endValue(bytes: Uint8Array, end: number): void {
    this.#state = 'next'
    if (this.#holding === undefined) return
    this.#holding.hold(bytes.subarray(this.#sent, end))
    const value = this.#holding.finish()
    if (value === undefined) throw trip('the type of the result is too long')
    this.#emit(value)
    this.#sent = end
    this.#holding = undefined
  }

  #emitUntil(bytes: Uint8Array, end: number): void {
    this.#emit(bytes.subarray(this.#sent, end))
    this.#sent = end
  }

  #emit(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#out.push(bytes)
  }
}

function trip(fact: string): ListInStreamError {
  return new ListInStreamError(fact)
}

/** A byte of a number, `true`, `false` or `null`; the client's parser judges the rest. */
function isScalar(byte: number): boolean {
  if (byte >= 0x61) return byte <= 0x7a
  return (byte >= 0x2d && byte <= 0x39 && byte !== 0x2f) || byte === 0x2b || byte === 0x45
}
