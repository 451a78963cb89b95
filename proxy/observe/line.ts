// The line of one exchange as text. It is written for every request, so it is put together by hand;
// whatever a caller or a server can choose is quoted here and nowhere else (T141).

import { type Caller, callerKey, type Era } from '../types.ts'

/** The facts of one exchange, as the line names them (contract section 6); undefined is left out. */
export type LineFacts = {
  readonly requestId: string
  readonly traceId: string
  readonly replica: string
  /** From `callerPart`, or nothing. */
  readonly caller: string
  readonly method: string
  readonly target: string | undefined
  readonly era: Era | undefined
  readonly decision: string
  readonly outcome: string
  readonly reason: string
  readonly detail: string | undefined
  readonly rule: string | undefined
  readonly policyVersion: string | undefined
  readonly status: number | undefined
  /** Milliseconds, not below 0; written with three decimals. */
  readonly durationMs: number
  readonly upstreamMs: number | undefined
  readonly requestBytes: number
  readonly responseBytes: number
  readonly session: string | undefined
  readonly argumentsSHA256: string | undefined
}

/** The members of the line of one exchange, with the comma before each. */
export function renderLine(facts: LineFacts): string {
  const { era, detail, policyVersion, status, upstreamMs, session, argumentsSHA256 } = facts
  // What is not quoted comes from closed sets, from our own generators, or is a number.
  return (
    `,"request_id":"${facts.requestId}","trace_id":"${facts.traceId}"${replicaPart(facts.replica)}` +
    `${facts.caller},"method":${quoted(facts.method)}${text('target', facts.target)}` +
    `${era === undefined ? '' : ERAS[era]}${decisionPart(facts)}${text('detail', detail)}${ruleText(facts.rule)}` +
    `${versionPart(policyVersion)}${status === undefined ? '' : `,"status":${status}`},"duration_ms":${decimals(facts.durationMs)}` +
    `${upstreamMs === undefined ? '' : `,"upstream_ms":${decimals(upstreamMs)}`}` +
    `,"request_bytes":${facts.requestBytes},"response_bytes":${facts.responseBytes}` +
    `${session === undefined ? '' : `,"session":"${session}"`}` +
    `${argumentsSHA256 === undefined ? '' : `,"arguments_sha256":"${argumentsSHA256}"`}`
  )
}

const ALLOWED = ',"decision":"allowed","outcome":"allowed","reason":"allowed"'

function decisionPart({ decision, outcome, reason }: LineFacts): string {
  if (reason === 'allowed' && outcome === reason && decision === reason) return ALLOWED
  return `,"decision":"${decision}","outcome":"${outcome}","reason":"${reason}"`
}

const ERAS: { readonly [era in Era]: string } = {
  legacy: ',"era":"legacy"',
  modern: ',"era":"modern"',
}

/** A member that hardly ever changes: it is quoted again when it does. */
function seldom(name: string): (value: string | undefined) => string {
  let last: string | undefined
  let part = ''
  return (value) => {
    if (value !== last) {
      last = value
      part = text(name, value)
    }
    return part
  }
}
const replicaPart = seldom('replica')
const versionPart = seldom('policy_version')

const THOUSANDTHS = Array.from({ length: 1_000 }, (_, i) =>
  i === 0 ? '' : `.${String(i).padStart(3, '0')}`,
)

/** A number with three decimals at most; whole numbers are written much faster than others. */
function decimals(value: number): string {
  const thousandths = Math.round(value * 1_000)
  const whole = Math.floor(thousandths / 1_000)
  return `${whole}${THOUSANDTHS[thousandths - whole * 1_000]}`
}

/** How subjects are shown: by 16 hex of SHA-256 over issuer and subject, as they are, or not at all. */
export type SubjectMode = 'hash' | 'plain' | 'none'
type Part = { readonly mode: SubjectMode; readonly part: string }
const parts = new WeakMap<Caller, Part>()

/** The members that are the same for all requests of one token. */
export function callerPart(
  caller: Caller,
  mode: SubjectMode,
  hash: (text: string) => string,
): string {
  const known = parts.get(caller)
  if (known?.mode === mode) return known.part
  const shown = mode === 'plain' ? caller.sub : hash(callerKey(caller))
  const subject = text('subject', mode === 'none' ? undefined : shown)
  const roles = [...caller.roles].map(quoted).join()
  const part = `,"issuer":${quoted(caller.iss)}${subject},"client":${quoted(caller.client)},"roles":[${roles}]`
  parts.set(caller, { mode, part })
  return part
}

function text(name: string, value: string | undefined): string {
  return value === undefined ? '' : `,"${name}":${quoted(value)}`
}

const MAX_RULES = 10_000
const rules = new Map<string, string>()

/** Rules are few and come again; to quote a long one takes time that a name without a rule does not (T103). */
function ruleText(rule: string | undefined): string {
  if (rule === undefined) return ''
  const known = rules.get(rule)
  if (known !== undefined) return known
  const part = text('rule', rule)
  if (rules.size === MAX_RULES) rules.clear()
  rules.set(rule, part)
  return part
}

const PLAIN = /^[ !#-[\]-~]*$/

/** A string as JSON, in which nothing breaks a line or moves a cursor. */
export function quoted(value: string): string {
  return PLAIN.test(value) ? `"${value}"` : inOneLine(JSON.stringify(value))
}

// T141: JSON lets these stand as they are, and yet readers break lines at them (NEL, U+2028,
// U+2029) and terminals obey them (C1 controls, marks that turn the direction of text). A lone
// surrogate has no UTF-8 (T12), and would be told from no other one.
const UNSAFE = /[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\p{Cs}]/gu

/** Escapes what a reader of lines or a terminal could take for more than text. */
export function inOneLine(line: string): string {
  return line.replace(UNSAFE, (unsafe) => {
    return `\\u${unsafe.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}
