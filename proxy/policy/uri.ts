// The forms in which an upstream may read one resource URI. A decision must hold for all of them:
// the SDKs look a resource up by `new URL(uri).href`, which folds dot segments (T40, R28).

import type { Target } from '../types.ts'

/** The forms to decide on; empty when the URI can only be an attempt to climb out of its prefix. */
export function formsOf(target: Target): readonly string[] {
  const uri = target.name
  if (climbs(uri)) return []
  if (target.kind === 'template' || !URL.canParse(uri)) return [uri]
  const { href } = new URL(uri)
  return href === uri ? [uri] : [uri, href]
}

/** True when the decoded path of the URI has a `.` or `..` segment, up to three encodings deep. */
function climbs(uri: string): boolean {
  let decoded = uri
  for (let round = 0; round < 3; round++) {
    if (/(^|[/\\])\.\.?([/\\?#]|$)/.test(decoded)) return true
    const next = decode(decoded)
    if (next === decoded) return false
    decoded = next
  }
  return true
}

function decode(uri: string): string {
  return uri.replace(/%[0-9A-Fa-f]{2}/g, (hex) => {
    const code = Number.parseInt(hex.slice(1), 16)
    return code < 0x80 ? String.fromCharCode(code) : hex
  })
}
