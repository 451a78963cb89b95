// Where the members and elements of a JSON text lie, so that some can be cut out of it and the others
// keep their bytes. Only for text that was parsed strictly before.

import type { Span } from '../types.ts'
import {
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COMMA,
  isSpace,
  nameAt,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  stringEnd,
  valueStart,
} from './json.ts'

/** A member: its value, and where its name begins. */
export type MemberSpan = Span & { readonly keyStart: number }

/** Finds the members of the object that starts at `start` of text that `parseText` accepted. */
export function membersAt(text: string, start: number): Map<string, MemberSpan> {
  const members = new Map<string, MemberSpan>()
  let i = valueStart(text, start + 1)
  while (text.charCodeAt(i) !== CLOSE_BRACE) {
    const keyStart = i
    const keyEnd = stringEnd(text, i)
    if (keyEnd < 0) throw new TypeError('text was not validated')
    const from = valueStart(text, valueStart(text, keyEnd) + 1)
    const end = valueEnd(text, from)
    members.set(nameAt(text, keyStart, keyEnd), { keyStart, start: from, end })
    i = nextItem(text, end)
  }
  return members
}

/** Finds the elements of the array that starts at `start` of text that `parseText` accepted. */
export function elementsAt(text: string, start: number): Span[] {
  const elements: Span[] = []
  let i = valueStart(text, start + 1)
  while (text.charCodeAt(i) !== CLOSE_BRACKET) {
    if (i >= text.length) throw new TypeError('text was not validated')
    const end = valueEnd(text, i)
    elements.push({ start: i, end })
    i = nextItem(text, end)
  }
  return elements
}

/** The index after the value that starts at `start`. */
function valueEnd(text: string, start: number): number {
  let depth = 0
  let i = start
  while (i < text.length) {
    const code = text.charCodeAt(i)
    if (code === QUOTE) {
      i = stringEnd(text, i)
      if (i < 0) throw new TypeError('text was not validated')
      continue
    }
    if (code === OPEN_BRACE || code === OPEN_BRACKET) depth++
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      if (depth === 0) return i
      if (--depth === 0) return i + 1
    } else if (depth === 0 && (code === COMMA || isSpace(code))) return i
    i++
  }
  return i
}

function nextItem(text: string, end: number): number {
  const i = valueStart(text, end)
  return text.charCodeAt(i) === COMMA ? valueStart(text, i + 1) : i
}
