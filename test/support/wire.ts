// Requests of both eras as bare HTTP, for what no SDK client would send, and their answers.

import assert from 'node:assert/strict'
import type { JSONObject } from '../../proxy/types.ts'
import { isObject } from '../../proxy/wire/eras.ts'

/** Headers of one request; `undefined` leaves a usual one out. */
export type Extra = Readonly<Record<string, string | undefined>>

/** What one request is sent with. */
export type Sending = { readonly token?: string; readonly headers?: Extra; signal?: AbortSignal }

type Entry = { readonly name: string; readonly uri?: string; readonly uriTemplate?: string }

/** The members of a result that a test looks at. */
export type Result = JSONObject & {
  readonly tools?: readonly Entry[]
  readonly prompts?: readonly Entry[]
  readonly resources?: readonly Entry[]
  readonly resourceTemplates?: readonly Entry[]
  readonly content?: readonly { readonly text: string }[]
}

/** One message of an answer, as a test looks at it. */
export type Reply = {
  readonly id?: string | number
  readonly method?: string
  readonly params?: JSONObject
  readonly result?: Result
  readonly error?: { readonly code: number; readonly message: string; readonly data?: JSONObject }
}

const VERSION = 'io.modelcontextprotocol/protocolVersion'
const CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities'

/** POSTs a body as it is. */
export function post(url: string, body: string, sending: Sending = {}): Promise<Response> {
  const headers = headersOf(sending, { 'content-type': 'application/json' })
  const { signal } = sending
  return fetch(url, { method: 'POST', headers, body, ...(signal && { signal }) })
}

/** GETs or DELETEs. */
export function bare(http: 'GET' | 'DELETE', url: string, sending: Sending): Promise<Response> {
  const headers = headersOf(sending, http === 'GET' ? { accept: 'text/event-stream' } : {})
  const { signal } = sending
  return fetch(url, { method: http, headers, ...(signal && { signal }) })
}

function headersOf({ token, headers = {} }: Sending, usual: Extra): Record<string, string> {
  const all: Extra = {
    accept: 'application/json, text/event-stream',
    authorization: token === undefined ? undefined : `Bearer ${token}`,
    ...usual,
    ...headers,
  }
  return Object.fromEntries(
    Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
}

/** The text of a 2025 message; without an id it is a notification. */
export function legacy(method: string, params: object = {}, id?: number | null): string {
  return JSON.stringify({ jsonrpc: '2.0', ...(id === null ? {} : { id: id ?? 1 }), method, params })
}

/** The text of a 2026-07-28 request. */
export function modern(method: string, params: JSONObject = {}, id: number | string = 1): string {
  const capabilities = { elicitation: { form: {} } }
  const meta = isObject(params['_meta']) ? params['_meta'] : {}
  const _meta = { ...meta, [VERSION]: '2026-07-28', [CAPABILITIES]: capabilities }
  return JSON.stringify({ jsonrpc: '2.0', id, method, params: { ...params, _meta } })
}

/** The headers that go with it. */
export function modernHeaders(method: string, name?: string): Record<string, string> {
  return {
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': method,
    ...(name === undefined ? {} : { 'mcp-name': name }),
  }
}

/** Sends a well-formed 2026-07-28 request. */
export function postModern(
  url: string,
  token: string | undefined,
  method: string,
  params: { readonly name?: string; readonly uri?: string } & JSONObject = {},
  signal?: AbortSignal,
): Promise<Response> {
  const headers = modernHeaders(method, params.name ?? params.uri)
  const own = { ...(token !== undefined && { token }), ...(signal && { signal }) }
  return post(url, modern(method, params), { ...own, headers })
}

/** The events of a stream as they arrive: id and data. */
export async function* events(response: Response): AsyncGenerator<{ id: string; data: string }> {
  assert.ok(response.body)
  let text = ''
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const lines = text.slice(0, end).split('\n')
      text = text.slice(end + 2)
      const field = (name: string) =>
        lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? ''
      yield { id: field('id'), data: field('data') }
    }
  }
}

/** The messages of a stream as they arrive. */
export async function* messages(response: Response): AsyncGenerator<Reply> {
  for await (const { data } of events(response)) if (data !== '') yield JSON.parse(data) as Reply
}

/** The next value; fails when there is none. */
export async function next<T>(stream: AsyncGenerator<T>): Promise<T> {
  const { value, done } = await stream.next()
  assert.ok(done !== true, 'the stream ended')
  return value
}

/** The answer to a request, whether it came as JSON or at the end of a stream. */
export async function reply(response: Response): Promise<Reply> {
  const type = response.headers.get('content-type') ?? ''
  if (type.startsWith('application/json')) return (await response.json()) as Reply
  for await (const message of messages(response)) if (message.method === undefined) return message
  throw new Error(`no answer in a ${response.status} of type "${type}"`)
}

/** An open 2025 session. */
export type Session = {
  readonly id: string
  post(body: string, sending?: Sending): Promise<Response>
  get(sending?: Sending): Promise<Response>
  end(sending?: Sending): Promise<Response>
}

/** Opens a session; `sending` of a single request wins over that of the session. */
export async function openSession(url: string, token?: string): Promise<Session> {
  const clientInfo = { name: 'raw', version: '1' }
  const protocolVersion = '2025-11-25'
  const params = { protocolVersion, capabilities: {}, clientInfo }
  const own = token === undefined ? {} : { token }
  const opened = await post(url, legacy('initialize', params), own)
  assert.equal(opened.status, 200, await opened.text())
  const id = opened.headers.get('mcp-session-id') ?? ''
  const headers = { 'mcp-session-id': id, 'mcp-protocol-version': protocolVersion }
  const all = (sending: Sending) => ({
    ...own,
    ...sending,
    headers: { ...headers, ...sending.headers },
  })
  const session: Session = {
    id,
    post: (body, sending = {}) => post(url, body, all(sending)),
    get: (sending = {}) => bare('GET', url, all(sending)),
    end: (sending = {}) => bare('DELETE', url, all(sending)),
  }
  const accepted = await session.post(legacy('notifications/initialized', {}, null))
  assert.equal(accepted.status, 202)
  return session
}
