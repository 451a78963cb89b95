// Judges one message on its way from the upstream to the client, whether it came as a JSON body or
// as one event of a stream. What has no known shape is dropped; it must never be passed on.

import type {
  Era,
  JSONObject,
  JSONValue,
  ListName,
  RequestId,
  Target,
  TargetKind,
} from '../types.ts'
import { isObject } from './eras.ts'
import { fold } from './fold.ts'
import { type Fault, parseText } from './json.ts'
import {
  type CacheRule,
  filterList,
  holdsList,
  isDisguised,
  isListLike,
  LIST_NAMES,
  membersIn,
  privatize,
} from './lists.ts'

/** What the stream or body may answer. */
export type Expect = {
  /** The request that a POST answer belongs to; undefined on a GET stream, where any id may come. */
  readonly id: RequestId | undefined
  readonly list: ListName | undefined
  readonly era: Era
}

/** What the caller may see. */
export type Rules = {
  may(target: Target): boolean
  cacheFor(era: Era): CacheRule | undefined
  /** The result holds no list, and yet not everybody may have it: discover, resources/read (R35). */
  readonly privatize: boolean
}

export type DropReason =
  | Fault['fault']
  | 'batch'
  | 'bad_shape'
  | 'look_alike'
  | 'wrong_id'
  | 'misplaced_list'
  | 'list_missing'
  | 'target_denied'

export type Hidden = { readonly [list in ListName]?: number }

/** `value` is always what the upstream sent, also when `text` was changed. */
export type Verdict =
  | { readonly pass: 'same'; readonly value: JSONObject }
  | {
      readonly pass: 'changed'
      readonly text: string
      readonly hidden: Hidden
      readonly value: JSONObject
    }
  | { readonly drop: DropReason }

const MAX_DEPTH = 128
const KINDS: { readonly [list in ListName]: TargetKind } = {
  tools: 'tool',
  prompts: 'prompt',
  resources: 'resource',
  resourceTemplates: 'template',
  tasks: 'task',
}
const MESSAGES: ReadonlyMap<JSONValue | undefined, string> = new Map([
  [-32700, 'Parse error'],
  [-32600, 'Invalid Request'],
  [-32601, 'Method not found'],
  [-32602, 'Invalid params'],
  [-32603, 'Internal error'],
])
/** Errors whose data the client acts on: header mismatch, missing capability, version (2026-07-28). */
const DATA_CODES: ReadonlySet<JSONValue | undefined> = new Set([-32020, -32021, -32022])

/** Decides whether one upstream message passes, passes filtered, or is dropped (R30, T92-T102). */
export function judgeFrame(text: string, expect: Expect, rules: Rules): Verdict {
  const parsed = parseText(text, MAX_DEPTH)
  if (!parsed.ok) return { drop: parsed.fault }
  const value = parsed.value
  if (!isObject(value)) return { drop: Array.isArray(value) ? 'batch' : 'bad_shape' }
  for (const name of Object.keys(value)) {
    if (isDisguised(name)) return { drop: 'look_alike' }
  }
  const shape = shapeOf(value)
  if (shape === undefined) return { drop: 'bad_shape' }
  if (hasList(value)) return { drop: 'misplaced_list' }
  switch (shape.kind) {
    case 'call':
      return judgeCall(value, shape, rules)
    case 'error':
      return judgeError(text, value, shape, expect)
    case 'result':
      return judgeResult(text, value, shape, expect, rules)
  }
}

type Call = { readonly kind: 'call'; readonly method: string; readonly params: JSONObject }
type ErrorAnswer = {
  readonly kind: 'error'
  readonly id: RequestId | null | undefined
  readonly error: JSONObject
}
type Result = { readonly kind: 'result'; readonly id: RequestId; readonly result: JSONObject }

/** Exactly one of the JSON-RPC shapes, or none (T95). */
function shapeOf(value: JSONObject): Call | ErrorAnswer | Result | undefined {
  const { jsonrpc, id, method, params, result, error } = value
  if (jsonrpc !== '2.0') return undefined
  if (method !== undefined) {
    if (typeof method !== 'string' || result !== undefined || error !== undefined) return undefined
    if (!(id === undefined || isId(id))) return undefined
    if (params === undefined) return { kind: 'call', method, params: {} }
    return isObject(params) ? { kind: 'call', method, params } : undefined
  }
  if (params !== undefined) return undefined
  if (result !== undefined) {
    if (error !== undefined || !isObject(result) || !isId(id)) return undefined
    return { kind: 'result', id, result }
  }
  if (!isObject(error) || !(id === undefined || id === null || isId(id))) return undefined
  const { code, message } = error
  if (!Number.isInteger(code) || typeof message !== 'string') return undefined
  return { kind: 'error', id, error }
}

