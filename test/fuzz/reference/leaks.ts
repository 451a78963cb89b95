// Looks for what a caller may not see in one message that reached the client, on its parsed value
// and so whatever the escapes. It must share nothing with the filters under test.

import type { ListName, Target, TargetKind } from '../../../proxy/types.ts'

const LISTS: Readonly<Record<ListName, readonly [kind: TargetKind, key: string]>> = {
  tools: ['tool', 'name'],
  prompts: ['prompt', 'name'],
  resources: ['resource', 'uri'],
  resourceTemplates: ['template', 'uriTemplate'],
  tasks: ['task', 'taskId'],
}
const NAMES = Object.keys(LISTS) as ListName[] // the keys above

type Fields = { readonly [name: string]: unknown }

/** Names a leak in a message, or undefined: a hidden name in a list, a list where none belongs. */
export function leakIn(
  message: unknown,
  lists: readonly ListName[],
  may: (target: Target) => boolean,
): string | undefined {
  if (Array.isArray(message)) return 'a batch'
  if (!isFields(message)) return undefined
  const { method, error } = message
  const holders: (readonly [string, unknown, readonly string[]])[] = [
    ['the message', message, []],
    ['the result', message['result'], lists],
    // R29: the tools of a sampling request are not those of MCP.
    [
      'the params',
      method === 'sampling/createMessage' ? without(message['params'], 'tools') : message['params'],
      [],
    ],
    ['the error', error, []],
    ['the error data', isFields(error) ? error['data'] : undefined, []],
  ]
  for (const [where, holder, allowed] of holders) {
    const leak = isFields(holder) ? leakInHolder(holder, allowed, may) : undefined
    if (leak !== undefined) return `${leak} in ${where}`
  }
  return method === undefined ? undefined : leakInCall(message, may)
}

function leakInHolder(
  holder: Fields,
  allowed: readonly string[],
  may: (target: Target) => boolean,
): string | undefined {
  for (const [member, held] of Object.entries(holder)) {
    const list = NAMES.find((name) => folded(name) === folded(member))
    if (list === undefined || typeof held !== 'object' || held === null) continue
    if (!allowed.includes(member)) return 'a list'
    const [kind, key] = LISTS[list]
    for (const entry of Array.isArray(held) ? held : [held]) {
      const names = isFields(entry) ? namesIn(entry, key) : []
      if (names.length !== 1 || names.some((name) => !may({ kind, name }))) return 'a hidden name'
    }
  }
  return undefined
}

function without(holder: unknown, member: string): unknown {
  return isFields(holder)
    ? Object.fromEntries(Object.entries(holder).filter(([name]) => name !== member))
    : holder
}

function leakInCall(message: Fields, may: (target: Target) => boolean): string | undefined {
  const { method, params } = message
  if (!isFields(params)) return undefined
  if (method === 'notifications/resources/updated')
    return namesIn(params, 'uri').some((name) => !may({ kind: 'resource', name }))
      ? 'a hidden uri'
      : undefined
  if (String(method).startsWith('notifications/tasks'))
    return namesIn(params, 'taskId').some((name) => !may({ kind: 'task', name }))
      ? 'a hidden task'
      : undefined
  return undefined
}

/** Every string that some reader could take for the name. */
function namesIn(entry: Fields, key: string): readonly string[] {
  return Object.entries(entry)
    .filter(([member]) => folded(member) === folded(key))
    .map(([, name]) => String(name))
}

function folded(name: string): string {
  return name.normalize('NFKC').toLowerCase()
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
