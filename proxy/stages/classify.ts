// Stage 5: what is asked? The era, the method and the names, from the body alone; Mcp-* headers are
// only cross-checked (law 5, R11-R16). What is not in the tables of eras.ts is unknown.

import type {
  Body,
  Denial,
  Era,
  Head,
  Intent,
  JSONObject,
  Message,
  RequestId,
  Target,
} from '../types.ts'
import {
  envelopeOf,
  isObject,
  METHODS,
  type MethodRow,
  MODERN_VERSION,
  RELATED_TASK_KEY,
  TASKS_EXTENSION,
  VERSION_KEY,
} from '../wire/eras.ts'
import { decodeHeaderValue } from '../wire/headers.ts'
import { isTargetLike } from '../wire/lists.ts'
import { isNamed } from '../wire/names.ts'

/** Every name in a filter is decided on before anything else runs: so many, and so long in all (T128). */
const MAX_LISTENED = 1_000
const MAX_LISTENED_LENGTH = 65_536

const CAPABILITIES_KEY = 'io.modelcontextprotocol/clientCapabilities'

type Asking = Extract<Message, { kind: 'request' | 'notification' }>

/** Turns a message and its headers into an Intent, or says why not. */
export function classify(head: Head, message: Message | undefined): Intent | Denial {
  const sealedSession = head.headers.get('mcp-session-id')
  if (message === undefined) return { ...bare(head, 'legacy', head.http), sealedSession }
  if (message.kind === 'response')
    return { ...bare(head, 'legacy', 'response'), body: bodyOf(message), sealedSession }
  const envelope = envelopeOf(message.params)
  const era: Era = envelope === undefined ? 'legacy' : 'modern'
  const disagreement =
    envelope === undefined
      ? legacyDisagreement(head, message)
      : modernDisagreement(head, message, envelope)
  if (disagreement !== undefined) return { ...disagreement, id: idOf(message), era }
  const row = METHODS[era].get(message.method)
  if (row === undefined)
    return { denied: 'method_unknown', detail: 'unknown method', id: idOf(message), era }
  if ((message.kind === 'notification') !== message.method.startsWith('notifications/'))
    return invalid(message, 'a request without an id, or a notification with one')
  const own = targetsOf(message, row)
  const related = relatedTask(message)
  if ('denied' in own) return { ...own, id: idOf(message), era }
  if ('denied' in related) return { ...related, id: idOf(message), era }
  return {
    era,
    http: head.http,
    method: message.method,
    id: idOf(message),
    targets: related.length === 0 ? own : [...own, ...related],
    list: row.list,
    body: bodyOf(message),
    sealedSession: era === 'modern' || message.method === 'initialize' ? undefined : sealedSession,
    mayCreateTask: message.method === 'tools/call' && asksForTask(message.params, envelope),
  }
}

function bare(head: Head, era: Era, method: string): Intent {
  return {
    era,
    http: head.http,
    method,
    id: undefined,
    targets: [],
    list: undefined,
    sealedSession: undefined,
    body: undefined,
    mayCreateTask: false,
  }
}

function bodyOf({ bytes, text, arguments: given }: Message): Body {
  return given === undefined ? { bytes, text } : { bytes, text, arguments: given }
}

function idOf(message: Message): RequestId | undefined {
  return message.kind === 'request' ? message.id : undefined
}

function invalid(message: Message, detail: string): Denial {
  return { denied: 'invalid_message', detail, id: idOf(message) }
}

/** A modern header over a legacy body: the upstream could read the era otherwise than we do. */
function legacyDisagreement(head: Head, message: Asking): Denial | undefined {
  if (head.headers.get('mcp-protocol-version') !== MODERN_VERSION) return undefined
  if (message.kind === 'notification') return undefined
  if (message.method === 'initialize')
    return mismatch(
      'initialize was sent with a modern MCP-Protocol-Version header',
      MODERN_VERSION,
      message.params['protocolVersion'],
    )
  return {
    denied: 'envelope_missing',
    detail: `the MCP-Protocol-Version header names ${MODERN_VERSION}, but params._meta does not`,
  }
}

