// Fuzz target: the way of headers from the raw head of a request, through admission, classification
// and authorization, to the head that the upstream gets (L2, R41, T51-T57). Nothing outside of the
// allow-list passes, nothing of ours can be forged, split or repeated.

import assert from 'node:assert/strict'
import { type IncomingMessage, validateHeaderName, validateHeaderValue } from 'node:http'
import { createSealer } from '../../proxy/identity/session.ts'
import { parsePolicy } from '../../proxy/policy/table.ts'
import { TaskOwners } from '../../proxy/policy/tasks.ts'
import { admit } from '../../proxy/stages/admit.ts'
import { authorize } from '../../proxy/stages/authorize.ts'
import { classify } from '../../proxy/stages/classify.ts'
import { rebuild } from '../../proxy/stages/forward.ts'
import { type Caller, type Head, isDenial, type Permit } from '../../proxy/types.ts'
import { MODERN_VERSION, VERSION_KEY } from '../../proxy/wire/eras.ts'
import { toMessage } from '../../proxy/wire/jsonrpc.ts'
import { Choices } from './choices.ts'

const OWN = ['x-toolstile-subject', 'x-toolstile-scopes', 'x-toolstile-roles', 'x-request-id']
const STAMP = {
  requestId: '01JD3M7Q0000000000000000',
  traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`,
}
const SESSION = 'upstream-session-1'

export const maxBytes = 1_024
export const words = [
  ...[
    'authorization',
    'Cookie',
    'x-toolstile-subject',
    'X-Toolstile-Roles',
    'x-request-id',
    'traceparent',
  ],
  ...[
    'mcp-param-a',
    'Mcp-Param-',
    'MCP-PROTOCOL-VERSION',
    'mcp-name',
    'mcp-method',
    'Mcp-Session-Id',
  ],
  ...[
    'accept',
    'host',
    'content-length',
    'transfer-encoding',
    'connection',
    'upgrade',
    'te',
    'expect',
  ],
  ...[
    'last-event-id',
    'forwarded',
    'x-forwarded-for',
    'proxy-authorization',
    'trailer',
    'mcp-param-\u00e9',
  ],
  ...[
    '=?base64?YQ==?=',
    '\r\nx: y',
    ' ',
    ',',
    '\0',
    '\u00e9',
    '\u2028',
    'tools/call',
    MODERN_VERSION,
  ],
]

/** How the head for the upstream is made: the code under test. */
export type Rebuild = (permit: Permit, head: Head, stamp: typeof STAMP) => readonly string[]

const LEG = { host: 'upstream.example', path: '/mcp' }

/** The fields of a rebuilt head, names and values in turn, without those of the leg itself. */
export function fieldsFor(permit: Permit, head: Head, stamp: typeof STAMP): readonly string[] {
  const text = rebuild(permit, head, LEG, stamp)
  const { body, http } = permit.intent
  const length = body === undefined ? '' : `content-length: ${body.bytes.length}`
  const [first, ...lines] = text.split('\r\n')
  assert.equal(first, `${http} /mcp HTTP/1.1`)
  assert.deepEqual(lines.splice(-2), ['', ''], 'a head ends before its end, or after it')
  const fields = lines.filter((line) => line !== length && line !== `host: ${LEG.host}`)
  assert.equal(lines.length - fields.length, body === undefined ? 1 : 2)
  return fields.flatMap((line) => {
    const colon = line.indexOf(': ')
    assert.notEqual(colon, -1, 'a line is no field')
    return [line.slice(0, colon), line.slice(colon + 2)]
  })
}

/** Throws when a head breaks a property on these bytes. */
export function target(bytes: Uint8Array): void {
  check(fieldsFor, bytes)
}

const parsed = parsePolicy(`version: 1\ntools: {'*': {anyone: true}}`, 'error')
assert.ok('policy' in parsed)
const { policy } = parsed
const sealer = createSealer(new Uint8Array(32).fill(7))
const tasks = new TaskOwners()
const admission = { hosts: new Set(['mcp.example']), origins: new Set<string>(), loopback: false }

/** The properties, for any rebuild. */
export function check(make: Rebuild, bytes: Uint8Array): void {
  const choices = new Choices(bytes)
  const caller = callerOf(choices)
  const isModern = choices.flag()
  const http = choices.pick(['POST', 'POST', 'GET', 'DELETE'] as const)
  const rawHeaders = ['Host', 'mcp.example']
  if (isModern)
    rawHeaders.push(
      'Mcp-Protocol-Version',
      MODERN_VERSION,
      'MCP-Method',
      'tools/call',
      'mcp-name',
      'a',
    )
  if (!isModern && choices.flag()) rawHeaders.push('mcp-session-id', sealer.seal(SESSION, caller))
  if (choices.flag()) rawHeaders.push('last-event-id', lineOf(choices.text(40)) || '7')
  rawHeaders.push(...choices.many(8, () => [nameOf(choices), lineOf(choices.text(60))]).flat())
  const head = admit(
    { httpVersion: '1.1', rawHeaders, method: http, url: '/mcp', socket: {} } as IncomingMessage,
    admission,
  ) // all that admit reads
  if (isDenial(head)) return
  const permit = permitOf(caller, head, isModern)
  if (permit !== undefined) checkHead(make(permit, head, STAMP), permit, head)
}

/** A caller whose claims are any printable text, as a foreign issuer may sign them, or worse. */
function callerOf(choices: Choices): Caller {
  const set = () => new Set(choices.many(4, () => choices.text(12)).filter((word) => word !== ''))
  const sub = choices.text(40) || 'alice'
  return { iss: 'https://idp.example', sub, client: '', scopes: set(), roles: set(), expiresAt: 1 }
}

function nameOf(choices: Choices): string {
  const name = choices.text(24).replace(/[^!#$%&'*+.^_`|~0-9A-Za-z-]/g, '')
  return name === '' ? 'x' : name
}

