// From strictly parsed JSON to one Message of MCP, or the reason why it is none. The bytes stay
// with the message: what is judged here is what is sent (law 1).

import type { Body, JSONObject, JSONValue, Message, Reason, RequestId } from '../types.ts'
import { ENVELOPE, isObject, RELATED_TASK_KEY, VERSION_KEY } from './eras.ts'
import { fold } from './fold.ts'
import { type Marks, parseStrict } from './json.ts'

/** Why bytes are no message; `id` when it could be read (R16). */
export type MessageFault = {
  readonly fault: Reason
  readonly detail: string
  readonly id?: RequestId | undefined
}

const PARAMS = [
  'name',
  'uri',
  'arguments',
  '_meta',
  'ref',
  'taskId',
  'task',
  'cursor',
  'notifications',
  'inputResponses',
  'requestState',
]
const NESTED: Readonly<Record<string, readonly string[]>> = {
  ref: ['type', 'name', 'uri'],
  _meta: [VERSION_KEY, RELATED_TASK_KEY],
  notifications: ['resourceSubscriptions', 'taskIds'],
}
/** The names of one object by what they fold into. */
type Known = ReadonlyMap<string, string>
const knownOf = (names: readonly string[]): Known =>
  new Map(names.map((name) => [fold(name), name]))
const KNOWN_ENVELOPE = knownOf(ENVELOPE)
const KNOWN_PARAMS = knownOf(PARAMS)
const KNOWN_NESTED = Object.entries(NESTED).map(
  ([member, names]) => [member, knownOf(names)] as const,
)
const MAX_STRING_ID = 256

/** Reads one JSON-RPC message (T1-T18); every refusal says which fact of the input it rests on. */
export function toMessage(bytes: Uint8Array, maxDepth: number): Message | MessageFault {
  const parsed = parseStrict(bytes, maxDepth)
  if (!parsed.ok) return { fault: reasonOf(parsed.fault), detail: parsed.detail }
  const { text, value, marks } = parsed
  if (Array.isArray(value)) return { fault: 'batch', detail: 'the body is an array' }
  if (!isObject(value)) return invalid('the body is not an object')
  const lookAlike = lookAlikes(value)
  if (lookAlike !== undefined) return invalid(lookAlike)
  const id = readId(text, value, marks)
  if (typeof id === 'object') return id
  if (value['jsonrpc'] !== '2.0') return invalid('"jsonrpc" is not "2.0"', id)
  const { arguments: given } = marks
  return shape(given === undefined ? { bytes, text } : { bytes, text, arguments: given }, value, id)
}

function reasonOf(fault: string): Reason {
  if (fault === 'duplicate_key' || fault === 'too_deep') return fault
  return fault === 'forbidden_key' || fault === 'too_many_members' ? 'invalid_message' : 'not_json'
}

function invalid(detail: string, id?: RequestId): MessageFault {
  return { fault: 'invalid_message', detail, id }
}

/** T6: a key that another reader could fold into one of ours is refused. */
function lookAlikes(value: JSONObject): string | undefined {
  const found = lookAlike(value, KNOWN_ENVELOPE)
  const params = value['params']
  if (found !== undefined || !isObject(params)) return found
  const within = lookAlike(params, KNOWN_PARAMS)
  if (within !== undefined) return within
  for (const [member, known] of KNOWN_NESTED) {
    const nested = params[member]
    const deeper = isObject(nested) ? lookAlike(nested, known) : undefined
    if (deeper !== undefined) return deeper
  }
  return undefined
}

function lookAlike(object: JSONObject, known: Known): string | undefined {
  for (const key of Object.keys(object)) {
    const twin = known.get(fold(key))
    if (twin !== undefined && twin !== key)
      return `a member name differs from "${twin}" only by case or form`
  }
  return undefined
}

/** T13: a string, or an integer written as one within ±(2^53 - 1); undefined when absent. */
function readId(
  text: string,
  value: JSONObject,
  { id: span }: Marks,
): RequestId | undefined | MessageFault {
  if (!Object.hasOwn(value, 'id')) return undefined
  const id = value['id']
  if (typeof id === 'string') {
    if (id.length <= MAX_STRING_ID) return id
    return invalid(`"id" is longer than ${MAX_STRING_ID} characters`)
  }
  const written = span === undefined ? '' : text.slice(span.start, span.end)
  if (typeof id === 'number' && Number.isSafeInteger(id) && String(id) === written) return id
  return invalid('"id" is neither a string nor a plain integer')
}

function shape(body: Body, value: JSONObject, id: RequestId | undefined): Message | MessageFault {
  const answers = ['result', 'error'].filter((member) => Object.hasOwn(value, member))
  if (!Object.hasOwn(value, 'method')) {
    if (answers.length !== 1)
      return invalid('neither a method nor exactly one of result, error', id)
    if (id === undefined) return invalid('a response without an id')
    if (answers[0] === 'error' && !isObject(value['error']))
      return invalid('"error" is not an object', id)
    return { kind: 'response', ...body, id, params: {} }
  }
  const method = value['method']
  if (answers.length > 0) return invalid('a method beside a result or an error', id)
  if (typeof method !== 'string') return invalid('"method" is not a string', id)
  const params: JSONValue | undefined = Object.hasOwn(value, 'params') ? value['params'] : {}
  if (!isObject(params)) return invalid('"params" is not an object', id)
  if (Object.hasOwn(params, '_meta') && !isObject(params['_meta']))
    return invalid('"params._meta" is not an object', id)
  if (id === undefined) return { kind: 'notification', ...body, method, params }
  return { kind: 'request', ...body, id, method, params }
}
