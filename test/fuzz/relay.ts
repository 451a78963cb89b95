// Fuzz target: an answer of the upstream on its whole way to the client (T92-T110, law 6): any status,
// head and body, in any chunks, to any kind of request. Refused answers leave no byte; what leaves has
// our head alone, shows nothing hidden, and does not depend on the chunks.

import assert from 'node:assert/strict'
import { type ServerResponse, validateHeaderValue } from 'node:http'
import { Writable } from 'node:stream'
import { createSealer } from '../../proxy/identity/session.ts'
import { Budget } from '../../proxy/policy/budget.ts'
import { parsePolicy } from '../../proxy/policy/table.ts'
import { TaskOwners } from '../../proxy/policy/tasks.ts'
import type { RelayTools } from '../../proxy/relaying.ts'
import { authorize } from '../../proxy/stages/authorize.ts'
import { classify } from '../../proxy/stages/classify.ts'
import { relay } from '../../proxy/stages/relay.ts'
import { type Answer, type Caller, isDenial, type Permit, type Target } from '../../proxy/types.ts'
import { Watch } from '../../proxy/watch.ts'
import { toMessage } from '../../proxy/wire/jsonrpc.ts'
import { LIST_NAMES } from '../../proxy/wire/lists.ts'
import { bodyOf } from '../support/body.ts'
import { Choices } from './choices.ts'
import { leakIn } from './reference/leaks.ts'
import { readStream } from './reference/sse.ts'

export const maxBytes = 1_024
export const words = [
  ...[
    '{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a"},{"name":"hid"}]}}',
    '"tools":[{"name":"hid"}]',
    'data: ',
    '\n\n',
    '\r\n',
  ],
  ...[
    '"error":{"code":-32602,"message":"hid"}',
    '"result":{',
    '"capabilities":{"experimental":{"x":{}},"extensions":{"y":{}}},',
    '"serverInfo":{}',
  ],
  ...[
    '"method":"notifications/resources/updated","params":{"uri":"hid"}',
    '"id":2,',
    '"id":"1",',
    '"ttlMs":1,',
    '"cacheScope":"public",',
  ],
  ...[
    'event: message\n',
    'id: 1\n',
    ': ping\n\n',
    '"taskId":"t"',
    '"task":{"taskId":"t"}',
    '\xff',
    '\ufeff',
    '{"error":"session not found"}',
  ],
]

const MODERN = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' }
/** What was asked: the kinds of requests whose answers take different ways. */
const ASKS: readonly (readonly [method: string, params: object])[] = [
  ['tools/list', {}],
  ['tools/call', { name: 'a' }],
  ['initialize', {}],
  ['prompts/list', {}],
  ['resources/read', { uri: 'a' }],
  ['tools/call', { name: 'a', task: {} }],
  ['resources/templates/list', {}],
  ['server/discover', { _meta: MODERN }],
  ['tools/list', { _meta: MODERN }],
  ['resources/read', { uri: 'a', _meta: MODERN }],
  ['notifications/initialized', {}],
  ['GET', {}],
  ['DELETE', {}],
]
const STATUSES = [
  200, 200, 200, 200, 201, 202, 204, 206, 299, 302, 400, 401, 403, 404, 405, 407, 429, 500, 503,
]
const TYPES = [
  'application/json',
  'text/event-stream',
  'Application/JSON; charset=utf-8',
  'text/event-stream;charset="UTF-8"',
  'application/json; charset=utf-16',
  'text/plain',
  '',
  'application/json, text/event-stream',
  'application/jsonx',
]
const ALLOWED = [
  'content-type',
  'cache-control',
  'vary',
  'x-accel-buffering',
  'mcp-session-id',
  'allow',
  'retry-after',
]

/** The way of an answer: the code under test. */
export type Relay = typeof relay

/** Rejects when a property of answers breaks on these bytes. */
export function target(bytes: Uint8Array): Promise<void> {
  return check(relay, bytes)
}

