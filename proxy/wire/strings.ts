// Strings from bytes: the whole text, where the strings of a JSON text end, and names that come again
// and again, which are decoded once, because to compare a few bytes costs less.

const SLOTS = 1_024
const names: (string | undefined)[] = new Array(SLOTS).fill(undefined)
const BACKSLASH = 0x5c

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const encoder = new TextEncoder()

/**
 * The text of bytes that are UTF-8 (T11); a byte order mark stays, for the parser to refuse. Without an
 * exception: one costs more than all the rest of a bad token.
 */
export function toText(bytes: Uint8Array): string | undefined {
  const text = decoder.decode(bytes)
  // What is no UTF-8 was replaced by this mark, which may stand in the text as well.
  if (!text.includes('\ufffd')) return text
  return Buffer.compare(encoder.encode(text), bytes) === 0 ? text : undefined
}

/** The text of plain ASCII without escapes; undefined for any other bytes, which must be decoded. */
export function interned(bytes: Uint8Array, start: number, end: number): string | undefined {
  let hash = end - start
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number // i is within bounds
    if (byte < 0x20 || byte > 0x7e || byte === BACKSLASH) return undefined
    hash = (Math.imul(hash, 31) + byte) | 0
  }
  const slot = (hash ^ (hash >>> 10)) & (SLOTS - 1)
  const known = names[slot]
  if (known !== undefined && isSame(known, bytes, start, end)) return known
  const name = String.fromCharCode(...bytes.subarray(start, end))
  names[slot] = name
  return name
}

function isSame(name: string, bytes: Uint8Array, start: number, end: number): boolean {
  if (name.length !== end - start) return false
  for (let i = 0; i < name.length; i++) if (name.charCodeAt(i) !== bytes[start + i]) return false
  return true
}

/** Most names and many values are short, where a loop beats the call of `indexOf`. */
export function findQuote(bytes: Uint8Array, from: number): number {
  const near = Math.min(from + 24, bytes.length)
  for (let i = from; i < near; i++) if (bytes[i] === 0x22) return i
  return near === bytes.length ? -1 : bytes.indexOf(0x22, near)
}

/** Tells whether an odd run of backslashes, not reaching below `low`, ends before `at`; not for -1. */
export function isEscaped(bytes: Uint8Array, at: number, low: number): boolean {
  let before = at - 1
  while (before >= low && bytes[before] === 0x5c) before--
  return (at - before) % 2 === 0
}
