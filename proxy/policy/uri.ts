// How one resource URI may be read by an upstream, and where rules are looked up. SDKs resolve by
// `new URL(uri).href`, handlers by host and decoded path: no spelling may dodge a rule (T40, R28).

import type { Target } from '../types.ts'

/** Two spellings of a URI or pattern, both with decoded, case-folded authority. */
export type Spelling = {
  /** With everything it says. */
  readonly whole: string
  /** Without user info, port, query and fragment: what a handler may reduce it to. */
  readonly bare: string
}

const HIERARCHICAL = /^([a-z][a-z0-9+.-]*):\/\/([^/?#\\]*)([\s\S]*)/i
// A file has one name, however many slashes, or which, lead to it.
const SLASHES = /[/\\]+/g
const TAIL = /[?#][\s\S]*/
// No name of a host is as long (RFC 1035), and to parse one costs with the square of its length (T127).
const LONG_HOST = /^ *(?:https?|wss?|ftp|file):[/\\]*[^/\\?#]{256}/i
// RFC 3629, escaped: decodeURIComponent never throws on it, which would cost a thousand times more
// (T127), and a byte beside it that is no UTF-8 does not hide it from a reader that is lenient.
const UTF8 =
  /(?:%[0-7][0-9a-f]|%(?:c[2-9a-f]|d[0-9a-f])%[89ab][0-9a-f]|%e0%[ab][0-9a-f]%[89ab][0-9a-f]|%e[1-9a-cef]%[89ab][0-9a-f]%[89ab][0-9a-f]|%ed%[89][0-9a-f]%[89ab][0-9a-f]|%f0%[9ab][0-9a-f]%[89ab][0-9a-f]%[89ab][0-9a-f]|%f[1-3]%[89ab][0-9a-f]%[89ab][0-9a-f]%[89ab][0-9a-f]|%f4%8[0-9a-f]%[89ab][0-9a-f]%[89ab][0-9a-f])+/gi

/** The spellings to decide on; empty when the URI can only be an attempt to climb, or to cost. */
export function spellingsOf(target: Target): readonly Spelling[] {
  const uri = target.name
  if (climbs(uri) || LONG_HOST.test(uri)) return []
  const asURL = target.kind === 'resource' && URL.canParse(uri)
  const read = asURL ? new URL(uri).href : uri.trim()
  return read === uri ? [spell(uri)] : [spell(uri), spell(read)]
}

/** Spells a URI, or the text of a pattern before its star. */
export function spell(uri: string): Spelling {
  const [, scheme, authority = '', rest = ''] = HIERARCHICAL.exec(uri) ?? ['', undefined, '', uri]
  const head = scheme === undefined ? '' : `${scheme.toLowerCase()}://`
  const host = authority.replace(/^.*@/, '').replace(/:\d*$/, '')
  const path = decode(rest.replace(TAIL, '')).replace(SLASHES, '/')
  const tail = decode(TAIL.exec(rest)?.[0] ?? '')
  return {
    whole: head + decode(authority).toLowerCase() + path + tail,
    bare: head + decode(host).toLowerCase() + path,
  }
}

/** True when the decoded path has a dot segment (`.. ` as well), a control or an overlong encoding. */
function climbs(uri: string): boolean {
  const path = decode(uri.replace(TAIL, ''))
  if (/[\x00-\x1f\x7f]/.test(path) || /%c[01]|%e0%[89]|%f0%8/i.test(path)) return true
  return /(^|[/\\])\.\.?(;[^/\\]*)?\s*([/\\]|$)/.test(path)
}

/** Percent-decodes until nothing changes; what is no UTF-8 stays as it is. */
function decode(text: string): string {
  let decoded = text
  for (let round = 0; round < 8 && decoded.includes('%'); round++) {
    const next = decoded.replace(UTF8, (run) => decodeURIComponent(run))
    if (next === decoded) break
    decoded = next
  }
  return decoded
}
