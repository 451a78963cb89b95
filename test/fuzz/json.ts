// Fuzz target: the strict JSON gate and the reading of a message (T1-T18, law 1). What it accepts has
// one meaning: that of RFC 8259, of JSON.parse and of both generations of the published SDK.

import assert from 'node:assert/strict'
import { isUtf8 } from 'node:buffer'
import * as sdk1 from '@modelcontextprotocol/sdk/types.js'
import { parseJSONRPCMessage, specTypeSchemas } from '@modelcontextprotocol/server'
import { classify } from '../../proxy/stages/classify.ts'
import { isDenial, type JSONValue, type Message } from '../../proxy/types.ts'
import { envelopeOf, VERSION_KEY } from '../../proxy/wire/eras.ts'
import { encodeHeaderValue } from '../../proxy/wire/headers.ts'
import { parseStrict, valueStart } from '../../proxy/wire/json.ts'
import { toMessage } from '../../proxy/wire/jsonrpc.ts'
import { elementsAt, membersAt } from '../../proxy/wire/spans.ts'
import { readJSON } from './reference/json.ts'

/** Low, so that the fuzzer meets it. */
const MAX_DEPTH = 9
const MAX_OUTER = 1_000
const MAX_INNER = 100_000

export const maxBytes = 2_048
export const words = [
  ...['{', '}', '[', ']', ',', ':', '"', '\\', '\\"', '\\u0061', '\\ud83d', '\\u0000', '\ufeff'],
  ...['{"":0}', '[[[[[[[[[', ']]]]]]]]]', '1e5', '-0', '1.0', '\u2028', '\u00a0', '\x0b', '\x00'],
  ...['{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{}}}'],
  ...[
    '"jsonrpc":"2.0",',
    '"id":1,',
    '"id":null,',
    '"method":"tools/call"',
    '"params":{"name":"a"}',
  ],
  ...['"Method":"x"', '"\\u006eame":"b",', '"nam\u0065":"c",', '"params":{"uri":"docs://a"}'],
  ...[
    'resources/read',
    'prompts/get',
    'completion/complete',
    '"ref":{"type":"ref/prompt","name":"p"}',
  ],
  ...[
    '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"},',
    '"result":{}',
    '"__proto__"',
  ],
]

/** The gate under test: other implementations are put to the same properties. */
export type Gate = {
  readonly parse: typeof parseStrict
  readonly message: typeof toMessage
}

/** Throws when the gate breaks a property on these bytes. */
export function target(bytes: Uint8Array): void {
  check({ parse: parseStrict, message: toMessage }, bytes)
}

/** The properties, for any gate. */
export function check(gate: Gate, bytes: Uint8Array): void {
  const parsed = gate.parse(bytes, MAX_DEPTH)
  const faults = faultsOf(bytes)
  if (!parsed.ok) {
    assert.ok(faults.has(parsed.fault), 'a text is refused for what it does not have')
  } else {
    assert.equal(faults.size, 0, 'a text that readers differ on is accepted')
    const text = Buffer.from(bytes).toString('utf8')
    assert.equal(parsed.text, text, 'the text is not that of the bytes')
    assert.deepEqual(parsed.value, readJSON(text)?.value, 'the value is not that of RFC 8259')
    assert.deepEqual(parsed.value, JSON.parse(text), 'the value is not that of JSON.parse')
    checkSpans(text, valueStart(text, 0), parsed.value)
  }
  const message = gate.message(bytes, MAX_DEPTH)
  if ('fault' in message) return
  assert.ok(parsed.ok, 'a message is read from a text that is refused')
  assert.equal(message.bytes, bytes, 'the bytes of a message are not those that came')
  checkReadings(message, JSON.parse(Buffer.from(bytes).toString('utf8')))
}

/** Every reason to refuse the bytes; none when they must be accepted. */
function faultsOf(bytes: Uint8Array): ReadonlySet<string> {
  if (!isUtf8(bytes)) return new Set(['not_utf8'])
  const text = Buffer.from(bytes).toString('utf8')
  if (text.startsWith('\ufeff')) return new Set(['bom'])
  const reading = readJSON(text)
  // On what is no JSON the answer may be any but yes.
  if (reading === undefined)
    return new Set(['syntax', 'duplicate_key', 'too_deep', 'too_many_members', 'forbidden_key'])
  const faults = new Set<string>()
  if (reading.depth > MAX_DEPTH) faults.add('too_deep')
  if (reading.hasDuplicates) faults.add('duplicate_key')
  if (reading.hasProto) faults.add('forbidden_key')
  if (reading.outerMembers > MAX_OUTER || reading.innerMembers > MAX_INNER)
    faults.add('too_many_members')
  return faults
}

