// How to be refused for every reason of the denials table, over the wire, with a secret in every place
// of the request that may hold one (T12, T54, T141, T146, T147).

import { randomBytes } from 'node:crypto'
import { DENIALS } from '../../proxy/denials.ts'
import type { IssuerProcess } from '../support/issuer.ts'
import { legacy, modern, modernHeaders } from '../support/wire.ts'
import { type Canary, canary } from './canaries.ts'
import { PUBLIC_URL } from './program.ts'

/** Every secret of one run; `note` plants another one. */
export type Secrets = {
  readonly all: Canary[]
  note(name: string, secret?: string): string
}

/** One request as bytes, by the reason that it is refused for. */
export type Drive = readonly [reason: string, bytes: Buffer]

export function plant(): Secrets {
  const all: Canary[] = []
  return {
    all,
    note: (name, secret = canary()) => {
      all.push({ name, secret })
      return secret
    },
  }
}

type Headers = readonly (readonly [string, string])[]

/** Writes a request: a secret in each header that the proxy has no use for. */
export function wire(
  secrets: Secrets,
  token: string | undefined,
  body: string | undefined,
  headers: Headers = [],
  line = body === undefined ? 'GET /mcp HTTP/1.1' : 'POST /mcp HTTP/1.1',
): Buffer {
  const given = new Set(headers.map(([name]) => name))
  const usual: Headers = [
    ['host', '127.0.0.1'],
    ...(token === undefined ? [] : [['authorization', `Bearer ${token}`] as const]),
    ['accept', 'application/json, text/event-stream'],
    ['content-type', 'application/json'],
    ...(body === undefined || given.has('transfer-encoding')
      ? []
      : [['content-length', `${Buffer.byteLength(body)}`] as const]),
    ['cookie', `session=${secrets.note('a cookie')}`],
    ['user-agent', secrets.note('a user agent')],
    ['x-api-key', secrets.note('an API key')],
    ['proxy-authorization', `Basic ${secrets.note('proxy credentials')}`],
    ['mcp-param-region', secrets.note('a mirrored argument')],
    ['traceparent', secrets.note('a broken traceparent')],
    ['baggage', `token=${secrets.note('baggage')}`],
    ['x-forwarded-for', secrets.note('a forwarded address')],
  ]
  const all = [...usual.filter(([name]) => !given.has(name)), ...headers]
  const lines = [line, ...all.map(([name, value]) => `${name}: ${value}`), '', body ?? '']
  return Buffer.from(lines.join('\r\n'), 'utf8')
}

/** A call with a secret in its arguments and in its `_meta`. */
export function callOf(secrets: Secrets, name: string, more: object = {}): string {
  return legacy('tools/call', {
    name,
    arguments: { password: secrets.note('an argument'), nested: [{ key: secrets.note('a key') }] },
    _meta: { progressToken: secrets.note('a progress token'), x: secrets.note('_meta') },
    ...more,
  })
}