/** What the HTTP parser lets through as a value. */
function lineOf(text: string): string {
  return Buffer.from(text)
    .toString('latin1')
    .replace(/[^\t\x20-\x7e\x80-\xff]/g, '')
    .trim()
}

function permitOf(caller: Caller, head: Head, isModern: boolean): Permit | undefined {
  const params = isModern ? { name: 'a', _meta: { [VERSION_KEY]: MODERN_VERSION } } : { name: 'a' }
  const body = { jsonrpc: '2.0', id: 1, method: 'tools/call', params }
  const message =
    head.http === 'POST' ? toMessage(Buffer.from(JSON.stringify(body)), 64) : undefined
  assert.ok(message === undefined || !('fault' in message))
  const intent = classify(head, message)
  if (isDenial(intent)) return undefined
  const permit = authorize(caller, intent, policy, tasks, sealer)
  return isDenial(permit) ? undefined : permit
}

function checkHead(list: readonly string[], permit: Permit, head: Head): void {
  assert.equal(list.length % 2, 0)
  const sent = new Map<string, string>()
  for (let at = 0; at < list.length; at += 2) {
    const [name = '', value = ''] = list.slice(at, at + 2)
    assert.doesNotThrow(() => validateHeaderName(name), 'a header name cannot be sent')
    assert.doesNotThrow(() => validateHeaderValue(name, value), 'a header value cannot be sent')
    assert.equal(name, name.toLowerCase(), 'a name is not in lower case')
    assert.ok(!sent.has(name), 'a header leaves twice')
    sent.set(name, value)
  }
  const { intent, caller, session } = permit
  for (const [name, value] of sent) {
    const own = expectedOf(name, permit)
    if (own !== undefined) assert.equal(value, own, 'a header of ours is not what we say')
    else if (!OWN.includes(name)) {
      const passes =
        name === 'accept' || name === 'mcp-protocol-version' || name.startsWith('mcp-param-')
      const checked = intent.era === 'modern' && (name === 'mcp-name' || name === 'mcp-method')
      const replay = session !== undefined && name === 'last-event-id'
      assert.ok(passes || checked || replay, `a header outside of the allow-list leaves`)
      assert.equal(value, head.headers.get(name), 'a header that passes is changed')
    }
  }
  for (const name of [...OWN, 'accept-encoding', 'traceparent'])
    assert.ok(sent.has(name), 'a header of ours is missing')
  for (const name of head.headers.keys())
    if (name === 'accept' || name.startsWith('mcp-param-'))
      assert.ok(sent.has(name), 'a header that may pass is missing')
  assert.equal(meaningOf(sent.get('x-toolstile-subject') ?? ''), caller.sub.toWellFormed())
  checkSet(sent.get('x-toolstile-scopes') ?? '', caller.scopes)
  checkSet(sent.get('x-toolstile-roles') ?? '', caller.roles)
}

/** The one value of a header that never depends on the client; undefined for all others. */
function expectedOf(name: string, { intent, session }: Permit): string | undefined {
  switch (name) {
    case 'accept-encoding':
      return 'identity'
    case 'content-type':
      return intent.body === undefined ? 'none' : 'application/json'
    case 'mcp-session-id':
      return session ?? 'none'
    case 'x-request-id':
      return STAMP.requestId
    case 'traceparent':
      return STAMP.traceparent
    default:
      return undefined
  }
}

/** No word can be taken for two, nor two for one. */
function checkSet(value: string, expected: ReadonlySet<string>): void {
  const read = value === '' ? [] : value.split(' ').map(meaningOf)
  assert.deepEqual(
    read,
    [...expected].map((word) => word.toWellFormed()),
    'identity is forged',
  )
}

function meaningOf(word: string): string {
  const payload = /^=\?base64\?(.*)\?=$/.exec(word)?.[1]
  return payload === undefined ? word : Buffer.from(payload, 'base64').toString('utf8')
}
