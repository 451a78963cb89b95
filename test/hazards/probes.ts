// Every way to name a tool, prompt, resource or template, with names that one caller may not use and
// names that do not exist: what oracle.test.ts sends.

import type { JSONObject } from '../../proxy/types.ts'
import { legacy, modern, modernHeaders } from '../support/wire.ts'
import type { Line } from './line.ts'

const LACKS = { scopes: ['secret:read'] }
const NEEDS_ROLE = { scopes: ['secret:read'], roles: ['admin'] }

/** What the names below are denied by. */
export const POLICY = {
  version: 1,
  tools: {
    public: { anyone: true },
    secret_tool: LACKS,
    'private_*': LACKS,
    role_tool_x: NEEDS_ROLE,
  },
  prompts: { public: { anyone: true }, secret_text: LACKS },
  resources: { 'docs://public/*': { anyone: true }, 'docs://secret/*': LACKS },
}

// All of one length, so that nothing has to be taken out of the answers before they are compared.
export const TOOLS = ['secret_tool', 'private_abc', 'role_tool_x']
export const NO_TOOLS = [
  'absent_tool',
  'secret_tooL',
  'constructor',
  'secret_to\u00f6',
  'private-abc',
  '***********',
]
const PROMPTS = ['secret_text']
const NO_PROMPTS = ['absent_text', 'Secret_text', 'constructor']
const URIS = ['docs://secret/memo', 'DOCS://SECRET/memo', 'docs://secret/%61bc'.slice(0, 18)]
const NO_URIS = [
  'docs://absent/memo',
  'urn:a:b:c:d:e:f:gh',
  '/../../etc/passwd ',
  'docs://public/../x',
]

/** One method, and names for it: denied ones and such as no server has. */
export type Way = {
  readonly method: string
  readonly denied: readonly string[]
  readonly absent: readonly string[]
  readonly params: (name: string) => JSONObject
  readonly eras: readonly ('legacy' | 'modern')[]
  /** The member that Mcp-Name mirrors. */
  readonly named?: true
}

const BOTH = ['legacy', 'modern'] as const

export const WAYS: readonly Way[] = [
  {
    method: 'tools/call',
    denied: TOOLS,
    absent: NO_TOOLS,
    params: (name) => ({ name, arguments: { a: 1 } }),
    eras: BOTH,
    named: true,
  },
  {
    method: 'prompts/get',
    denied: PROMPTS,
    absent: NO_PROMPTS,
    params: (name) => ({ name }),
    eras: BOTH,
    named: true,
  },
  {
    method: 'resources/read',
    denied: URIS,
    absent: NO_URIS,
    params: (uri) => ({ uri }),
    eras: BOTH,
    named: true,
  },
  ...(['resources/subscribe', 'resources/unsubscribe'] as const).map(
    (method): Way => ({
      method,
      denied: URIS,
      absent: NO_URIS,
      params: (uri) => ({ uri }),
      eras: ['legacy'],
    }),
  ),
  {
    method: 'completion/complete',
    denied: PROMPTS,
    absent: NO_PROMPTS,
    params: (name) => ({ ref: { type: 'ref/prompt', name }, argument: { name: 'a', value: 'b' } }),
    eras: BOTH,
  },
  {
    method: 'completion/complete',
    denied: URIS,
    absent: NO_URIS,
    params: (uri) => ({ ref: { type: 'ref/resource', uri }, argument: { name: 'a', value: 'b' } }),
    eras: BOTH,
  },
  {
    method: 'subscriptions/listen',
    denied: URIS,
    absent: NO_URIS,
    params: (uri) => ({ notifications: { resourceSubscriptions: ['docs://public/a', uri] } }),
    eras: ['modern'],
  },
]

/** A request as bytes; Mcp-Name is always in Base64, because a name may be any text. */
export function bytesOf(
  token: string,
  body: string,
  headers: Readonly<Record<string, string>>,
): Buffer {
  const lines = [
    'POST /mcp HTTP/1.1',
    'host: 127.0.0.1',
    `authorization: Bearer ${token}`,
    'accept: application/json, text/event-stream',
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ]
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`)
}

/** A request of a way, in an era. */
export function request(token: string, way: Way, era: 'legacy' | 'modern', name: string): Buffer {
  const params = way.params(name)
  if (era === 'legacy') return bytesOf(token, legacy(way.method, params), {})
  const sentinel = `=?base64?${Buffer.from(name).toString('base64')}?=`
  const headers = modernHeaders(way.method, way.named ? sentinel : undefined)
  return bytesOf(token, modern(way.method, params), headers)
}

/** Everything that came back, with the name that the caller sent itself taken out. */
export async function shown(line: Line, bytes: Buffer, name: string): Promise<string> {
  const { raw } = await line.ask(bytes)
  const text = Buffer.from(raw, 'latin1').toString('utf8')
  return text.replaceAll(JSON.stringify(name).slice(1, -1), '…')
}
