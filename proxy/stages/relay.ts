// Stage 8: the answer, back to the client. Lists are filtered in JSON and in live SSE, everything
// else passes as it comes; what cannot be judged and should have been is not passed on (law 6).

import type { ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import type { Answer, Denial, JSONObject, ListName, Permit, Target } from '../types.ts'
import { brokenAnswer, headersFor, readText, subscriptionEnd } from '../wire/answer.ts'
import { cutCapabilities, offersTasks } from '../wire/capabilities.ts'
import { isObject } from '../wire/eras.ts'
import { type Expect, judgeFrame, type Rules } from '../wire/frames.ts'
import { ListGuard, ListInStreamError } from '../wire/guard.ts'
import { isUtf8, mediaType } from '../wire/headers.ts'
import { SSEFilter } from '../wire/sse.ts'

/** What the relay needs to know and to tell, for one exchange. */
export type RelayTools = {
  /** The predicate that also decides on calls (law 4). */
  may(target: Target): boolean
  /** Milliseconds until the token expires, at least 0. */
  expiresInMs(): number
  seal(session: string): string
  /** Milliseconds for an answer that must be seen whole. */
  readonly wholeTimeoutMs: number
  /** The upstream says that it has tasks. */
  tasksOffered(): void
  taskCreated(taskId: string): void
  /** Counts a stream until the result is called; a drain ends a standing one by `end`. */
  openStream(end: () => void): () => void
  hidden(list: ListName, count: number): void
  dropped(reason: string): void
  /** The same body, watched so that long streams stay flat in memory. */
  counted(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>
}

const MAX_WHOLE_BYTES = 16 * 1_048_576
const MAX_ERROR_BYTES = 1_048_576
const MAX_DUMP_BYTES = 65_536
const MAX_DUMP_MS = 1_000
const MAX_EVENT_BYTES = 4 * 1_048_576
// Results that must be seen whole before a byte of them leaves; everything else streams.
const WHOLE = new Set(['initialize', 'server/discover'])
const GATED = new Set(['server/discover', 'resources/read'])

/** Relays an answer; a Denial comes back only while nothing was written yet. */
export async function relay(
  answer: Answer,
  permit: Permit,
  response: ServerResponse,
  tools: RelayTools,
): Promise<Denial | undefined> {
  const { intent } = permit
  const broken = (detail: string): Denial => {
    answer.body.destroy()
    return { denied: 'upstream_broken', detail, id: intent.id, era: intent.era }
  }
  const { status } = answer
  const encoding = answer.headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity') return broken('an encoded answer') // T98
  if (status < 200 || (status >= 300 && status < 400)) return broken(`status ${status}`) // T108
  // T109: its own challenge would point clients to a wrong authorization server.
  if (status === 401 || status === 403 || status === 407 || status >= 500)
    return broken(`status ${status}`)
  const contentType = answer.headers['content-type']
  const type = mediaType(Array.isArray(contentType) ? contentType.join() : contentType)
  const essence = type !== undefined && isUtf8(type.charset) ? type.essence : undefined
  if (status >= 400) return relayError(answer, permit, response, tools, essence)
  if (intent.http === 'DELETE' || (intent.http === 'POST' && intent.id === undefined)) {
    response.writeHead(intent.http === 'POST' ? 202 : status).end()
    // T133: the rest is of no use to anybody, and may never end.
    const signal = AbortSignal.timeout(MAX_DUMP_MS)
    await answer.body.dump({ limit: MAX_DUMP_BYTES, signal }).catch(() => undefined)
    return undefined
  }
  if (essence === 'text/event-stream') return relayStream(answer, permit, response, tools)
  if (essence !== 'application/json' || intent.http === 'GET')
    return broken('an answer that is neither JSON nor an event stream')
  const whole = intent.list !== undefined || WHOLE.has(intent.method) || intent.mayCreateTask
  if (!whole) return relayJSON(answer, permit, response, tools)
  const text = await readText(answer, MAX_WHOLE_BYTES, tools.wholeTimeoutMs)
  if (typeof text !== 'string') {
    const denial = broken('an answer too large to filter, or no UTF-8')
    return text.fault === 'late' ? { ...denial, denied: 'upstream_slow' } : denial
  }
  const judged = judgeWith(permit, tools)(text)
  if ('drop' in judged) return broken(judged.drop)
  if ('method' in judged.value) return broken('a message that is no answer') // T95
  const sent = judged.pass === 'same' ? text : judged.text
  response
    .writeHead(status, headersFor(answer, intent.era, 'application/json', tools.seal))
    .end(sent)
  return undefined
}

/** R8: the upstream's own 4xx goes on unchanged; era negotiation depends on it. */
async function relayError(
  answer: Answer,
  permit: Permit,
  response: ServerResponse,
  tools: RelayTools,
  essence: string | undefined,
): Promise<undefined> {
  const isJSON = essence === 'application/json'
  const read = isJSON ? await readText(answer, MAX_ERROR_BYTES, tools.wholeTimeoutMs) : undefined
  const text = typeof read === 'string' ? read : undefined
  if (text === undefined) answer.body.destroy()
  const judged = text === undefined ? undefined : judgeWith(permit, tools)(text)
  const passed = judged !== undefined && 'pass' in judged
  const body = passed ? (judged.pass === 'same' ? text : judged.text) : undefined
  const headers = headersFor(answer, permit.intent.era, 'application/json', tools.seal)
  const fallback = JSON.stringify({ error: 'the upstream server refused the request' })
  response.writeHead(answer.status, headers).end(body ?? fallback)
  return undefined
}

/** A result that holds no list by its method: streamed at once, under a guard that finds one. */
async function relayJSON(
  answer: Answer,
  permit: Permit,
  response: ServerResponse,
  tools: RelayTools,
): Promise<undefined> {
  const { intent } = permit
  const gated = GATED.has(intent.method)
  const guard = new ListGuard({ cache: gated ? cacheRule(permit, tools) : undefined })
  response.writeHead(answer.status, headersFor(answer, intent.era, 'application/json', tools.seal))
  await pipeline(guarded(answer.body, guard, tools), response)
  return undefined
}

async function* guarded(body: AsyncIterable<Uint8Array>, guard: ListGuard, tools: RelayTools) {
  try {
    for await (const chunk of tools.counted(body)) yield* guard.push(chunk)
    yield* guard.end()
  } catch (error) {
    if (error instanceof ListInStreamError) tools.dropped('list_in_stream')
    throw error
  }
}

async function relayStream(
  answer: Answer,
  permit: Permit,
  response: ServerResponse,
  tools: RelayTools,
): Promise<undefined> {
  const { intent } = permit
  let ended = false
  const end = () => {
    ended = true
    answer.body.destroy()
  }
  const close = tools.openStream(end)
  // R45, T81: no stream outlives its token. A timer of more than 24.8 days would fire at once.
  const expiry = setTimeout(end, Math.min(tools.expiresInMs(), 2 ** 31 - 1))
  try {
    response.writeHead(
      answer.status,
      headersFor(answer, intent.era, 'text/event-stream', tools.seal),
    )
    response.flushHeaders()
    await pipeline(
      filtered(answer.body, permit, tools, () => ended),
      response,
    )
  } finally {
    clearTimeout(expiry)
    close()
  }
  return undefined
}

/** The events that may pass, then what the client still needs to know. */
async function* filtered(
  body: AsyncIterable<Uint8Array>,
  permit: Permit,
  tools: RelayTools,
  ended: () => boolean,
) {
  const { intent } = permit
  let drops = 0
  let answered = false
  const judge = judgeWith(permit, tools)
  const note = (text: string) => {
    const verdict = judge(text)
    if ('drop' in verdict || 'method' in verdict.value) return verdict
    // T95: a stream answers its request once; on a GET every answer is a replay of another one.
    if (answered && intent.http === 'POST') return { drop: 'second_answer' }
    answered = true
    return verdict
  }
  const filter = new SSEFilter(note, {
    maxEventBytes: MAX_EVENT_BYTES,
    large: intent.list !== undefined ? 'drop' : intent.id === undefined ? 'results' : 'guard',
    onDrop: (reason) => {
      drops++
      tools.dropped(reason)
    },
  })
  try {
    for await (const chunk of tools.counted(body)) yield* filter.push(chunk)
    yield* filter.end()
  } catch (error) {
    if (!ended()) throw error
  }
  if (intent.id === undefined) return
  if (ended() && intent.method === 'subscriptions/listen') yield subscriptionEnd(intent.id)
  // A client must not wait for an answer that was dropped.
  else if (drops > 0 && !answered) yield brokenAnswer(intent.id)
}

/** Judges one message and notes what it says about tasks and capabilities. */
function judgeWith(permit: Permit, tools: RelayTools) {
  const { intent } = permit
  const expect: Expect = {
    id: intent.http === 'GET' ? undefined : intent.id,
    list: intent.list,
    era: intent.era,
  }
  const rules: Rules = {
    may: tools.may,
    cacheFor: () => cacheRule(permit, tools),
    privatize: GATED.has(intent.method),
  }
  return (text: string) => {
    const verdict = judgeFrame(text, expect, rules)
    if ('drop' in verdict) return verdict
    if (intent.mayCreateTask) noteTask(verdict.value, tools)
    if (verdict.pass === 'changed')
      for (const [list, count] of Object.entries(verdict.hidden))
        tools.hidden(list as ListName, count) // the keys of Hidden
    if (!WHOLE.has(intent.method)) return verdict
    if (offersTasks(verdict.value)) tools.tasksOffered()
    const before = verdict.pass === 'same' ? text : verdict.text
    const after = cutCapabilities(before, verdict.value)
    return after === text
      ? verdict
      : ({ pass: 'changed', text: after, value: verdict.value } as const)
  }
}

function noteTask(value: JSONObject, tools: RelayTools): void {
  const { result } = value
  if (!isObject(result)) return
  const task = isObject(result['task']) ? result['task'] : result
  if (typeof task['taskId'] === 'string') tools.taskCreated(task['taskId'])
}

function cacheRule(permit: Permit, tools: RelayTools) {
  return { ttlMs: tools.expiresInMs(), insert: permit.intent.era === 'modern' }
}
