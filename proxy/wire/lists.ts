// Cuts denied entries out of a list result and keeps it out of shared caches. Every byte it does not
// have to change stays as it came (R24); it must never keep an entry it cannot name.

import type { JSONValue, ListName, Span } from '../types.ts'
import { ENVELOPE, isObject } from './eras.ts'
import { fold } from './fold.ts'
import { valueStart } from './json.ts'
import { elementsAt, type MemberSpan, membersAt } from './spans.ts'

/** What a result may say about caching: the cap of `ttlMs`, and whether to add what is absent. */
export type CacheRule = { readonly ttlMs: number; readonly insert: boolean }
export type Filtered = { readonly text: string; readonly hidden: number; readonly kept: number }

/** A stretch of text and what takes its place. */
export type Edit = { readonly start: number; readonly end: number; readonly text: string }

const KEYS: { readonly [list in ListName]: string } = {
  tools: 'name',
  prompts: 'name',
  resources: 'uri',
  resourceTemplates: 'uriTemplate',
  tasks: 'taskId',
}

/** The members of a result that hold a list. */
export const LIST_NAMES: readonly ListName[] = [
  'tools',
  'prompts',
  'resources',
  'resourceTemplates',
  'tasks',
]

const ENVELOPE_NAMES: ReadonlySet<string> = new Set(ENVELOPE)
const FOLDED_LISTS: ReadonlySet<string> = new Set(LIST_NAMES.map(fold))

/** Tells whether a lenient parser could take a member of this name for a list (T6). */
export function isListLike(name: string): boolean {
  return FOLDED_LISTS.has(fold(name))
}

/** Tells whether a lenient parser could take it for what a notification is judged by (R28, R31). */
export function isTargetLike(name: string): boolean {
  const folded = fold(name)
  return folded === 'uri' || folded === 'taskid'
}

/** Tells whether anything in a value may pass for a list: a server may repeat its own (T107). */
export function holdsList(value: JSONValue | undefined): boolean {
  const open = [value]
  while (open.length > 0) {
    const next = open.pop()
    if (typeof next !== 'object' || next === null) continue
    for (const [name, held] of Object.entries(next)) {
      if (typeof held === 'object' && held !== null && isListLike(name)) return true
      open.push(held)
    }
  }
  return false
}

/** Tells whether a name is not, but may pass for, a member of the JSON-RPC envelope (T6, T95). */
export function isDisguised(name: string): boolean {
  return !ENVELOPE_NAMES.has(name) && ENVELOPE_NAMES.has(fold(name))
}

/**
 * Filters `result[list]` of one strictly parsed response and rewrites its cache members (R30, R35,
 * T105); it answers undefined when there is no such list, and the caller must then drop the message.
 */
export function filterList(
  text: string,
  list: ListName,
  may: (name: string) => boolean,
  cache: CacheRule | undefined,
): Filtered | undefined {
  const result = resultMembers(text)
  if (result === undefined) return undefined
  const span = result.members.get(list)
  if (span === undefined || text[span.start] !== '[') return undefined
  // The text between these indices is an array of a valid JSON text.
  const entries = JSON.parse(text.slice(span.start, span.end)) as JSONValue[]
  const keep = entries.map((entry) => {
    const name = nameOf(entry, list)
    return name !== undefined && may(name)
  })
  const kept = keep.filter(Boolean).length
  const edits = kept === keep.length ? [] : cutItems(elementsAt(text, span.start), keep)
  if (cache !== undefined) edits.push(...cacheEdits(text, result, cache))
  return { text: splice(text, edits), hidden: keep.length - kept, kept }
}

/** Rewrites only the cache members of a response's result, for results that hold no list (R35). */
export function privatize(text: string, cache: CacheRule): string {
  const result = resultMembers(text)
  return result === undefined ? text : splice(text, cacheEdits(text, result, cache))
}

/** The `ttlMs` a result may carry at most, given what the upstream said (R35). */
export function capTtl(upstream: JSONValue, ttlMs: number): number {
  if (typeof upstream !== 'number' || !(upstream >= 0)) return 0
  return Math.min(upstream, ttlMs)
}

