// THE PATH: one request, top to bottom, and its record in `finally`. A refusal is a value that ends
// the path; a fault is an exception that is answered here and nowhere else.

import { addAbortListener } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { performance } from 'node:perf_hooks'
import type { Pool } from 'undici'
import type { Sealer } from './identity/session.ts'
import { factsOf } from './observe/fault.ts'
import { continueTrace } from './observe/trace.ts'
import type { Budget, Lease } from './policy/budget.ts'
import type { Policy } from './policy/engine.ts'
import { judge } from './policy/judge.ts'
import type { OpenStreams } from './policy/streams.ts'
import type { Tally } from './policy/tally.ts'
import type { TaskOwners } from './policy/tasks.ts'
import type { ChallengeFacts } from './refuse.ts'
import { watchStall, writeRefusal } from './respond.ts'
import { type Admission, admit } from './stages/admit.ts'
import { authenticate, type Verify } from './stages/authenticate.ts'
import { authorize } from './stages/authorize.ts'
import { classify } from './stages/classify.ts'
import { forward } from './stages/forward.ts'
import { type BodyLimits, type Read, read } from './stages/read.ts'
import { begin, type Exchange, type Recorder, record } from './stages/record.ts'
import { type AnswerLimits, type RelayTools, relay } from './stages/relay.ts'
import { stands, throttle } from './stages/throttle.ts'
import {
  type Caller,
  type Denial,
  type Head,
  isDenial,
  type Permit,
  UpstreamFault,
} from './types.ts'
import { isNamed } from './wire/names.ts'

/** All that the path runs on; made once by main.ts. */
export type Path = {
  readonly admission: Admission
  readonly verify: Verify
  readonly limits: BodyLimits
  readonly answers: AnswerLimits
  /** Milliseconds that a client may leave an answer untouched (T124). */
  readonly stallMs: number
  readonly policy: () => Policy
  readonly tasks: TaskOwners
  readonly streams: OpenStreams
  readonly inflight: Tally
  readonly budget: Budget
  readonly sealer: Sealer
  readonly poolOf: (caller: Caller) => Pool
  readonly upstreamPath: string
  readonly challenge: () => ChallengeFacts
  /** Seconds that an expired token is still accepted. */
  readonly clockSkewS: number
  readonly recorder: Recorder
  /** Watches a streamed body, see observe/sweep.ts. */
  readonly counted: (body: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>
}

/** Runs one exchange to its end; never throws. */
export async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  path: Path,
): Promise<void> {
  const trace = continueTrace(request.headers['traceparent'])
  const exchange = begin(request, trace.traceId, performance.now())
  const { socket } = request
  const written = socket.bytesWritten
  const gone = new AbortController()
  const watch = () => {
    if (!response.writableFinished) gone.abort()
  }
  response.once('close', watch)
  const unwatch = watchStall(response, path.stallMs)
  const { metrics } = path.recorder
  if (request.method === 'POST') metrics.inflight.inc()
  try {
    const stamp = { requestId: exchange.requestId, traceparent: trace.traceparent }
    const denial = await walk(request, response, path, exchange, stamp, gone.signal)
    if (denial !== undefined) await answer(denial, request, response, path, exchange)
  } catch (error) {
    await rescue(error, request, response, path, exchange, gone.signal)
  } finally {
    if (request.method === 'POST') metrics.inflight.dec()
    // What was not read of the answer is let go with its connection; nothing else is left open.
    gone.abort()
    unwatch()
    if (response.headersSent) exchange.status = response.statusCode
    exchange.responseBytes = socket.bytesWritten - written
    record(exchange, performance.now(), path.recorder)
  }
}

/** Records what never enters the path: an unknown route, bytes that are no request. */
export function recordBeside(
  facts: Pick<Exchange, 'denial' | 'status' | 'aborted'>,
  request: Pick<IncomingMessage, 'method' | 'headers'>,
  path: Path,
): void {
  const { traceId } = continueTrace(request.headers['traceparent'])
  const exchange = begin(request, traceId, performance.now())
  record({ ...exchange, ...facts }, performance.now(), path.recorder)
}