/** The spans cut out by text alone are the values that the parser sees. */
function checkSpans(text: string, start: number, value: JSONValue): void {
  if (typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) {
    const spans = elementsAt(text, start)
    assert.equal(spans.length, value.length, 'an array has other elements as text')
    for (const [n, span] of spans.entries()) checkSpan(text, span, value[n])
    return
  }
  const spans = membersAt(text, start)
  assert.deepEqual([...spans.keys()].sort(), Object.keys(value).sort(), 'other members as text')
  for (const [name, member] of Object.entries(value)) {
    const span = spans.get(name)
    assert.ok(span !== undefined && text[span.keyStart] === '"', 'a member has no place')
    checkSpan(text, span, member)
  }
}

function checkSpan(
  text: string,
  span: { readonly start: number; readonly end: number },
  value: JSONValue | undefined,
): void {
  assert.deepEqual(JSON.parse(text.slice(span.start, span.end)), value, 'a span is another value')
  checkSpans(text, span.start, value ?? null)
}

/** Whatever an SDK makes of the message, kind, method, id and names are those we decide on. */
function checkReadings(message: Message, value: unknown): void {
  const targets = targetsOf(message)
  const first = sdk1.JSONRPCMessageSchema.safeParse(value)
  if (first.success) checkEnvelope(message, first.data)
  const second = attempt(() => parseJSONRPCMessage(value))
  if (second !== undefined) checkEnvelope(message, second)
  if (targets === undefined || message.kind === 'response') return
  const { method } = message
  const schemas = Object.hasOwn(NAMED, method) ? (NAMED[method]?.() ?? []) : []
  for (const read of schemas) {
    const request = read(value)
    if (request === undefined) continue
    const { name, uri, taskId, ref } = request.params
    const named = ref === undefined ? (name ?? uri ?? taskId) : (ref.name ?? ref.uri)
    assert.equal(targets.length, 1, 'an SDK reads a name where none is decided on')
    assert.equal(targets[0]?.name, named, 'an SDK reads another name than the one decided on')
  }
}

function checkEnvelope(message: Message, read: object): void {
  const kind = !('method' in read) ? 'response' : 'id' in read ? 'request' : 'notification'
  assert.equal(kind, message.kind, 'an SDK reads another kind of message')
  if ('id' in read) assert.equal('id' in message && message.id, read.id, 'an SDK reads another id')
  if ('method' in read && message.kind !== 'response')
    assert.equal(message.method, read.method, 'an SDK reads another method')
}

/** The names decided on, with headers that say what the body says; undefined when refused. */
function targetsOf(message: Message): readonly { readonly name: string }[] | undefined {
  const headers = new Map<string, string>()
  const envelope = message.kind === 'response' ? undefined : envelopeOf(message.params)
  if (envelope !== undefined && message.kind !== 'response') {
    headers.set('mcp-protocol-version', String(envelope[VERSION_KEY]))
    headers.set('mcp-method', message.method)
    const { name, uri, taskId } = message.params
    const named = message.method === 'resources/read' ? uri : (taskId ?? name)
    if (typeof named === 'string') headers.set('mcp-name', encodeHeaderValue(named))
  }
  const intent = classify({ http: 'POST', headers }, message)
  return isDenial(intent) ? undefined : intent.targets
}

type Named = {
  readonly params: {
    readonly [name in 'name' | 'uri' | 'taskId']?: unknown
  } & { readonly ref?: { readonly name?: unknown; readonly uri?: unknown } }
}
type Read = (value: unknown) => Named | undefined

const first = (schema: { safeParse(value: unknown): { data?: unknown } }): Read => {
  return (value) => schema.safeParse(value).data as Named | undefined // a request with params
}
const second = (name: keyof typeof specTypeSchemas): Read => {
  return (value) => {
    const read = specTypeSchemas[name]['~standard'].validate(value)
    return 'value' in read ? (read.value as Named) : undefined // a request with params
  }
}
/** How the SDKs read the requests that name something. */
const NAMED: Readonly<Record<string, () => readonly Read[]>> = {
  'tools/call': () => [first(sdk1.CallToolRequestSchema), second('CallToolRequest')],
  'prompts/get': () => [first(sdk1.GetPromptRequestSchema), second('GetPromptRequest')],
  'resources/read': () => [first(sdk1.ReadResourceRequestSchema), second('ReadResourceRequest')],
  'resources/subscribe': () => [first(sdk1.SubscribeRequestSchema), second('SubscribeRequest')],
  'completion/complete': () => [first(sdk1.CompleteRequestSchema), second('CompleteRequest')],
  'tasks/get': () => [first(sdk1.GetTaskRequestSchema), second('GetTaskRequest')],
  'tasks/cancel': () => [first(sdk1.CancelTaskRequestSchema), second('CancelTaskRequest')],
}

function attempt<T>(make: () => T): T | undefined {
  try {
    return make()
  } catch {
    return undefined
  }
}
