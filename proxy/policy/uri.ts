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

const HIERARCHICAL = /^([a-z][a-z0-9+.-]*):\/\/([^/?#\\]*)([\s\S]*)$/i

/** The spellings to decide on; empty when the URI can only be an attempt to climb out of its prefix. */
export function spellingsOf(target: Target): readonly Spelling[] {
  const uri = target.name
  if (climbs(uri)) return []
  if (target.kind === 'template' || !URL.canParse(uri)) return [spell(uri)]
  const { href } = new URL(uri)
  return href === uri ? [spell(uri)] : [spell(uri), spell(href)]
}

/** Spells a URI, or the text of a pattern before its star. */
export function spell(uri: string): Spelling {
  const match = HIERARCHICAL.exec(uri)
  if (match === null) return { whole: decode(uri), bare: decode(uri.replace(/[?#][\s\S]*$/, '')) }
  const [, scheme = '', authority = '', rest = ''] = match
  const head = `${scheme.toLowerCase()}://`
  const host = authority.replace(/^.*@/, '').replace(/:\d*$/, '')
  return {
    whole: head + decode(authority).toLowerCase() + decode(rest),
    bare: head + decode(host).toLowerCase() + decode(rest.replace(/[?#][\s\S]*$/, '')),
  }
}

/** True when the decoded path has a dot segment, a control character or an overlong encoding. */
function climbs(uri: string): boolean {
  const path = decode(uri.replace(/[?#][\s\S]*$/, ''))
  if (/[\x00-\x1f\x7f]/.test(path) || /%c[01]/i.test(path)) return true
  return /(^|[/\\])\.\.?(;[^/\\]*)?([/\\]|$)/.test(path)
}

/** Percent-decodes until nothing changes; what is no UTF-8 stays as it is. */
function decode(text: string): string {
  let decoded = text
  for (let round = 0; round < 8 && decoded.includes('%'); round++) {
    const next = decoded.replace(/(?:%[0-9a-f]{2})+/gi, (run) => {
      try {
        return decodeURIComponent(run)
      } catch {
        return run
      }
    })
    if (next === decoded) break
    decoded = next
  }
  return decoded
}