const parsed = parsePolicy(
  `version: 1\ntools: {'a*': {anyone: true}}\nprompts: {'a*': {anyone: true}}\nresources: {'a*': {anyone: true}}`,
  'error',
)
assert.ok('policy' in parsed)
const { policy } = parsed
const caller: Caller = {
  iss: 'https://idp',
  sub: 'alice',
  client: '',
  scopes: new Set(),
  roles: new Set(),
  expiresAt: 1,
}
const sealer = createSealer(new Uint8Array(32).fill(7))
const PERMITS = ASKS.map(([method, params]) => permitOf(method, params))

function permitOf(method: string, params: object): Permit {
  const isBodiless = method === 'GET' || method === 'DELETE'
  const named = 'uri' in params ? String(params.uri) : undefined
  const id = method.startsWith('notifications/') ? {} : { id: 1 }
  const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...id, method, params }))
  const message = isBodiless ? undefined : toMessage(body, 64)
  assert.ok(message === undefined || !('fault' in message))
  const headers = new Map<string, string>()
  if ('_meta' in params) headers.set('mcp-protocol-version', '2026-07-28').set('mcp-method', method)
  if ('_meta' in params && named !== undefined) headers.set('mcp-name', named)
  const intent = classify({ http: isBodiless ? method : 'POST', headers }, message)
  assert.ok(!isDenial(intent))
  const permit = authorize(caller, intent, policy, new TaskOwners(), sealer)
  assert.ok(!isDenial(permit))
  return permit
}

type Sent = {
  readonly outcome: 'refused' | 'stopped' | 'sent'
  readonly status: number | undefined
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: Buffer
}

/** The properties, for any relay. */
export async function check(send: Relay, bytes: Uint8Array): Promise<void> {
  const choices = new Choices(bytes)
  const permit = choices.pick(PERMITS)
  const status = choices.pick(STATUSES)
  const headers = headersOf(choices)
  const sizes = [1 + choices.below(9), 1 + choices.below(40)]
  const body = choices.rest()
  const whole = await run(send, permit, { status, headers }, body, [body.length || 1])
  const split = await run(send, permit, { status, headers }, body, sizes)
  assert.equal(split.outcome, whole.outcome, 'chunks decide what becomes of an answer')
  assert.equal(split.status, whole.status, 'chunks decide the status')
  if (whole.outcome !== 'stopped')
    assert.ok(split.body.equals(whole.body), 'the body depends on the chunks')
  for (const sent of [whole, split]) checkSent(sent, permit)
}

function headersOf(choices: Choices): Answer['headers'] {
  const type = choices.pick(TYPES)
  const odd = choices.pick(['', '', 'up-1', 'bad id', 'é', '\u0007'])
  return {
    ...(type === '' ? {} : { 'content-type': type.includes(', ') ? type.split(', ') : type }),
    ...(odd === '' ? {} : { 'mcp-session-id': odd }),
    ...(choices.below(8) === 7
      ? { 'content-encoding': choices.pick(['gzip', 'identity', 'br']) }
      : {}),
    ...(choices.flag() ? { allow: choices.pick(['POST', 'GET, POST', 'x\u0001']) } : {}),
    ...(choices.flag() ? { 'retry-after': choices.pick(['1', '-1', 'soon']) } : {}),
    'set-cookie': ['hid=1'],
    'www-authenticate': 'Bearer scope="hid"',
    'content-length': '5',
    connection: 'close',
    'x-hid': 'hid',
  }
}

async function run(
  send: Relay,
  permit: Permit,
  head: Pick<Answer, 'status' | 'headers'>,
  bytes: Uint8Array,
  sizes: readonly number[],
): Promise<Sent> {
  const response = new Captured()
  const answer = { ...head, body: bodyOf(piecesOf(bytes, sizes)).body }
  let open = 0
  const tools: RelayTools = {
    may: ({ kind, name }) => policy.decide(caller, { kind, name }).allow,
    expiresInMs: () => 60_000,
    seal: (session) => sealer.seal(session, caller),
    limits: { maxBytes: 16_777_216, maxEventBytes: 4_194_304, timeoutMs: 60_000, idleMs: 60_000 },
    lease: new Budget(268_435_456).lease(),
    tasksOffered: () => undefined,
    taskCreated: () => undefined,
    openStream: () => {
      open++
      return { release: () => void open-- }
    },
    hidden: () => undefined,
    dropped: () => undefined,
    passed: () => undefined,
    watch: new Watch({ writableLength: 0, destroy: () => undefined }, 60_000),
  }
  let outcome: Sent['outcome'] = 'sent'
  try {
    const denial = await send(answer, permit, response as unknown as ServerResponse, tools) // all that relay calls
    if (denial !== undefined) outcome = 'refused'
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code !== 'ERR_LIST_IN_STREAM' && code !== 'SESSION_ID_INVALID') throw error
    outcome = code === 'SESSION_ID_INVALID' ? 'refused' : 'stopped'
  }
  assert.equal(open, 0, 'a stream is counted for ever')
  const body = Buffer.concat(response.parts)
  return { outcome, status: response.status, headers: response.head, body }
}

