// What one line of an event stream may carry to the client. Only `data` may hold a payload, so a line
// that could smuggle one elsewhere must never pass as it came (T99).

/**
 * `data`: the payload starts at `at`. `keep`: passes as it came. `hush`: becomes an empty comment.
 * `cut`: is left out. `refuse`: its event is dropped.
 */
export type Line =
  | { readonly kind: 'data'; readonly at: number }
  | { readonly kind: 'keep' | 'hush' | 'cut' | 'refuse' }

const MAX_LINE = 600
const COMMENT = /^:\s*(keep-?alive|ping|heartbeat|connected|ok)?[\s\d:+.TZ-]*$/i
const MAX_COMMENT = 64
const ID = /^[\x21-\x7e]{0,512}$/
const MARKUP = /[{}[\]"]/
const EVENTS: ReadonlySet<string> = new Set([
  '',
  'message',
  'ping',
  'error',
  'endpoint',
  'heartbeat',
  'keepalive',
])

/** Classifies one line, given without its line end (WHATWG HTML §9.2.6, T99). */
export function classifyLine(line: Uint8Array): Line {
  const at = dataStart(line)
  if (at !== undefined) return { kind: 'data', at }
  if (line[0] === 0x3a) return { kind: isComment(line) ? 'keep' : 'hush' }
  const text = latin1(line, MAX_LINE)
  const colon = text.indexOf(':')
  const field = colon < 0 ? text : text.slice(0, colon)
  const value = colon < 0 ? '' : text.slice(text[colon + 1] === ' ' ? colon + 2 : colon + 1)
  if (field === 'event') return { kind: EVENTS.has(value) ? 'keep' : 'refuse' }
  if (field === 'id') return { kind: ID.test(value) && !MARKUP.test(value) ? 'keep' : 'cut' }
  if (field === 'retry') return { kind: /^[0-9]{1,16}$/.test(value) ? 'keep' : 'cut' }
  return { kind: 'cut' }
}

/** Where the payload of a `data` line starts, or undefined when the line is no such line. */
function dataStart(line: Uint8Array): number | undefined {
  if (line[0] !== 0x64 || line[1] !== 0x61 || line[2] !== 0x74 || line[3] !== 0x61) return undefined
  if (line.length === 4) return 4
  if (line[4] !== 0x3a) return undefined
  return line[5] === 0x20 ? 6 : 5
}

function isComment(line: Uint8Array): boolean {
  return line.length <= MAX_COMMENT && COMMENT.test(latin1(line, MAX_COMMENT))
}

/** At most the first bytes that can matter; every field that passes is shorter. */
function latin1(line: Uint8Array, max: number): string {
  return String.fromCharCode(...line.subarray(0, max))
}