/** A request or notification of the server: no lists, and no targets the caller may not read. */
function judgeCall(value: JSONObject, { method, params }: Call, rules: Rules): Verdict {
  const allowed = method === 'sampling/createMessage' ? 'tools' : undefined // R29: not MCP tools
  if (hasList(params, allowed)) return { drop: 'misplaced_list' }
  const folded = fold(method)
  const mayPass =
    folded === 'notifications/resources/updated'
      ? mayName(params, 'uri', 'resource', rules) // R28, T101
      : !folded.startsWith('notifications/tasks') || mayName(params, 'taskId', 'task', rules) // R31
  return mayPass ? { pass: 'same', value } : { drop: 'target_denied' }
}

/** The text of an upstream's error may name what a list hides, so a list request never shows it. */
function judgeError(
  text: string,
  value: JSONObject,
  { id, error }: ErrorAnswer,
  expect: Expect,
): Verdict {
  const hasId = id !== undefined && id !== null
  if (hasId && expect.id !== undefined && id !== expect.id) return { drop: 'wrong_id' }
  if (hasList(error) || (isObject(error['data']) && hasList(error['data']))) {
    return { drop: 'misplaced_list' }
  }
  // T100: on a replay it may answer a list request; only what has no id answers none.
  const isReplay = expect.id === undefined && hasId
  if (expect.list === undefined && !isReplay) return { pass: 'same', value }
  const { code } = error
  const message = JSON.stringify(MESSAGES.get(code) ?? 'Upstream error')
  const kept = DATA_CODES.has(code) ? membersIn(text, 'error').get('data') : undefined
  const extra = kept === undefined ? '' : `,"data":${text.slice(kept.start, kept.end)}`
  const shown = id === undefined ? '' : `"id":${JSON.stringify(id)},`
  const clean = `{"jsonrpc":"2.0",${shown}"error":{"code":${code},"message":${message}${extra}}}`
  return { pass: 'changed', text: clean, hidden: {}, value }
}

function judgeResult(
  text: string,
  value: JSONObject,
  { id, result }: Result,
  expect: Expect,
  rules: Rules,
): Verdict {
  if (expect.id !== undefined && id !== expect.id) return { drop: 'wrong_id' }
  const lists = listsIn(result, expect)
  if (hasList(result, ...lists)) return { drop: 'misplaced_list' }
  if (expect.list !== undefined && !lists.includes(expect.list)) return { drop: 'list_missing' }

  const cache = rules.cacheFor(expect.era)
  if (lists.length === 0) return changed(text, withoutList(text, expect, rules, cache), {}, value)
  const others = Object.keys(result).filter((name) => !lists.includes(name as ListName))
  if (others.some((name) => holdsList(result[name]))) return { drop: 'misplaced_list' } // T107
  const hidden: { [list in ListName]?: number } = {}
  let out = text
  for (const list of lists) {
    const may = (name: string) => rules.may({ kind: KINDS[list], name })
    const filtered = filterList(out, list, may, cache)
    if (filtered === undefined) return { drop: 'list_missing' }
    if (filtered.hidden > 0) hidden[list] = filtered.hidden
    out = filtered.text
  }
  return changed(text, out, hidden, value)
}

/** A result without a list: made private where not everybody may have it (R35). */
function withoutList(
  text: string,
  expect: Expect,
  rules: Rules,
  cache: CacheRule | undefined,
): string {
  if (cache === undefined) return text
  if (rules.privatize) return privatize(text, cache)
  // A replay does not say which request it answers (R30): only what is there is made private.
  return expect.id === undefined ? privatize(text, { ...cache, insert: false }) : text
}

function changed(text: string, out: string, hidden: Hidden, value: JSONObject): Verdict {
  return out === text ? { pass: 'same', value } : { pass: 'changed', text: out, hidden, value }
}

/** The lists to filter: the one asked for, or on a replay whichever came (R30, T100). */
function listsIn(result: JSONObject, expect: Expect): ListName[] {
  return LIST_NAMES.filter(
    (list) => (expect.id === undefined || list === expect.list) && isContainer(result[list]),
  )
}

/** Tells whether a member that is, or passes for, a list holds anything; exact names may be allowed. */
function hasList(holder: JSONObject, ...allowed: readonly (string | undefined)[]): boolean {
  return Object.keys(holder).some(
    (name) => isContainer(holder[name]) && isListLike(name) && !allowed.includes(name),
  )
}

/** Tells whether `params[key]` names a permitted target and no look-alike names another (T6). */
function mayName(params: JSONObject, key: string, kind: TargetKind, rules: Rules): boolean {
  const name = params[key]
  if (typeof name !== 'string') return false
  const folded = fold(key)
  if (Object.keys(params).some((other) => other !== key && fold(other) === folded)) return false
  return rules.may({ kind, name })
}

function isContainer(value: JSONValue | undefined): boolean {
  return typeof value === 'object' && value !== null
}

function isId(id: JSONValue | undefined): id is RequestId {
  return typeof id === 'string' || Number.isSafeInteger(id)
}
