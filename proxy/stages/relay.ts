// Stage 8: the answer, back to the client. Lists are filtered in JSON and in live SSE, everything
// else passes as it comes; what cannot be judged and should have been is not passed on (law 6).

import type { ServerResponse } from 'node:http'
import type { RelayTools } from '../relaying.ts'
import { sendParts, sendWhole, type Through } from '../send.ts'
import type { Answer, Denial, Permit } from '../types.ts'
import { headersFor, readBytes, type Unread } from '../wire/answer.ts'
import { eventsThrough } from '../wire/events.ts'
import { joined } from '../wire/growing.ts'
import { ListGuard, ListInStreamError } from '../wire/guard.ts'
import { isUtf8, mediaType } from '../wire/headers.ts'
import { cacheFor, isSeenWhole, judgeWith } from '../wire/judged.ts'
import { toText } from '../wire/strings.ts'

const MAX_ERROR_BYTES = 1_048_576
const MAX_DUMP_BYTES = 65_536
const MAX_DUMP_MS = 1_000
const UNFILTERED = 'an answer that cannot be filtered'
const UNREAD: Readonly<Record<Unread['fault'], Denial['denied']>> = {
  unreadable: 'upstream_broken',
  late: 'upstream_slow',
  full: 'overloaded',
}

type Relayed = Denial | undefined | Promise<Denial | undefined>

/** Relays an answer; a Denial comes back only while nothing was written yet. */
export function relay(
  answer: Answer,
  permit: Permit,
  response: ServerResponse,
  tools: RelayTools,
): Relayed {
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
    return dump(answer, tools)
  }
  if (essence === 'text/event-stream') return relayStream(answer, permit, response, tools)
  if (essence !== 'application/json' || intent.http === 'GET')
    return broken('an answer that is neither JSON nor an event stream')
  if (!isSeenWhole(intent)) return relayJSON(answer, permit, response, tools)
  return relayWhole(answer, permit, response, tools, broken)
}

/** An answer that is judged before any of it leaves. */
async function relayWhole(
  answer: Answer,
  { intent }: Permit,
  response: ServerResponse,
  tools: RelayTools,
  broken: (detail: string) => Denial,
): Promise<Denial | undefined> {
  const bytes = await read(answer, tools.limits.maxBytes, tools)
  if ('fault' in bytes)
    return { ...broken(`${UNFILTERED}: ${bytes.fault}`), denied: UNREAD[bytes.fault] }
  const text = toText(bytes)
  if (text === undefined) return broken(`${UNFILTERED}: unreadable`)
  const judged = judgeWith(intent, tools)(text)
  if ('drop' in judged) return broken(judged.drop)
  if ('method' in judged.value) return broken('a message that is no answer') // T95
  const headers = headersFor(answer, intent.era, 'application/json', tools)
  const sent = judged.pass === 'same' ? bytes : Buffer.from(judged.text)
  sendWhole(response, answer.status, headers, sent)
  return undefined
}

function read(answer: Answer, maxBytes: number, tools: RelayTools): ReturnType<typeof readBytes> {
  const { watch, limits } = tools
  const hold = (bytes: number) => tools.lease.hold(bytes)
  return readBytes(answer.body, { maxBytes, timeoutMs: limits.timeoutMs, hold, watch })
}

/** T133: a body of no use to anybody, which may never end, so that its connection can be used again. */
async function dump(answer: Answer, { watch }: RelayTools): Promise<undefined> {
  const limits = { maxBytes: MAX_DUMP_BYTES, timeoutMs: MAX_DUMP_MS, hold: () => true, watch }
  await Promise.resolve(readBytes(answer.body, limits)).catch(() => undefined)
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
  const { intent } = permit
  const whole = essence === 'application/json' ? await read(answer, MAX_ERROR_BYTES, tools) : {}
  const text = whole instanceof Uint8Array ? toText(whole) : undefined
  if (text === undefined) answer.body.destroy()
  const judged = text === undefined ? undefined : judgeWith(intent, tools)(text)
  // What is no request has no result, whatever else the answer says.
  const isAsked = intent.id !== undefined || intent.http === 'GET'
  const passed =
    judged !== undefined && 'pass' in judged && (isAsked || judged.value['result'] === undefined)
  const body = passed ? (judged.pass === 'same' ? text : judged.text) : undefined
  const headers = headersFor(answer, intent.era, 'application/json', tools)
  const fallback = JSON.stringify({ error: 'the upstream server refused the request' })
  sendWhole(response, answer.status, headers, Buffer.from(body ?? fallback))
  return undefined
}

/** A result that holds no list by its method: streamed, under a guard that finds one. */
function relayJSON(
  answer: Answer,
  { intent }: Permit,
  response: ServerResponse,
  tools: RelayTools,
): Relayed {
  const { status, body } = answer
  const headers = headersFor(answer, intent.era, 'application/json', tools)
  const guard = new ListGuard({ cache: cacheFor(intent, tools), only: 'answers' }) // T95
  const through: Through = {
    push: (bytes) => {
      tools.passed(bytes.length)
      return guarded(guard, bytes, tools)
    },
    end: () => guard.end(),
  }
  const whole = body.whole()
  if (whole !== undefined) {
    const parts = through.push(whole)
    through.end()
    sendWhole(response, status, headers, joined(parts))
    return undefined
  }
  const { watch, limits } = tools
  const sending = { status, headers, through, watch, idleMs: limits.idleMs, isEnded: () => false }
  return sendParts(body, response, sending).then(() => undefined)
}

function guarded(guard: ListGuard, bytes: Uint8Array, tools: RelayTools): Uint8Array[] {
  try {
    return guard.push(bytes)
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
  const place = tools.openStream(end)
  // R45, T81: no stream outlives its token. A timer of more than 24.8 days would fire at once.
  const expiry = setTimeout(end, Math.min(tools.expiresInMs(), 2 ** 31 - 1))
  const isEnded = () => ended
  try {
    await sendParts(answer.body, response, {
      status: answer.status,
      headers: headersFor(answer, intent.era, 'text/event-stream', tools),
      through: eventsThrough(intent, tools, isEnded),
      watch: tools.watch,
      idleMs: undefined,
      isEnded,
    })
  } finally {
    clearTimeout(expiry)
    place.release()
  }
  return undefined
}
