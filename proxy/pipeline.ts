// THE PATH: one request, top to bottom, and its record in `finally`. A refusal is a value that ends
// the path; a fault is an exception that is answered here and nowhere else.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { factsOf } from './observe/fault.ts'
import { continueTrace } from './observe/trace.ts'
import type { Tally } from './policy/tally.ts'
import type { ChallengeFacts } from './refuse.ts'
import { Relaying, type RelayParts } from './relaying.ts'
import { writeRefusal } from './respond.ts'
import { type Admission, admit } from './stages/admit.ts'
import { authenticate, type Verify } from './stages/authenticate.ts'
import { authorize } from './stages/authorize.ts'
import { classify } from './stages/classify.ts'
import { forward, type Leg, type Stamp } from './stages/forward.ts'
import { type BodyLimits, type Read, read } from './stages/read.ts'
import { begin, type Exchange, type Recorder, record } from './stages/record.ts'
import { relay } from './stages/relay.ts'
import { stands, throttle } from './stages/throttle.ts'
import { type Denial, type Head, isDenial, UpstreamFault } from './types.ts'
import { Release, Watch, type Watches } from './watch.ts'

/** All that the path runs on; made once by main.ts. */
export type Path = RelayParts & {
  readonly admission: Admission
  readonly verify: Verify
  readonly limits: BodyLimits
  /** Milliseconds that a client may leave an answer untouched (T124). */
  readonly stallMs: number
  readonly watches: Watches
  readonly inflight: Tally
  readonly leg: Leg
  readonly challenge: () => ChallengeFacts
  readonly recorder: Recorder
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
  const over = new Release()
  response.on('close', () => {
    if (!response.writableFinished) over.release()
  })
  const watch = new Watch(response, path.stallMs)
  path.watches.add(watch)
  const { metrics } = path.recorder
  if (request.method === 'POST') metrics.inflight.count++
  try {
    const stamp = { requestId: exchange.requestId, traceparent: trace.traceparent }
    const denial = await walk(request, response, path, exchange, { stamp, watch, over })
    if (denial !== undefined) await answer(denial, request, response, path, exchange)
  } catch (error) {
    await rescue(error, request, response, path, exchange, over)
  } finally {
    if (request.method === 'POST') metrics.inflight.count--
    // What was not read of the answer is let go with its connection; nothing else is left open.
    over.release()
    path.watches.delete(watch)
    if (response.headersSent) exchange.status = response.statusCode
    exchange.responseBytes = socket.bytesWritten - written
    record(exchange, performance.now(), path.recorder)
  }
}

/** What an exchange carries through the stages, beside what they decide on. */
type Bounds = { readonly stamp: Stamp; readonly watch: Watch; readonly over: Release }

/** Records what never enters the path: an unknown route, bytes that are no request. */
export function recordBeside(
  facts: Partial<Pick<Exchange, 'denial' | 'status' | 'aborted'>>,
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
  { stamp, watch, over }: Bounds,
): Promise<Denial | undefined> {
  const head = admit(request, path.admission)
  if (isDenial(head)) return head

  const identified = authenticate(head, path.verify)
  const caller = identified instanceof Promise ? await identified : identified
  if (isDenial(caller)) return caller
  exchange.caller = caller

  const limited = throttle(caller, head.http, path)
  if (limited !== undefined) return limited
  const place = stands(head.http) ? undefined : path.inflight.enter(caller)
  if (place !== undefined) over.add(place)

  const reading = performance.now()
  const holding = { lease: path.budget.lease(), watch, over }
  over.add(holding.lease)
  const intent = await read(head, request, response, path.limits, holding, (message) =>
    understand(head, message, exchange, reading),
  )
  if (isDenial(intent)) return intent
  exchange.intent = intent

  const ending = stands(intent.method) ? new Release() : undefined
  if (ending !== undefined) {
    const standing = throttle(caller, intent.method, path)
    if (standing !== undefined) return { ...standing, id: intent.id, era: intent.era }
    // T125: counted before the upstream is asked, or many at once would pass the limit together.
    over.add(path.streams.stand(caller, () => ending.release()))
    place?.release()
  }

  const policy = path.policy()
  exchange.policyVersion = policy.version
  const deciding = performance.now()
  const permit = authorize(caller, intent, policy, path.tasks, path.sealer)
  const decidedS = (performance.now() - deciding) / 1_000
  path.recorder.metrics.policyDecision.observe(decidedS, policy.engine)
  if (isDenial(permit)) return permit
  exchange.rule = permit.rule
  exchange.sentAt = performance.now()
  const answered = await forward(permit, head, path.leg, stamp, watch, over)
  exchange.headAt = performance.now()
  const tools = new Relaying(permit, policy, path, exchange, ending, watch)
  over.add(tools.lease)
  return relay(answered, permit, response, tools)
}

/** Notes what arrived; only what is asked stays of it. */
function understand(head: Head, message: Read, exchange: Exchange, reading: number) {
  exchange.readMs = performance.now() - reading
  if (message !== undefined && isDenial(message)) return message
  exchange.requestBytes = message?.bytes.length ?? 0
  if (message !== undefined && 'method' in message) exchange.method = message.method
  return classify(head, message)
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
  over: Release,
): Promise<void> {
  const fault = exchange.headAt === undefined ? 'internal' : 'upstream_broken'
  const denied = error instanceof UpstreamFault ? error.code : fault
  if (over.isDone) {
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
