// The same thing spelled otherwise: escapes and white space that mean the same to every parser, and
// keys that only some readers take for the same.

import type { Draft } from './messages.ts'
import type { Random } from './random.ts'
import { nameOf, print } from './tree.ts'
import { BAD_SPACES, SPACES } from './words.ts'

/** The text of a draft, now and then with odd space between its tokens. */
export function printed(draft: Draft, random: Random): string {
  if (random.chance(85)) return print(draft.tree)
  const spaces = random.chance(80) ? SPACES : [...SPACES, ...SPACES, ...BAD_SPACES]
  return print(draft.tree, () => (random.chance(25) ? random.pick(spaces) : ''))
}

/** A key or string written otherwise: escapes mean the same to every parser. */
export function escaped(written: string, random: Random): string {
  const at = 1 + random.below(Math.max(1, written.length - 2))
  const char = written[at]
  if (written.length < 3 || char === undefined || char === '\\' || written[at - 1] === '\\')
    return written
  const code = char.charCodeAt(0).toString(16).padStart(4, '0')
  const spelled =
    char === '/' && random.chance(50)
      ? '\\/'
      : `\\u${random.chance(50) ? code : code.toUpperCase()}`
  return written.slice(0, at) + spelled + written.slice(at + 1)
}

/** A key that only some readers take for the same. */
export function folded(key: string, random: Random): string {
  const name = nameOf(key)
  const other = random.pick([
    name.toUpperCase(),
    name.slice(0, 1).toUpperCase() + name.slice(1),
    name.replace('s', '\u017f').replace('k', '\u212a'),
    name
      .normalize('NFKD')
      .replace(/[a-z]/, (char) => String.fromCharCode(char.charCodeAt(0) + 0xfee0)),
    `${name} `,
    ` ${name}`,
    `${name}\0`,
    `${name}\u200b`,
    name.replaceAll(/[A-Z]/g, (char) => `_${char.toLowerCase()}`),
    `${name}[]`,
  ])
  return random.chance(30) ? escaped(JSON.stringify(other), random) : JSON.stringify(other)
}
