// Well-formed messages of both eras: what every mutant starts from. The caller may use what is named
// `public` and nothing that is named `secret`.

import type { JSONObject } from '../../proxy/types.ts'
import { legacy, modern, modernHeaders } from '../support/wire.ts'
import type { Random } from './random.ts'
import { type Shot, TRACE } from './shot.ts'
import { type Tree, treeOf } from './tree.ts'

/** What the upstreams keep from everybody who does not call `secret`. */
export const CANARY = 'canary-4f1d9c27b3'
export const OPEN_URI = 'docs://public/a'
export const SHUT_URI = 'docs://secret/a'

/** A mutant on its way: the message as a tree until it is printed, then the shot alone counts. */
export type Draft = { readonly shot: Shot; tree: Tree }

type Base = readonly [method: string, params: JSONObject, weight: number]

const prompt = (name: string): JSONObject => ({ name, arguments: { topic: 'x' } })
const completion = (ref: JSONObject): JSONObject => ({
  ref,
  argument: { name: 'topic', value: '' },
})

const BOTH: readonly Base[] = [
  ['tools/call', { name: 'secret', arguments: {} }, 24],
  ['tools/call', { name: 'public', arguments: { a: 1 } }, 20],
  ['tools/list', {}, 14],
  ['prompts/get', prompt('secret'), 4],
  ['prompts/get', prompt('public'), 4],
  ['prompts/list', {}, 3],
  ['resources/read', { uri: SHUT_URI }, 4],
  ['resources/read', { uri: OPEN_URI }, 4],
  ['resources/read', { uri: 'docs://public/more/1' }, 1],
  ['resources/read', { uri: 'docs://secret/more/1' }, 1],
  ['resources/list', {}, 3],
  ['resources/templates/list', {}, 2],
  ['completion/complete', completion({ type: 'ref/prompt', name: 'secret' }), 2],
  ['completion/complete', completion({ type: 'ref/prompt', name: 'public' }), 2],
  ['completion/complete', completion({ type: 'ref/resource', uri: 'docs://secret/more/{id}' }), 1],
  ['tasks/get', { taskId: 'a' }, 1],
  ['tasks/cancel', { taskId: 'a' }, 1],
  ['notifications/cancelled', { requestId: 77 }, 1],
  ['nope/x', { name: 'secret' }, 1],
]

const LEGACY: readonly Base[] = [
  [
    'initialize',
    { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'a', version: '1' } },
    2,
  ],
  ['ping', {}, 2],
  ['logging/setLevel', { level: 'error' }, 1],
  ['resources/subscribe', { uri: SHUT_URI }, 1],
  ['resources/unsubscribe', { uri: OPEN_URI }, 1],
  ['tasks/list', {}, 1],
  ['tasks/result', { taskId: 'a' }, 1],
  ['notifications/initialized', {}, 1],
  ['sampling/createMessage', { messages: [], maxTokens: 1 }, 1],
]

const MODERN: readonly Base[] = [
  ['server/discover', {}, 2],
  ['subscriptions/listen', { notifications: { resourceSubscriptions: [SHUT_URI] } }, 1],
  ['subscriptions/listen', { notifications: { toolsListChanged: true } }, 1],
  [
    'initialize',
    { protocolVersion: '2026-07-28', capabilities: {}, clientInfo: { name: 'a', version: '1' } },
    1,
  ],
]

/** A well-formed request of either era; one in thirty is a GET or a DELETE. */
export function base(random: Random): Draft {
  if (random.below(30) === 0) return bare(random)
  const isModern = random.chance(35)
  const [method, params] = weighted(random, [...BOTH, ...(isModern ? MODERN : LEGACY)])
  return isModern ? modernDraft(method, params, random) : legacyDraft(method, params, random)
}

/** A 2025 message, in a session where the upstream has them. */
export function legacyDraft(method: string, params: JSONObject, random?: Random): Draft {
  const id = method.startsWith('notifications/') ? null : (random?.below(1000) ?? 1)
  const version =
    random?.pick(['2025-11-25', '2025-06-18', '2025-03-26', undefined]) ?? '2025-11-25'
  return draft(legacy(method, params, id), [
    ...(method === 'initialize' ? [] : ['mcp-session-id: {session}']),
    ...(version === undefined ? [] : [`mcp-protocol-version: ${version}`]),
  ])
}

/** A 2026-07-28 message with the headers that go with it. */
export function modernDraft(method: string, params: JSONObject, random?: Random): Draft {
  const name = params['name'] ?? params['uri'] ?? params['taskId']
  const headers = modernHeaders(method, typeof name === 'string' ? name : undefined)
  const lines = Object.entries(headers).map(([header, value]) => `${header}: ${value}`)
  return draft(modern(method, params, random?.below(1000) ?? 1), lines)
}

/** Any text as the body of a POST. */
export function draft(body: string, headers: readonly string[] = []): Draft {
  const shot: Shot = {
    line: 'POST /mcp HTTP/1.1',
    headers: [
      'host: 127.0.0.1',
      TRACE,
      'authorization: Bearer {token}',
      'accept: application/json, text/event-stream',
      'content-type: application/json',
      ...headers,
    ],
    body: Buffer.from(body),
    framing: 'length',
    piece: 0,
    authorized: true,
  }
  return { shot, tree: treeOf(JSON.parse(body)) }
}

function bare(random: Random): Draft {
  const { shot, tree } = draft('{}', ['mcp-session-id: {session}'])
  const method = random.pick(['GET', 'GET', 'DELETE'])
  return {
    tree,
    shot: { ...shot, line: `${method} /mcp HTTP/1.1`, framing: 'raw', body: Buffer.alloc(0) },
  }
}

function weighted(random: Random, bases: readonly Base[]): Base {
  let left = random.below(bases.reduce((sum, [, , weight]) => sum + weight, 0))
  for (const row of bases) {
    left -= row[2]
    if (left < 0) return row
  }
  throw new TypeError('the weights do not add up')
}
