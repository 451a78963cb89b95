// Stage 9: what happened. One log line and the metrics of each exchange, always, whatever became of
// it. Arguments, tokens and session ids never enter; what fails here fails no request (law 11, 12).

import { hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { factsOf } from '../observe/fault.ts'
import { callerPart, renderLine, type SubjectMode } from '../observe/line.ts'
import { type Log, shortHash } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import { randomHex } from '../observe/trace.ts'
import type { Caller, Denial, Intent, Reason } from '../types.ts'
import { METHODS } from '../wire/eras.ts'

/** The facts of one exchange, gathered along the path. Times in milliseconds, monotonic. */
export type Exchange = {
  readonly requestId: string
  readonly traceId: string
  readonly http: string
  readonly startedAt: number
  requestBytes: number
  /** Milliseconds that the body took to arrive. */
  readMs: number | undefined
  /** As the body named it, also when it is unknown. */
  method: string | undefined
  caller: Caller | undefined
  intent: Intent | undefined
  denial: Denial | undefined
  rule: string | undefined
  policyVersion: string | undefined
  sentAt: number | undefined
  headAt: number | undefined
  status: number | undefined
  responseBytes: number | undefined
  aborted: boolean
  /** The sealed id that the answer gave to the client. */
  session: string | undefined
}

/** What the record is written with. */
export type Recorder = {
  readonly log: Log
  readonly metrics: Metrics
  readonly replica: string
  readonly logSubject: SubjectMode
}

/** What became of an exchange. */
export type OutcomeName = 'allowed' | 'denied' | 'failed' | 'aborted'

const MAX_DETAIL = 256

const FAULTS: ReadonlySet<Reason> = new Set([
  'upstream_refused',
  'upstream_slow',
  'upstream_broken',
  'internal',
])

/** Begins the facts of one exchange. */
export function begin(
  request: Pick<IncomingMessage, 'method' | 'headers'>,
  traceId: string,
  startedAt: number,
): Exchange {
  const requestBytes = Number(request.headers['content-length'] ?? '0') || 0
  // All members at once: an object that grows is made anew again and again.
  return {
    requestId: randomHex(16),
    traceId,
    http: request.method ?? '',
    startedAt,
    requestBytes,
    readMs: undefined,
    method: undefined,
    caller: undefined,
    intent: undefined,
    denial: undefined,
    rule: undefined,
    policyVersion: undefined,
    sentAt: undefined,
    headAt: undefined,
    status: undefined,
    responseBytes: undefined,
    aborted: false,
    session: undefined,
  }
}

/** Writes one exchange; never throws. */
export function record(exchange: Exchange, endedAt: number, recorder: Recorder): void {
  try {
    const outcome = outcomeOf(exchange)
    measure(exchange, endedAt, outcome, recorder.metrics)
    recorder.log.exchange(line(exchange, endedAt, outcome, recorder))
  } catch (error) {
    recorder.log.error(factsOf(error), 'an exchange could not be recorded')
  }
}

function outcomeOf(exchange: Exchange): OutcomeName {
  if (exchange.aborted) return 'aborted'
  if (exchange.denial === undefined) return 'allowed'
  return FAULTS.has(exchange.denial.denied) ? 'failed' : 'denied'
}

/** `denied` only when the proxy said no: a failed or aborted exchange had been allowed. */
function decisionOf(outcome: OutcomeName, exchange: Exchange): 'allowed' | 'denied' {
  if (outcome === 'denied') return 'denied'
  return exchange.rule === undefined ? 'denied' : 'allowed'
}

function line(exchange: Exchange, endedAt: number, outcome: OutcomeName, recorder: Recorder) {
  const { caller, intent, denial } = exchange
  return renderLine({
    requestId: exchange.requestId,
    traceId: exchange.traceId,
    replica: recorder.replica,
    caller: caller === undefined ? '' : callerPart(caller, recorder.logSubject, shortHash),
    method: methodOf(exchange),
    target: (denial?.target ?? intent?.targets[0])?.name,
    era: intent?.era ?? denial?.era,
    decision: decisionOf(outcome, exchange),
    outcome,
    reason: reasonOf(exchange, outcome),
    detail: denial?.detail.slice(0, MAX_DETAIL),
    rule: exchange.rule ?? denial?.rule,
    policyVersion: exchange.policyVersion,
    status: exchange.status,
    durationMs: endedAt - exchange.startedAt,
    upstreamMs: upstreamMs(exchange),
    requestBytes: exchange.requestBytes,
    responseBytes: exchange.responseBytes ?? 0,
    session: sessionOf(exchange),
    argumentsSHA256: argumentsHash(intent),
  })
}

function reasonOf(exchange: Exchange, outcome: OutcomeName): string {
  return exchange.denial?.denied ?? outcome
}

function methodOf({ http, intent, method }: Exchange): string {
  return intent?.method ?? method?.slice(0, MAX_DETAIL) ?? http
}

/** The hash of the id that the client holds: the same from initialize to DELETE (T114). */
function sessionOf({ intent, session }: Exchange): string | undefined {
  const sealed = intent?.sealedSession ?? session
  return sealed === undefined ? undefined : shortHash(sealed)
}

function upstreamMs({ sentAt, headAt }: Exchange): number | undefined {
  return sentAt === undefined || headAt === undefined ? undefined : headAt - sentAt
}

/** SHA-256 over the bytes of `params.arguments` as they came; the arguments themselves are not kept. */
function argumentsHash(intent: Intent | undefined): string | undefined {
  const body = intent?.body
  if (body?.arguments === undefined) return undefined
  return hash('sha256', body.text.slice(body.arguments.start, body.arguments.end))
}

function measure(
  exchange: Exchange,
  endedAt: number,
  outcome: OutcomeName,
  metrics: Metrics,
): void {
  const { intent, startedAt, sentAt, headAt, denial } = exchange
  const known = intent !== undefined && METHODS[intent.era].has(intent.method)
  const method = known ? intent.method : OTHER
  metrics.requests.inc(method, decisionOf(outcome, exchange), reasonOf(exchange, outcome))
  metrics.overhead.observe(((sentAt ?? endedAt) - startedAt - (exchange.readMs ?? 0)) / 1_000)
  if (sentAt !== undefined && headAt !== undefined)
    metrics.upstream.observe((headAt - sentAt) / 1_000)
  const fault = outcome === 'allowed' ? '' : (denial?.denied ?? outcome)
  metrics.operation.observe((endedAt - startedAt) / 1_000, method, toolLabel(exchange), fault)
}

/** The name in the policy file that allowed the tool, so that callers cannot make label values. */
function toolLabel({ intent, rule }: Exchange): string {
  if (intent?.targets[0]?.kind !== 'tool') return ''
  return rule === undefined ? OTHER : (labels.get(rule) ?? labelOf(rule))
}

const OTHER = '_other'
const MAX_LABELS = 10_000
/** By rule: a name made anew for each exchange would tell by its time that there is a rule (T103). */
const labels = new Map<string, string>()

function labelOf(rule: string): string {
  const label = rule.startsWith('tools.') ? rule.slice('tools.'.length) : OTHER
  if (labels.size === MAX_LABELS) labels.clear()
  labels.set(rule, label)
  return label
}