/** R11, T117: version, method and name of the headers must be those of the body. */
function modernDisagreement(head: Head, message: Asking, envelope: JSONObject): Denial | undefined {
  const version = envelope[VERSION_KEY]
  if (typeof version !== 'string')
    return { denied: 'envelope_missing', detail: `${VERSION_KEY} is not a string` }
  const required = message.kind === 'request'
  const checks: readonly (readonly [string, string])[] = [
    ['mcp-protocol-version', version],
    ['mcp-method', message.method],
  ]
  for (const [header, expected] of checks) {
    const given = head.headers.get(header)
    if (given === undefined ? required : given.trim() !== expected)
      return mismatch(`the ${header} header is not what the body says`, given, expected)
  }
  if (version !== MODERN_VERSION)
    return { denied: 'version_unsupported', detail: 'unknown protocol revision', got: version }
  return required ? nameDisagreement(head, message) : undefined
}

function nameDisagreement(head: Head, message: Asking): Denial | undefined {
  const naming = METHODS.modern.get(message.method)?.names
  if (naming === undefined) return undefined
  const named = message.params[naming.member]
  const given = head.headers.get('mcp-name')
  if (given === undefined && named === undefined) return undefined
  if (given !== undefined && decodeHeaderValue(given.trim()) === named) return undefined
  return mismatch(`the mcp-name header is not params.${naming.member} of the body`, given, named)
}

/** Both values as the caller sent them; a value of the body that is no string is not shown. */
function mismatch(detail: string, got: string | undefined, said: unknown): Denial {
  const body = said === undefined || typeof said === 'string' ? said : '(not a string)'
  return { denied: 'header_mismatch', detail, got, body }
}

function targetsOf(message: Asking, row: MethodRow): readonly Target[] | Denial {
  const { params } = message
  if (row.names !== undefined)
    return named([{ kind: row.names.kind, name: params[row.names.member] }])
  if (row.special === 'completion') {
    const ref = isObject(params['ref']) ? params['ref'] : {}
    if (ref['type'] === 'ref/prompt') return named([{ kind: 'prompt', name: ref['name'] }])
    if (ref['type'] === 'ref/resource') return named([{ kind: 'template', name: ref['uri'] }])
    return { denied: 'invalid_name', detail: '"ref.type" is neither ref/prompt nor ref/resource' }
  }
  if (row.special === 'listen') return listenTargets(params['notifications'])
  return []
}

/**
 * A server sends what belongs to a related task to whoever waits for that task, so it is a target as
 * well (T121). The tasks that notifications name may be the client's own.
 */
function relatedTask({ kind, params }: Asking): readonly Target[] | Denial {
  const meta = params['_meta']
  if (kind !== 'request' || !isObject(meta) || !Object.hasOwn(meta, RELATED_TASK_KEY)) return []
  const related = meta[RELATED_TASK_KEY]
  const says = isObject(related) && Object.keys(related).filter(isTargetLike).length === 1
  return named([{ kind: 'task', name: says ? related['taskId'] : undefined }])
}

/** Every subscribed URI and task is decided on before the stream opens (R28, T120). */
function listenTargets(filter: unknown): readonly Target[] | Denial {
  const targets: { kind: Target['kind']; name: unknown }[] = []
  for (const [member, kind] of [
    ['resourceSubscriptions', 'resource'],
    ['taskIds', 'task'],
  ] as const) {
    const names = isObject(filter) ? filter[member] : undefined
    if (names === undefined) continue
    if (!Array.isArray(names))
      return { denied: 'invalid_name', detail: `"notifications.${member}" is not an array` }
    if (names.length > MAX_LISTENED || JSON.stringify(names).length > MAX_LISTENED_LENGTH)
      return { denied: 'invalid_name', detail: `"notifications.${member}" names too much` }
    targets.push(...names.map((name) => ({ kind, name })))
  }
  return named(targets)
}

/** T16, T21: names are strings, and such as may be listed. */
function named(
  candidates: readonly { readonly kind: Target['kind']; readonly name: unknown }[],
): readonly Target[] | Denial {
  const targets: Target[] = []
  for (const { kind, name } of candidates) {
    if (typeof name !== 'string' || !isNamed({ kind, name }))
      return { denied: 'invalid_name', detail: `the ${kind} is not named by a plain string` }
    targets.push({ kind, name })
  }
  return targets
}

function asksForTask(params: JSONObject, envelope: JSONObject | undefined): boolean {
  if (envelope === undefined) return Object.hasOwn(params, 'task')
  const capabilities = envelope[CAPABILITIES_KEY]
  const extensions = isObject(capabilities) ? capabilities['extensions'] : undefined
  return isObject(extensions) && Object.hasOwn(extensions, TASKS_EXTENSION)
}
