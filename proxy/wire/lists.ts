// Cuts denied entries out of a list result and keeps it out of shared caches. Every byte it does not
// have to change stays as it came (R24); it must never keep an entry it cannot name.

import type { JSONObject, JSONValue, ListName } from '../types.ts'
import { elementsAt, type MemberSpan, membersAt, valueStart } from './json.ts'

/** What a result may say about caching: the cap of `ttlMs`, and whether to add what is absent. */
export type CacheRule = { readonly ttlMs: number; readonly insert: boolean }
export type Filtered = { readonly text: string; readonly hidden: number; readonly kept: number }

type Edit = { readonly start: number; readonly end: number; readonly text: string }

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

const ENVELOPE: ReadonlySet<string> = new Set([
  'jsonrpc',
  'id',
  'method',
  'params',
  'result',
  'error',
])
const FOLDED_LISTS: ReadonlySet<string> = new Set(LIST_NAMES.map(fold))

/** Reduces a name to what a lenient parser may take it for: NFKC, then lower case (T6). */
export function fold(name: string): string {
  return (/^[\0-\x7f]*$/.test(name) ? name : name.normalize('NFKC')).toLowerCase()
}

/** Tells whether a lenient parser could take a member of this name for a list (T6). */
export function isListLike(name: string): boolean {
  return FOLDED_LISTS.has(fold(name))
}

/** Tells whether a name is not, but may pass for, a member of the JSON-RPC envelope (T6, T95). */
export function isDisguised(name: string): boolean {
  return !ENVELOPE.has(name) && ENVELOPE.has(fold(name))
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
  const span = result?.members.get(list)
  if (result === undefined || span === undefined || text[span.start] !== '[') return undefined
  // The text between these indices is an array of a valid JSON text.
  const entries = JSON.parse(text.slice(span.start, span.end)) as JSONValue[]
  const keep = entries.map((entry) => {
    const name = nameOf(entry, list)
    return name !== undefined && may(name)
  })
  const kept = keep.filter(Boolean).length
  const edits = kept === keep.length ? [] : cuts(text, span.start, keep)
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

type ResultSpan = { readonly start: number; readonly members: Map<string, MemberSpan> }

function resultMembers(text: string): ResultSpan | undefined {
  const top = valueStart(text, 0)
  if (text[top] !== '{') return undefined
  const start = membersAt(text, top).get('result')?.start
  if (start === undefined || text[start] !== '{') return undefined
  return { start, members: membersAt(text, start) }
}

/** The name an entry is judged by; none when a lenient parser could read another one (T6). */
function nameOf(entry: JSONValue, list: ListName): string | undefined {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return undefined
  const object = entry as JSONObject // Array.isArray does not narrow readonly arrays
  const key = KEYS[list]
  const taken = [key.toLowerCase(), list.toLowerCase()]
  for (const member of Object.keys(object)) {
    // T95: a list inside of an entry would pass unfiltered.
    if (member !== key && taken.includes(fold(member))) return undefined
  }
  const name = Object.hasOwn(object, key) ? object[key] : undefined
  return typeof name === 'string' ? name : undefined
}

/** Each cut takes one comma along: the one before the entry, or after it while none is kept yet. */
function cuts(text: string, start: number, keep: readonly boolean[]): Edit[] {
  const spans = elementsAt(text, start)
  const first = keep.indexOf(true)
  const head = spans[0]?.start ?? start
  if (first < 0) return [{ start: head, end: spans.at(-1)?.end ?? head, text: '' }]
  const edits: Edit[] =
    first > 0 ? [{ start: head, end: spans[first]?.start ?? head, text: '' }] : []
  let last = spans[first]?.end ?? head
  spans.forEach((span, n) => {
    if (n <= first) return
    if (keep[n] !== true) edits.push({ start: last, end: span.end, text: '' })
    last = span.end
  })
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

function splice(text: string, edits: Edit[]): string {
  if (edits.length === 0) return text
  edits.sort((a, b) => a.start - b.start)
  const parts: string[] = []
  let at = 0
  for (const edit of edits) {
    parts.push(text.slice(at, edit.start), edit.text)
    at = edit.end
  }
  parts.push(text.slice(at))
  return parts.join('')
}
