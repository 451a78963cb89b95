// Strict JSON: one reading of the bytes that no other parser can disagree with. It must never recurse,
// repair, or re-serialise what it was given.

import type { JSONValue, Span } from '../types.ts'
import { toText } from './strings.ts'

/** Where the `id` of a message and the `arguments` of its params lie, seen on the way. */
export type Marks = { id?: Span; arguments?: Span }
export type Parsed = {
  readonly ok: true
  readonly text: string
  readonly value: JSONValue
  readonly marks: Marks
}
export type Fault = {
  readonly ok: false
  readonly fault:
    | 'not_utf8'
    | 'bom'
    | 'syntax'
    | 'duplicate_key'
    | 'too_deep'
    | 'too_many_members'
    | 'forbidden_key'
  /** A constant sentence: it never quotes the input. */
  readonly detail: string
}

const DETAILS: { readonly [fault in Fault['fault']]: string } = {
  not_utf8: 'text is not UTF-8',
  bom: 'text starts with a byte order mark',
  syntax: 'text is not JSON',
  duplicate_key: 'a member name appears twice in one object',
  too_deep: 'text is nested too deeply',
  too_many_members: 'an object has too many members',
  forbidden_key: 'a member is named "__proto__"',
}
/** The message and its params; arguments may hold what they like (T20). */
const ENVELOPE_DEPTH = 2
const MAX_ENVELOPE_MEMBERS = 1_000
const MAX_MEMBERS = 100_000
/** Up to here a linear scan beats building a set. */
const FEW = 16
export const QUOTE = 0x22
export const COMMA = 0x2c
const BACKSLASH = 0x5c
export const OPEN_BRACKET = 0x5b
export const CLOSE_BRACKET = 0x5d
export const OPEN_BRACE = 0x7b
export const CLOSE_BRACE = 0x7d

/** Decodes and parses one JSON text, refusing what parsers read differently (T1-T14, T20, R9, R18). */
export function parseStrict(bytes: Uint8Array, maxDepth: number): Parsed | Fault {
  const text = toText(bytes)
  return text === undefined ? fault('not_utf8') : parseText(text, maxDepth, MAX_ENVELOPE_MEMBERS)
}

/** Parses decoded text as strictly as `parseStrict`; only requests have an envelope bound (T20). */
export function parseText(
  text: string,
  maxDepth: number,
  maxEnvelopeMembers = MAX_MEMBERS,
): Parsed | Fault {
  if (text.charCodeAt(0) === 0xfeff) return fault('bom')
  const marks: Marks = {}
  const found = scan(text, maxDepth, maxEnvelopeMembers, marks)
  // Names are parts of the text, which must not be kept by them (T127).
  names.length = 0
  if (found !== undefined) {
    levels.length = 1
    return fault(found)
  }
  try {
    // JSON.parse yields JSON values only.
    return { ok: true, text, value: JSON.parse(text) as JSONValue, marks }
  } catch {
    return fault('syntax')
  }
}

/** Returns the index of the first character at or after `i` that is not JSON white space. */
export function valueStart(text: string, i: number): number {
  while (isSpace(text.charCodeAt(i))) i++
  return i
}

function fault(kind: Fault['fault']): Fault {
  return { ok: false, fault: kind, detail: DETAILS[kind] }
}

/** Used by one scan at a time: to make them anew for each body costs more than the scan of a short one. */
const names: string[] = []
const levels: (Level | undefined)[] = [undefined]

/** The names of one open object: on the shared stack while few, in a set when many. */
type Level = { isObject: boolean; base: number; count: number; set: Set<string> | undefined }

/**
 * Bounds depth and members and finds repeated names. It knows no grammar: on text that is not
 * JSON its answer may be any, and JSON.parse has the last word.
 */
function scan(
  text: string,
  maxDepth: number,
  maxEnvelopeMembers: number,
  marks: Marks,
): Fault['fault'] | undefined {
  let depth = 0
  let level: Level | undefined
  let nameNext = false
  /** The member of the message that is being read, and the value to be marked. */
  let top = ''
  let mark: keyof Marks = 'id'
  let markStart = 0
  let markDepth = -1
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === QUOTE) {
      const end = stringEnd(text, i)
      if (end < 0) return 'syntax'
      if (nameNext && level !== undefined) {
        const name = readName(text, i, end)
        if (name === undefined) return 'syntax'
        const limit = depth <= ENVELOPE_DEPTH ? maxEnvelopeMembers : MAX_MEMBERS
        const found = addName(name, level, limit)
        if (found !== undefined) return found
        nameNext = false
        if (depth === 1) top = name
        if (depth === 1 ? name === 'id' : depth === 2 && top === 'params' && name === 'arguments') {
          mark = depth === 1 ? 'id' : 'arguments'
          markStart = end
          markDepth = depth
        }
      }
      i = end - 1
    } else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      if (++depth > maxDepth) return 'too_deep'
      // A body may open half a million: each depth uses its level again (T128).
      level = levels[depth] ??= { isObject: false, base: 0, count: 0, set: undefined }
      level.isObject = code === OPEN_BRACE
      level.base = names.length
      level.count = 0
      level.set = undefined
      nameNext = level.isObject
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      if (level === undefined) return 'syntax'
      if (depth === markDepth) {
        marks[mark] = spanOf(text, markStart, i)
        markDepth = -1
      }
      // To set a length costs, even to what it is.
      if (level.count > 0) names.length = level.base
      level.set = undefined
      level = levels[--depth]
    } else if (code === COMMA) {
      if (depth === markDepth) {
        marks[mark] = spanOf(text, markStart, i)
        markDepth = -1
      }
      nameNext = level?.isObject === true
    }
  }
  return undefined
}

/** The value between the end of its name and the comma or brace after it, without white space. */
function spanOf(text: string, nameEnd: number, after: number): Span {
  const start = valueStart(text, valueStart(text, nameEnd) + 1)
  let end = after
  while (isSpace(text.charCodeAt(end - 1))) end--
  return { start, end }
}

function readName(text: string, start: number, end: number): string | undefined {
  try {
    return nameAt(text, start, end)
  } catch {
    return undefined
  }
}

function addName(name: string, level: Level, limit: number): Fault['fault'] | undefined {
  if (++level.count > limit) return 'too_many_members'
  if (name === '__proto__') return 'forbidden_key'
  if (level.set !== undefined) {
    if (level.set.has(name)) return 'duplicate_key'
    level.set.add(name)
    return undefined
  }
  for (let n = level.base; n < names.length; n++) if (names[n] === name) return 'duplicate_key'
  names.push(name)
  if (level.count === FEW) level.set = new Set(names.slice(level.base))
  return undefined
}

/** The name between the quotes at `start` and before `end`, unescaped (T3). */
export function nameAt(text: string, start: number, end: number): string {
  const raw = text.slice(start + 1, end - 1)
  // A JSON string parses to a string.
  return raw.includes('\\') ? (JSON.parse(`"${raw}"`) as string) : raw
}

/** The index after the string that opens at `open`, or -1; runs of backslashes are counted once. */
export function stringEnd(text: string, open: number): number {
  let quote = open
  for (;;) {
    quote = text.indexOf('"', quote + 1)
    if (quote < 0) return -1
    let before = quote - 1
    while (text.charCodeAt(before) === BACKSLASH) before--
    if ((quote - before) % 2 === 1) return quote + 1
  }
}

export function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09
}