/** All refusals that one request alone brings about. */
export async function drivesOf(secrets: Secrets, issuer: IssuerProcess): Promise<readonly Drive[]> {
  const mint = async (name: string, claims: object, options = {}) =>
    secrets.note(name, await issuer.mint({ aud: PUBLIC_URL, scope: '', ...claims }, options))
  const good = await mint('a valid token', { sub: 'mallory' })
  const expired = await mint('an expired token', {}, { expiresIn: -3_600 })
  const foreign = await mint('a token for another server', { aud: 'https://other.example' })
  const [header = '', payload = ''] = good.split('.')
  const forged = secrets.note(
    'a token with a bad signature',
    `${header}.${payload}.${randomBytes(64).toString('base64url')}`,
  )
  const call = () => callOf(secrets, 'public')
  const ask = (body: string, headers: Headers = [], line?: string) =>
    wire(secrets, good, body, headers, line)
  const post = (path: string) => `POST ${path} HTTP/1.1`
  const broken = (name: string) => `{"jsonrpc":"2.0","id":1,"x":"${secrets.note(name)}"`
  const agreeing = Object.entries(modernHeaders('tools/call', 'public'))
  const basic = secrets.note('Basic credentials', Buffer.from(`u:${canary()}`).toString('base64'))
  const rows: (readonly [string, Buffer])[] = [
    ['path_unknown', ask(call(), [], post(`/mcp/${secrets.note('a path')}`))],
    ['method_not_allowed', wire(secrets, good, undefined, [], 'PUT /mcp HTTP/1.1')],
    ['host_not_allowed', ask(call(), [['host', `${forged.slice(0, 200)}.example`]])],
    ['host_not_allowed', ask(call(), [['host', `key=${secrets.note('a Host')}`]])],
    [
      'origin_not_allowed',
      ask(call(), [['origin', `https://x/?key=${secrets.note('an Origin')}`]]),
    ],
    ['http_version', ask(call(), [], 'POST /mcp HTTP/1.0')],
    ['request_target', ask(call(), [], post(`http://${secrets.note('a target')}/mcp`))],
    [
      'duplicate_header',
      ask(call(), [
        ['mcp-name', secrets.note('a header')],
        ['Mcp-Name', 'b'],
      ]),
    ],
    [
      'duplicate_header',
      ask(call(), [
        ['authorization', `Bearer ${good}`],
        ['Authorization', `Bearer ${secrets.note('a second Authorization')}`],
      ]),
    ],
    [
      'duplicate_header',
      ask(call(), [
        [`mcp-param-${secrets.note('a header name')}`, 'a'],
        [`mcp-param-${secrets.all.at(-1)?.secret}`, 'b'],
      ]),
    ],
    ['body_not_allowed', wire(secrets, good, call(), [], 'DELETE /mcp HTTP/1.1')],
    ['expectation', ask(call(), [['expect', secrets.note('an Expect')]])],
    [
      'token_in_query',
      ask(call(), [], post(`/mcp?access_token=${await mint('a token in the query', {})}`)),
    ],
    ['token_missing', wire(secrets, undefined, call())],
    ['token_missing', wire(secrets, undefined, call(), [['authorization', `Basic ${basic}`]])],
    ['token_invalid', wire(secrets, forged, call())],
    ['token_invalid', wire(secrets, foreign, call())],
    ['token_invalid', wire(secrets, `${secrets.note('an opaque token')}`, call())],
    ['token_expired', wire(secrets, expired, call())],
    ['media_type', ask(call(), [['content-type', `text/${secrets.note('a media type')}`]])],
    [
      'media_type',
      ask(call(), [['content-type', `application/json; charset=${secrets.note('a charset')}`]]),
    ],
    ['content_encoding', ask(call(), [['content-encoding', secrets.note('an encoding')]])],
    ['body_too_large', ask(`"${secrets.note('a large body')}${'x'.repeat(1_100_000)}"`)],
    ['not_json', ask(broken('a body that is cut off'))],
    ['not_json', ask(secrets.note('a body that is no JSON'))],
    [
      'invalid_message',
      ask(`{"jsonrpc":"1.0","id":1,"method":"${secrets.note('a method of 1.0')}"}`),
    ],
    ['duplicate_key', ask(`${broken('a repeated member')},"x":1}`)],
    ['too_deep', ask(`${'['.repeat(80)}"${secrets.note('a deep body')}"${']'.repeat(80)}`)],
    ['batch', ask(`[${call()}]`)],
    ['invalid_name', ask(legacy('tools/call', { name: `${secrets.note('a bad name')}\n` }))],
    ['header_mismatch', ask(modern('tools/call', { name: 'other' }), agreeing)],
    ['envelope_missing', ask(call(), agreeing)],
    [
      'version_unsupported',
      ask(modern('tools/call', { name: 'public' }).replace('2026-07-28', '2099-01-01'), [
        ['mcp-protocol-version', '2099-01-01'],
        ['mcp-method', 'tools/call'],
        ['mcp-name', 'public'],
      ]),
    ],
    ['method_unknown', ask(legacy('no/such', { secret: secrets.note('params of no method') }))],
    ['session_unknown', ask(call(), [['mcp-session-id', secrets.note('a session id')]])],
    ['target_denied', ask(callOf(secrets, 'secret'))],
    [
      'target_denied',
      ask(
        legacy('prompts/get', { name: 'x', arguments: { a: secrets.note('a prompt argument') } }),
      ),
    ],
    ['target_hidden', ask(callOf(secrets, 'hidden'))],
    ['scope_insufficient', ask(callOf(secrets, 'challenged'))],
    [
      'task_unknown',
      ask(legacy('tasks/get', { taskId: 'nobody', x: secrets.note('a task parameter') })),
    ],
    ['internal', wire(secrets, secrets.note('a token in a crash', `CRASH${canary()}`), call())],
    [
      'http_malformed',
      Buffer.from(`POST /mcp HTTP/1.1\r\nbad header ${secrets.note('a bad head')}\r\n\r\n`),
    ],
    [
      'head_too_large',
      ask(call(), [['x-large', secrets.note('a large head') + 'x'.repeat(20_000)]]),
    ],
    [
      'transfer_coding',
      ask('0\r\n\r\n', [['transfer-encoding', `${secrets.note('a coding')}, chunked`]]),
    ],
  ]
  return rows.filter(([reason]) => reason in DENIALS)
}