/** The stages in order; what comes back is the refusal that ended them, if any. */
async function walk(
  request: IncomingMessage,
  response: ServerResponse,
  path: Path,
  exchange: Exchange,
  stamp: { readonly requestId: string; readonly traceparent: string },
  gone: AbortSignal,
): Promise<Denial | undefined> {
  const head = admit(request, path.admission)
  if (isDenial(head)) return head

  const caller = await authenticate(head, path.verify)
  if (isDenial(caller)) return caller
  exchange.caller = caller

  const limited = throttle(caller, head.http, path)
  if (limited !== undefined) return limited
  const leave = stands(head.http) ? () => undefined : path.inflight.enter(caller)
  addAbortListener(gone, leave)

  const reading = performance.now()
  const intent = await read(head, request, response, path.limits, path.budget.lease(gone)).then(
    (message) => understand(head, message, exchange, reading),
  )
  if (isDenial(intent)) return intent
  exchange.intent = intent

  const ending = new AbortController()
  if (stands(intent.method)) {
    const standing = throttle(caller, intent.method, path)
    if (standing !== undefined) return { ...standing, id: intent.id, era: intent.era }
    // T125: counted before the upstream is asked, or many at once would pass the limit together.
    const end = path.streams.stand(caller, () => ending.abort())
    addAbortListener(gone, end)
    leave()
  }

  const policy = path.policy()
  exchange.policyVersion = policy.version
  const deciding = performance.now()
  const permit = authorize(caller, intent, policy, path.tasks, path.sealer)
  const decidedS = (performance.now() - deciding) / 1_000
  path.recorder.metrics.policyDecision.observe({ engine: policy.engine }, decidedS)
  if (isDenial(permit)) return permit
  exchange.rule = permit.rule
  exchange.sentAt = performance.now()
  const answered = await forward(permit, head, path.poolOf(caller), path.upstreamPath, stamp, gone)
  exchange.headAt = performance.now()

  const held = path.budget.lease(gone)
  const tools = relayTools(permit, policy, path, exchange, ending.signal, held)
  return relay(answered, permit, response, tools)
}

/** A call of its own, so that what was parsed, many times its bytes, is gone when it returns (T127). */
function understand(head: Head, message: Read, exchange: Exchange, reading: number) {
  exchange.readMs = performance.now() - reading
  if (message !== undefined && isDenial(message)) return message
  exchange.requestBytes = message?.bytes.length ?? 0
  if (message !== undefined && 'method' in message) exchange.method = message.method
  return classify(head, message)
}

function relayTools(
  permit: Permit,
  policy: Policy,
  path: Path,
  exchange: Exchange,
  ending: AbortSignal,
  held: Lease,
): RelayTools {
  const { caller, intent } = permit
  const { metrics } = path.recorder
  // What stands for hours follows the policy in force; everything else keeps its snapshot (T88).
  const current = stands(intent.method) ? path.policy : () => policy
  return {
    may: (target) => isNamed(target) && judge(current(), path.tasks, caller, target).allow,
    expiresInMs: () =>
      Math.max(0, Math.floor((caller.expiresAt + path.clockSkewS) * 1_000 - Date.now())),
    seal: (session) => {
      exchange.session = path.sealer.seal(session, caller)
      return exchange.session
    },
    tasksOffered: () => path.tasks.offer(),
    taskCreated: (taskId) => {
      const tool = intent.targets[0]
      if (tool !== undefined) path.tasks.remember(taskId, caller, tool)
    },
    openStream: (end) => {
      if (!stands(intent.method)) return path.streams.answer()
      const listening = addAbortListener(ending, end)
      return () => listening[Symbol.dispose]()
    },
    limits: path.answers,
    lease: held,
    hidden: (list, count) => metrics.itemsHidden.inc({ kind: list }, count),
    dropped: (reason) => metrics.framesDropped.inc({ reason }),
    counted: path.counted,
  }
}

/** Writes a refusal, unless an answer has begun. */
async function answer(
  denial: Denial,
  request: IncomingMessage,
  response: ServerResponse,
  path: Path,
  exchange: Exchange,
): Promise<void> {
  exchange.denial = denial
  if (denial.rule !== undefined) exchange.rule = denial.rule
  await writeRefusal(denial, request, response, path.challenge())
}

/** The one place where a fault becomes an answer; internals stay in the log (T102). */
async function rescue(
  error: unknown,
  request: IncomingMessage,
  response: ServerResponse,
  path: Path,
  exchange: Exchange,
  gone: AbortSignal,
): Promise<void> {
  const fault = exchange.headAt === undefined ? 'internal' : 'upstream_broken'
  const denied = error instanceof UpstreamFault ? error.code : fault
  if (gone.aborted) {
    exchange.aborted = true
    response.destroy()
    return
  }
  const facts = factsOf(error)
  const { intent } = exchange
  exchange.denial = { denied, detail: facts.detail, id: intent?.id, era: intent?.era }
  if (denied === 'internal') path.recorder.log.error(facts, 'a fault')
  if (response.headersSent || response.destroyed) {
    // T132: no clean end, so that the client cannot take a part for the whole.
    response.destroy()
    return
  }
  await answer(exchange.denial, request, response, path, exchange)
}