/** What of a ServerResponse an answer is written to. */
class Captured extends Writable {
  readonly parts: Buffer[] = []
  status: number | undefined
  head: Readonly<Record<string, unknown>> = {}

  writeHead(status: number, head: Readonly<Record<string, unknown>> = {}): this {
    assert.equal(this.status, undefined, 'two heads are written')
    this.status = status
    this.head = head
    return this
  }

  flushHeaders(): void {
    assert.notEqual(this.status, undefined, 'no head is written')
  }

  override _write(chunk: Buffer | string, _encoding: BufferEncoding, done: () => void): void {
    this.parts.push(Buffer.from(chunk as string)) // or a buffer, which is copied as well
    done()
  }
}

function piecesOf(bytes: Uint8Array, sizes: readonly number[]): readonly Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (let at = 0, n = 0; at < bytes.length; n++) {
    const end = at + (sizes[n % sizes.length] ?? 1)
    pieces.push(bytes.slice(at, end))
    at = end
  }
  return pieces
}

/** Lists show what may be called; what the names decode to is what the caller may see. */
function may({ name }: Target): boolean {
  let plain = name
  for (let round = 0; round < 8 && plain.includes('%'); round++)
    plain = plain.replace(/%61/gi, 'a').replace(/%25/g, '%')
  return plain.startsWith('a')
}

function checkSent({ outcome, status, headers, body }: Sent, permit: Permit): void {
  if (outcome === 'refused') {
    assert.equal(status, undefined, 'a refused answer has a head')
    assert.equal(body.length, 0, 'a refused answer leaves bytes')
    return
  }
  assert.ok(status !== undefined && status >= 200 && status < 500, 'a status passes that may not')
  assert.ok(status < 300 || status >= 400, 'a redirect passes (T108)')
  assert.ok(![401, 403, 407].includes(status), 'a challenge of the upstream passes (T109)')
  for (const [name, value] of Object.entries(headers)) {
    if (name === 'content-length') assert.equal(value, String(body.length), 'another length leaves')
    else assert.ok(ALLOWED.includes(name), 'a header of the upstream passes')
    assert.doesNotThrow(() => validateHeaderValue(name, String(value)), 'a header cannot be sent')
    assert.doesNotMatch(String(value), /hid/)
  }
  if (body.length === 0) return
  assert.equal(
    headers['cache-control'],
    'private, no-store',
    'an answer may be kept by others (T105)',
  )
  const isStream = headers['content-type'] === 'text/event-stream'
  const texts = isStream
    ? readStream(body).blocks.flatMap(({ data }) =>
        data === undefined ? [] : [Buffer.from(data, 'latin1').toString('utf8')],
      )
    : [body.toString('utf8')]
  for (const text of texts) checkMessage(text, permit)
}

function checkMessage(text: string, { intent }: Permit): void {
  let message: unknown
  try {
    message = JSON.parse(text)
  } catch {
    return
  }
  const lists = intent.http === 'GET' ? LIST_NAMES : intent.list === undefined ? [] : [intent.list]
  assert.equal(leakIn(message, lists, may), undefined, 'something hidden reaches the client')
  if (intent.list === undefined || typeof message !== 'object' || message === null) return
  const { error } = message as { readonly error?: { readonly message?: unknown } } // an object
  assert.doesNotMatch(
    String(error?.message),
    /hid/,
    'the words of an error name what is hidden (T102)',
  )
}