/** The members of the object that `path` leads to from the outermost one; none when none is there. */
export function membersIn(
  text: string,
  ...path: readonly string[]
): ReadonlyMap<string, MemberSpan> {
  let members = objectAt(text, valueStart(text, 0))
  for (const name of path) members = objectAt(text, members.get(name)?.start)
  return members
}

type ResultSpan = { readonly start: number; readonly members: ReadonlyMap<string, MemberSpan> }

function resultMembers(text: string): ResultSpan | undefined {
  const start = membersIn(text).get('result')?.start
  if (start === undefined || text[start] !== '{') return undefined
  return { start, members: membersAt(text, start) }
}

function objectAt(text: string, start: number | undefined): ReadonlyMap<string, MemberSpan> {
  return start !== undefined && text[start] === '{' ? membersAt(text, start) : new Map()
}

/** The name an entry is judged by; none when a lenient parser could read another one (T6). */
function nameOf(entry: JSONValue, list: ListName): string | undefined {
  if (!isObject(entry)) return undefined
  const key = KEYS[list]
  const taken = [fold(key), fold(list)]
  for (const member of Object.keys(entry)) {
    // T95: a list inside of an entry would pass unfiltered.
    if (member !== key && taken.includes(fold(member))) return undefined
  }
  const name = Object.hasOwn(entry, key) ? entry[key] : undefined
  return typeof name === 'string' ? name : undefined
}

/**
 * The edits that leave only the items to keep; each takes one comma along, the one before its item,
 * or after it while none is kept yet.
 */
export function cutItems(items: readonly Span[], keep: readonly boolean[]): Edit[] {
  const edits: Edit[] = []
  let from: number | undefined
  let until: number | undefined
  let isAnyKept = false
  for (const [n, { start, end }] of items.entries()) {
    from ??= start
    if (keep[n] !== true) {
      until = end
      continue
    }
    if (!isAnyKept) edits.push({ start: from, end: start, text: '' })
    else if (until !== undefined) edits.push({ start: from, end: until, text: '' })
    isAnyKept = true
    from = end
    until = undefined
  }
  if (from !== undefined && until !== undefined) edits.push({ start: from, end: until, text: '' })
  return edits
}

function cacheEdits(text: string, result: ResultSpan, cache: CacheRule): Edit[] {
  const edits: Edit[] = []
  for (const [name, { start, end }] of result.members) {
    const folded = fold(name)
    if (folded !== 'cachescope' && folded !== 'ttlms') continue
    // The text between these indices is one JSON value.
    const value = JSON.parse(text.slice(start, end)) as JSONValue
    const wanted = folded === 'ttlms' ? capTtl(value, cache.ttlMs) : 'private'
    if (value !== wanted) edits.push({ start, end, text: JSON.stringify(wanted) })
  }
  const added = cache.insert ? missing(text, result, cache.ttlMs) : []
  if (added.length > 0) {
    const comma = result.members.size > 0 ? ',' : ''
    const at = result.start + 1
    edits.push({ start: at, end: at, text: added.join(',') + comma })
  }
  return edits
}

/** The cache members to add; an unfinished result (`input_required`) must have none (R34). */
function missing(text: string, result: ResultSpan, ttlMs: number): string[] {
  const type = result.members.get('resultType')
  if (type !== undefined && text.slice(type.start, type.end) !== '"complete"') return []
  const added: string[] = []
  if (!result.members.has('ttlMs')) added.push(`"ttlMs":${ttlMs}`)
  if (!result.members.has('cacheScope')) added.push('"cacheScope":"private"')
  return added
}

/** Puts the edits, which do not overlap, into a text. */
export function splice(text: string, edits: readonly Edit[]): string {
  const parts: string[] = []
  let at = 0
  for (const edit of edits.toSorted((a, b) => a.start - b.start)) {
    parts.push(text.slice(at, edit.start), edit.text)
    at = edit.end
  }
  parts.push(text.slice(at))
  return parts.join('')
}
