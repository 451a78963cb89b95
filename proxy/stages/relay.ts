// Stage 8: the answer, back to the client. Lists are filtered in JSON and in live SSE, everything
// else passes as it comes; what cannot be judged and should have been is not passed on (law 6).

import type { ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import type { Lease } from '../policy/budget.ts'
import { type Answer, type Denial, type Permit, UpstreamFault } from '../types.ts'
import {
  brokenAnswer,
  headersFor,
  type NoText,
  readText,
  subscriptionEnd,
  unlessIdle,
} from '../wire/answer.ts'
import { ListGuard, ListInStreamError } from '../wire/guard.ts'
import { isUtf8, mediaType } from '../wire/headers.ts'
import { cacheFor, isSeenWhole, type Judging, judgeWith } from '../wire/judged.ts'
import { SSEFilter } from '../wire/sse.ts'

/** Bounds of an answer. */
export type AnswerLimits = {
  /** Of an answer that must be seen whole. */
  readonly maxBytes: number
  readonly maxEventBytes: number
  /** For an answer that must be seen whole. */
  readonly timeoutMs: number
  /** Between two parts of a JSON answer. */
  readonly idleMs: number
}

/** What the relay needs to know and to tell, for one exchange. */
export type RelayTools = Judging & {
  readonly limits: AnswerLimits
  /** Bytes held back until they are whole. */
  readonly lease: Lease
  seal(session: string): string
  /** Counts a stream until the result is called; a drain ends a standing one by `end`. */
  openStream(end: () => void): () => void
  dropped(reason: string): void
  /** The same body, watched so that long streams stay flat in memory. */
  counted(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>
}

const MAX_ERROR_BYTES = 1_048_576
const MAX_DUMP_BYTES = 65_536
const MAX_DUMP_MS = 1_000
/** So many writes cost less than a copy. */
const FEW = 4
const UNREAD: Readonly<Record<NoText['fault'], Denial['denied']>> = {
  unreadable: 'upstream_broken',
  late: 'upstream_slow',
  full: 'overloaded',
}

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
  if (!isSeenWhole(intent)) return relayJSON(answer, permit, response, tools)
  const text = await read(answer, tools.limits.maxBytes, tools)
  if (typeof text !== 'string')
    return {
      ...broken(`an answer that cannot be filtered: ${text.fault}`),
      denied: UNREAD[text.fault],
    }
  const judged = judgeWith(intent, tools)(text)
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
  const whole = isJSON ? await read(answer, MAX_ERROR_BYTES, tools) : undefined
  const text = typeof whole === 'string' ? whole : undefined
  if (text === undefined) answer.body.destroy()
  const judged = text === undefined ? undefined : judgeWith(permit.intent, tools)(text)
  const passed = judged !== undefined && 'pass' in judged
  const body = passed ? (judged.pass === 'same' ? text : judged.text) : undefined
  const headers = headersFor(answer, permit.intent.era, 'application/json', tools.seal)
  const fallback = JSON.stringify({ error: 'the upstream server refused the request' })
  response.writeHead(answer.status, headers).end(body ?? fallback)
  return undefined
}

function read(answer: Answer, maxBytes: number, tools: RelayTools): Promise<string | NoText> {
  return readText(answer, maxBytes, tools.limits.timeoutMs, tools.lease.hold)
}

/** A result that holds no list by its method: streamed at once, under a guard that finds one. */
async function relayJSON(
  answer: Answer,
  permit: Permit,
  response: ServerResponse,
  tools: RelayTools,
): Promise<undefined> {
  const { intent } = permit
  const guard = new ListGuard({ cache: cacheFor(intent, tools), only: 'answers' }) // T95
  response.writeHead(answer.status, headersFor(answer, intent.era, 'application/json', tools.seal))
  await pipeline(guarded(unlessIdle(answer.body, tools.limits.idleMs), guard, tools), response)
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
  const judge = judgeWith(intent, tools)
  const note = (text: string) => {
    const verdict = judge(text)
    if ('drop' in verdict || 'method' in verdict.value) return verdict
    // T95: a stream answers its request once; on a GET every answer is a replay of another one.
    if (answered && intent.http === 'POST') return { drop: 'second_answer' }
    answered = true
    return verdict
  }
  const filter = new SSEFilter(note, {
    maxEventBytes: tools.limits.maxEventBytes,
    large: intent.list !== undefined ? 'drop' : intent.id === undefined ? 'results' : 'guard',
    onDrop: (reason) => {
      drops++
      tools.dropped(reason)
    },
  })
  try {
    for await (const chunk of tools.counted(body)) {
      const leaving = filter.push(chunk)
      // One write where a chunk lets go of many: it may end 65,536 events (T128).
      yield* leaving.length > FEW ? [Buffer.concat(leaving)] : leaving
      if (!tools.lease.hold(filter.held))
        throw new UpstreamFault('upstream_broken', 'bytes held back are at their limit')
    }
    yield* filter.end()
  } catch (error) {
    if (!ended()) throw error
  }
  if (intent.id === undefined) return
  if (ended() && intent.method === 'subscriptions/listen') yield subscriptionEnd(intent.id)
  // A client must not wait for an answer that was dropped.
  else if (drops > 0 && !answered) yield brokenAnswer(intent.id)
}
