// The two protocol eras: which methods each has, what a method names, which list it answers.
// What is not in these tables is denied (law 3, R20).

import type { Era, JSONObject, ListName, TargetKind } from '../types.ts'

/** The members of a JSON-RPC message. */
export const ENVELOPE = ['jsonrpc', 'id', 'method', 'params', 'result', 'error'] as const

/** The revision of the modern era. */
export const MODERN_VERSION = '2026-07-28'

/** The member of `params._meta` whose presence makes a message modern (protocol.md section 1). */
export const VERSION_KEY = 'io.modelcontextprotocol/protocolVersion'

/** The member of `params._meta` that ties a message to a task (2025-11-25 Tasks). */
export const RELATED_TASK_KEY = 'io.modelcontextprotocol/related-task'

/** The `params` member that a method's target is read from, and what kind of name it is. */
type Naming = { readonly kind: TargetKind; readonly member: 'name' | 'uri' | 'taskId' }

/** One method of one era. */
export type MethodRow = {
  readonly names?: Naming
  readonly list?: ListName
  /** Targets that are not one member of params: a completion reference, subscription filters. */
  readonly special?: 'completion' | 'listen'
  /** The upstream answers with a stream that stays open. */
  readonly stream?: true
}

const TOOL = { names: { kind: 'tool', member: 'name' } } as const
const PROMPT = { names: { kind: 'prompt', member: 'name' } } as const
const RESOURCE = { names: { kind: 'resource', member: 'uri' } } as const
const TASK = { names: { kind: 'task', member: 'taskId' } } as const

const BOTH: readonly (readonly [string, MethodRow])[] = [
  ['tools/list', { list: 'tools' }],
  ['tools/call', TOOL],
  ['prompts/list', { list: 'prompts' }],
  ['prompts/get', PROMPT],
  ['resources/list', { list: 'resources' }],
  ['resources/templates/list', { list: 'resourceTemplates' }],
  ['resources/read', RESOURCE],
  ['completion/complete', { special: 'completion' }],
  ['tasks/get', TASK],
  ['tasks/cancel', TASK],
  ['notifications/cancelled', {}],
  ['notifications/progress', {}],
]

/** The methods of each era (protocol.md section 3). */
export const METHODS: Readonly<Record<Era, ReadonlyMap<string, MethodRow>>> = {
  legacy: new Map<string, MethodRow>([
    ...BOTH,
    ['initialize', {}],
    ['ping', {}],
    ['logging/setLevel', {}],
    ['resources/subscribe', RESOURCE],
    ['resources/unsubscribe', RESOURCE],
    ['tasks/result', TASK],
    ['tasks/list', { list: 'tasks' }],
    ['notifications/initialized', {}],
    ['notifications/roots/list_changed', {}],
    // The client's own tasks, which a server asked it for: not the upstream's.
    ['notifications/tasks/status', {}],
  ]),
  modern: new Map<string, MethodRow>([
    ...BOTH,
    ['server/discover', {}],
    ['subscriptions/listen', { special: 'listen', stream: true }],
    ['tasks/update', TASK],
  ]),
}

/** The extension that tasks are in the modern era. */
export const TASKS_EXTENSION = 'io.modelcontextprotocol/tasks'

/** Extensions whose methods are all in the tables above, or that have none (R61). */
export const KNOWN_EXTENSIONS: ReadonlySet<string> = new Set([
  TASKS_EXTENSION,
  'io.modelcontextprotocol/ui',
  'io.modelcontextprotocol/oauth-client-credentials',
  'io.modelcontextprotocol/enterprise-managed-authorization',
])

/** The envelope of a modern message: `params._meta` when it names a protocol revision. */
export function envelopeOf(params: JSONObject): JSONObject | undefined {
  const meta = params['_meta']
  if (!isObject(meta) || !Object.hasOwn(meta, VERSION_KEY)) return undefined
  return meta
}

/** True for a JSON object, not for an array or null. */
export function isObject(value: unknown): value is JSONObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
