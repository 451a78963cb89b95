// The table of scenarios: what is sent, which answer the upstream gives, what a right answer is, and
// which contenders it makes sense for.

import type { Contender } from './contenders.ts'
import { ANSWERS, CHOOSES, LISTS } from './stub.ts'
import type { Algorithm } from './tokens.ts'

/** An answer as a client sees it. */
export type Seen = { readonly status: number; readonly type: string; readonly body: string }

/** One kind of request. */
export type Scenario = {
  readonly name: string
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
  /** Every request has a token of its own, signed so. */
  readonly fresh?: Algorithm
  readonly connections: number
  readonly isFor: (contender: Contender) => boolean
  readonly isRight: (seen: Seen, contender: Contender) => boolean
}

/** Connections of the steady yardstick. */
export const STEADY = 32

/** Those that most scenarios are measured with. */
export const MAIN: readonly string[] = [
  'nginx',
  'nginx + Lua',
  'haproxy + JWT',
  'http-proxy',
  'express',
  'ours',
]
const rpc = (method: string, params: object) =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })

/** A call of a tool whose arguments hold so many bytes of text. */
export function toolCall(name: string, bytes: number): string {
  const topic = 'x'.repeat(bytes)
  return rpc('tools/call', { name, arguments: { topic, limit: 10 }, _meta: { progressToken: 1 } })
}

/** What every request says of its body and of the answers it takes. */
export const HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
} as const

/** Asks the upstream for one of its answers. */
export const choosing = (answer: string) => ({ ...HEADERS, [CHOOSES]: answer })

const is = (answer: string) => (seen: Seen) =>
  seen.status === 200 &&
  seen.type.startsWith(ANSWERS[answer]?.type ?? 'none') &&
  seen.body === ANSWERS[answer]?.body

/** Small calls over so many connections. */
export function small(connections: number): Scenario {
  const plural = connections === 1 ? '' : 's'
  const name = connections === STEADY ? 'small' : `small, ${connections} connection${plural}`
  const isFor =
    connections === STEADY ? () => true : among([...MAIN, 'direct', 'ours, unix socket'])
  const body = toolCall('get_public_info', 120)
  return { name, body, headers: HEADERS, connections, isFor, isRight: is('small') }
}

/** A name that the policy refuses. */
export const DENIED: Scenario = {
  name: 'denied',
  body: toolCall('get_confidential_info', 120),
  headers: HEADERS,
  connections: STEADY,
  isFor: ({ name, checks }) => checks.includes('tool') && !name.startsWith('ours without'),
  isRight: ({ status, body }) => status === 200 && JSON.parse(body).error?.code === -31_403,
}

/** The answer of 42 KB. */
export const LARGE: Scenario = {
  ...small(STEADY),
  name: '42 KB answer',
  headers: choosing('large'),
  isFor: among([...MAIN, 'direct', 'ours, unix socket']),
  isRight: is('large'),
}

/** A list of so many tools, of which the policy hides every second. */
export function list(tools: number): Scenario {
  return {
    name: `list of ${tools.toLocaleString('en')} tools`,
    body: rpc('tools/list', {}),
    headers: choosing(`tools${tools}`),
    connections: STEADY,
    isFor: among(MAIN),
    isRight: ({ status, body }, { checks }) =>
      status === 200 &&
      JSON.parse(body).result.tools.length === (checks.includes('list') ? tools / 2 : tools),
  }
}

/** The connections that the report draws. */
export const CONNECTIONS = [1, 16, 64, 256] as const

/** The scenarios of a quick run. */
export const QUICK: readonly Scenario[] = [small(STEADY), LARGE, DENIED]

/** Every scenario of a full run. */
export const FULL: readonly Scenario[] = [
  ...QUICK,
  ...CONNECTIONS.map(small),
  reading('10 KB body', 10_000),
  { ...reading('1 MB body', 1_000_000), connections: 8 },
  ...LISTS.filter((tools) => tools <= 1_000).map(list),
  { ...LARGE, name: 'SSE answer', headers: choosing('sse'), isRight: is('sse') },
  ...(['RS256', 'ES256', 'EdDSA'] as const).map(fresh),
]

function reading(name: string, bytes: number): Scenario {
  const body = toolCall('get_public_info', bytes)
  return { ...LARGE, name, body, headers: choosing('read'), isRight: is('small') }
}

function fresh(algorithm: Algorithm): Scenario {
  return {
    ...small(STEADY),
    name: `fresh ${algorithm} token`,
    fresh: algorithm,
    isFor: ({ name, algorithms, checks }) =>
      checks.includes('token') &&
      algorithms?.includes(algorithm) === true &&
      !name.startsWith('ours without'),
  }
}

function among(names: readonly string[]): (contender: Contender) => boolean {
  return ({ name }) => names.includes(name)
}
