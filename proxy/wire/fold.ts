// What a lenient reader may take a member name for (T6). Requests and answers are held to the same
// reading: a key that folds into one of ours is refused, never guessed.

/** What some readers drop: separators (Go json/v2, pydantic), spaces, and what cannot be seen. */
const DROPPED = /[\p{Pc}\p{Pd}\p{Z}\p{C}]/gu

/**
 * Reduces a name to its compatibility form without case and separators, up to a NUL, where a reader
 * in C ends it. By way of the capitals, because a reader that compares those takes a dotless i for
 * an i; the dot that a dotted capital leaves goes too.
 */
export function fold(name: string): string {
  const known = folded.get(name)
  if (known !== undefined) return known
  const reduced = reduce(name)
  if (name.length <= MAX_KEPT) {
    if (folded.size === MAX_FOLDED) folded.clear()
    folded.set(name, reduced)
  }
  return reduced
}

/** The same few names come with every message. */
const folded = new Map<string, string>()
const MAX_FOLDED = 1_024
const MAX_KEPT = 64

function reduce(name: string): string {
  if (/^[\x21-\x7e]*$/.test(name)) return name.toLowerCase().replace(/[_-]/g, '')
  const ended = name
    .replace(/\0[\s\S]*/, '')
    .normalize('NFKC')
    .replace(DROPPED, '')
  return ended.toUpperCase().toLowerCase().replaceAll('i\u0307', 'i')
}
