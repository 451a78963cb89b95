// THE PATH: one request, top to bottom, and its record in `finally`. A refusal is a value that ends
// the path; a fault is an exception that is answered here and nowhere else.

import { randomBytes } from 'node:crypto'
import { addAbortListener } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { performance } from 'node:perf_hooks'
import type { Pool } from 'undici'
import type { Sealer } from './identity/session.ts'
import { continueTrace } from './observe/trace.ts'
import type { Policy } from './policy/engine.ts'
import { judge } from './policy/judge.ts'
import type { OpenStreams } from './policy/streams.ts'
import type { TaskOwners } from './policy/tasks.ts'
import { watchStall, writeRefusal } from './respond.ts'
import { type Admission, admit } from './stages/admit.ts'
import { authenticate, type Verify } from './stages/authenticate.ts'
import { authorize } from './stages/authorize.ts'
import { classify } from './stages/classify.ts'
import { forward, UpstreamFault } from './stages/forward.ts'
import { type BodyLimits, read } from './stages/read.ts'
import { type Exchange, type Recorder, record } from './stages/record.ts'
import { type RelayTools, relay } from './stages/relay.ts'
import { stands, throttle } from './stages/throttle.ts'
import { type Denial, isDenial, type Permit } from './types.ts'
import { isNamed } from './wire/names.ts'

/** All that the path runs on; made once by main.ts. */
export type Path = {
  readonly admission: Admission
  readonly verify: Verify
  readonly limits: BodyLimits
  readonly policy: () => Policy
  readonly tasks: TaskOwners
  readonly streams: OpenStreams
  readonly sealer: Sealer
  readonly pool: Pool
  readonly upstreamPath: string
  /** Milliseconds for an answer that must be seen whole. */
  readonly wholeTimeoutMs: number
  readonly metadataUrl: string
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
  const trace = continueTrace(one(request.headers['traceparent']), randomHex)
  const exchange = begin(request, trace.traceId)
  const { socket } = request
  const written = socket.bytesWritten
  const gone = new AbortController()
  const watch = () => {
    if (!response.writableFinished) gone.abort()
  }
  response.once('close', watch)
  const unwatch = watchStall(response)
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

/** Answers and records what never enters the path: an unknown route, an odd request target. */
export async function turnAway(
  denial: Denial,
  request: IncomingMessage,
  response: ServerResponse,
  path: Path,
): Promise<void> {
  const exchange = begin(request, randomHex(16))
  await answer(denial, request, response, path, exchange)
  exchange.status = response.statusCode
  record(exchange, performance.now(), path.recorder)
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

  const limited = throttle(caller, head.http, path.streams)
  if (limited !== undefined) return limited

  const reading = performance.now()
  const message = await read(head, request, response, path.limits)
  exchange.readMs = performance.now() - reading
  if (message !== undefined && isDenial(message)) return message
  exchange.requestBytes = message?.bytes.length ?? 0
  if (message !== undefined && 'method' in message) exchange.method = message.method

  const intent = classify(head, message)
  if (isDenial(intent)) return intent
  exchange.intent = intent

  const standing = throttle(caller, intent.method, path.streams)
  if (standing !== undefined) return { ...standing, id: intent.id, era: intent.era }
  const ending = new AbortController()
  // T125: counted before the upstream is asked, or many at once would pass the limit together.
  if (stands(intent.method))
    addAbortListener(
      gone,
      path.streams.stand(caller, () => ending.abort()),
    )

  const policy = path.policy()
  exchange.policyVersion = policy.version
  const deciding = performance.now()
  const permit = authorize(caller, intent, policy, path.tasks, path.sealer)
  path.recorder.metrics.policyDecision.observe(
    { engine: policy.engine },
    (performance.now() - deciding) / 1_000,
  )
  if (isDenial(permit)) return permit
  exchange.rule = permit.rule

  exchange.sentAt = performance.now()
  const answered = await forward(permit, head, path.pool, path.upstreamPath, stamp, gone)
  exchange.headAt = performance.now()

  return relay(answered, permit, response, relayTools(permit, policy, path, ending.signal))
}

function relayTools(permit: Permit, policy: Policy, path: Path, ending: AbortSignal): RelayTools {
  const { caller, intent } = permit
  const { metrics } = path.recorder
  // What stands for hours follows the policy in force; everything else keeps its snapshot (T88).
  const current = stands(intent.method) ? path.policy : () => policy
  return {
    may: (target) => isNamed(target) && judge(current(), path.tasks, caller, target).allow,
    expiresInMs: () =>
      Math.max(0, Math.floor((caller.expiresAt + path.clockSkewS) * 1_000 - Date.now())),
    seal: (session) => path.sealer.seal(session, caller),
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
    wholeTimeoutMs: path.wholeTimeoutMs,
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
  await writeRefusal(denial, request, response, {
    metadataUrl: path.metadataUrl,
    scopes: path.policy().advertised,
  })
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
  const denied = error instanceof UpstreamFault ? error.code : faultOf(exchange)
  if (gone.aborted) {
    exchange.aborted = true
    response.destroy()
    return
  }
  const detail = error instanceof Error ? error.message : String(error)
  const { intent } = exchange
  exchange.denial = { denied, detail, id: intent?.id, era: intent?.era }
  if (denied === 'internal')
    path.recorder.log.error({ stack: error instanceof Error ? error.stack : detail }, 'a fault')
  if (response.headersSent || response.destroyed) {
    // T132: no clean end, so that the client cannot take a part for the whole.
    response.destroy()
    return
  }
  await answer(exchange.denial, request, response, path, exchange)
}

function faultOf(exchange: Exchange): 'upstream_broken' | 'internal' {
  return exchange.headAt === undefined ? 'internal' : 'upstream_broken'
}

function begin(request: IncomingMessage, traceId: string): Exchange {
  return {
    requestId: randomHex(16),
    traceId,
    http: request.method ?? '',
    startedAt: performance.now(),
    requestBytes: Number(request.headers['content-length'] ?? '0') || 0,
  }
}

function randomHex(bytes: number): string {
  return randomBytes(bytes).toString('hex')
}

function one(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : undefined
}
