// Implementations that are wrong on purpose, one fault each, of the kind that gateways did ship: what
// the properties of the fuzz targets must catch.

import { Verifier } from '../../proxy/identity/verifier.ts'
import type { Policy } from '../../proxy/policy/engine.ts'
import { parsePolicy } from '../../proxy/policy/table.ts'
import { relay } from '../../proxy/stages/relay.ts'
import type { Caller, JSONObject, JSONValue } from '../../proxy/types.ts'
import { parseCompact } from '../../proxy/wire/bearer.ts'
import { judgeFrame } from '../../proxy/wire/frames.ts'
import { ListGuard, ListInStreamError } from '../../proxy/wire/guard.ts'
import { decodeHeaderValue, encodeHeaderValue, encodeWords } from '../../proxy/wire/headers.ts'
import { parseStrict } from '../../proxy/wire/json.ts'
import { toMessage } from '../../proxy/wire/jsonrpc.ts'
import { SSEFilter } from '../../proxy/wire/sse.ts'
import * as bearer from './bearer.ts'
import * as guard from './guard.ts'
import * as headers from './headers.ts'
import * as json from './json.ts'
import * as lists from './lists.ts'
import * as names from './names.ts'
import * as policy from './policy.ts'
import { patternFor, type WrittenPolicy } from './reference/policy.ts'
import { AUDIENCE, ISSUER, NOW, SECRET } from './reference/tokens.ts'
import * as answers from './relay.ts'
import * as sse from './sse.ts'

/** One broken implementation, and inputs beside the corpus that show the fault. */
export type Broken = {
  readonly name: string
  readonly what: string
  readonly run: (input: Uint8Array) => void | Promise<void>
  readonly also: readonly Uint8Array[]
}

const utf8 = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8')
const latin1 = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'))

/** JSON.parse alone: the last of two members wins. */
function lenient(bytes: Uint8Array): ReturnType<typeof parseStrict> {
  const text = utf8(bytes)
  try {
    return { ok: true, text, value: JSON.parse(text) as JSONValue, marks: {} } // JSON.parse yields JSON values
  } catch {
    return { ok: false, fault: 'syntax', detail: '' }
  }
}

const gates: Readonly<Record<string, Partial<json.Gate>>> = {
  'a gate that takes duplicate keys': { parse: lenient },
  'a gate that strips a byte order mark': {
    parse: (bytes, depth) => parseStrict(bytes[0] === 0xef ? bytes.subarray(3) : bytes, depth),
  },
  'a gate that repairs UTF-8': {
    parse: (bytes, depth) => parseStrict(Buffer.from(utf8(bytes)), depth),
  },
  'a gate without a bound on depth': { parse: (bytes) => parseStrict(bytes, 1_000) },
  'a gate that refuses all': { parse: () => ({ ok: false, fault: 'syntax', detail: '' }) },
  'a reader of messages that trims methods': {
    message: (bytes, depth) => {
      const message = toMessage(bytes, depth)
      return 'method' in message ? { ...message, method: message.method.slice(1) } : message
    },
  },
  'a reader of messages that is blind to an id': {
    message: (bytes, depth) => {
      const message = toMessage(bytes, depth)
      if ('fault' in message || message.kind !== 'request') return message
      const { bytes: own, text, params, method } = message
      return { kind: 'notification' as const, bytes: own, text, params, method }
    },
  },
  'a reader of messages that takes another name': {
    message: (bytes, depth) => {
      const message = toMessage(bytes, depth)
      if ('fault' in message || message.params['name'] === undefined) return message
      return { ...message, params: { ...message.params, name: 'public' } }
    },
  },
}

const LONG = `data: {"jsonrpc":"2.0","method":"notifications/message","params":{"x":"${'y'.repeat(50)}"}}\n\n`
const filters: Readonly<Record<string, sse.FilterMaker>> = {
  'a filter that passes all': () => ({ push: (chunk) => [chunk], end: () => [] }),
  'a filter that passes nothing': () => ({ push: () => [], end: () => [] }),
  'a filter that knows one chunk at a time': (judge, options) => ({
    push: (chunk) => new SSEFilter(judge, options).push(chunk),
    end: () => [],
  }),
  'a filter that gives up on one bad event and passes the rest': (judge, options) => {
    const filter = new SSEFilter(judge, options)
    let isBad = false
    return {
      push: (chunk) => {
        isBad ||= Buffer.from(chunk).includes('{bad')
        return isBad ? [chunk] : filter.push(chunk)
      },
      end: () => [],
    }
  },
  'a filter that passes comments': (judge, options) => {
    const filter = new SSEFilter(judge, options)
    const comments: Uint8Array[] = []
    return {
      push: (chunk) => {
        comments.push(chunk.slice())
        return filter.push(chunk)
      },
      end: () => [
        Buffer.from(
          `:${Buffer.concat(comments)
            .toString('latin1')
            .replace(/[\r\n]/g, '')}\n`,
          'latin1',
        ),
      ],
    }
  },
  'a filter that holds the whole stream': (judge, options) => {
    const filter = new SSEFilter(judge, options)
    const held: Uint8Array[] = []
    return {
      push: (chunk) => {
        held.push(chunk.slice())
        return []
      },
      end: () => held.flatMap((chunk) => filter.push(chunk).map((part) => part.slice())),
    }
  },
  'a filter that judges what JSON.parse reads': (judge, options) =>
    new SSEFilter((data) => {
      const parsed = lenient(Buffer.from(data))
      return parsed.ok ? judge(JSON.stringify(parsed.value)) : { drop: 'syntax' }
    }, options),
}

const open = (claims: JSONObject): Caller => ({
  iss: ISSUER,
  sub: String(claims['sub']),
  client: '',
  scopes: new Set(String(claims['scope']).split(' ')),
  roles: new Set(),
  expiresAt: 0,
})
const late = new Verifier({
  issuer: ISSUER,
  keys: undefined,
  secret: SECRET,
  algorithms: ['HS256'],
  audience: [AUDIENCE],
  tokenTypes: ['at+jwt', 'JWT'],
  scopeClaim: ['scope', 'scp'],
  rolesClaim: ['roles', 'realm_access.roles'],
  clockSkewS: 6,
  maxTokenAgeS: 86_400,
  now: () => NOW * 1_000,
})
const identities: Readonly<Record<string, Partial<bearer.Identity>>> = {
  'a header reader that takes any white space': {
    authorization: (value = '') => {
      const token = /^bearer\s+(\S+)\s*$/i.exec(value)?.[1]
      return token === undefined ? { fault: 'missing', detail: '' } : { token }
    },
  },
  'a token reader that takes any base64url': {
    compact: (token) => {
      const parts = token.split('.')
      const tidy = parts.map((part) => Buffer.from(part, 'base64url').toString('base64url'))
      return parts.some((part) => part === '') ? parseCompact(token) : parseCompact(tidy.join('.'))
    },
  },
  'a verifier that skips the signature': {
    verify: async (_kind, token) => {
      const compact = parseCompact(token)
      return compact.ok ? open(compact.payload) : { denied: 'token_invalid', detail: '' }
    },
  },
  'a verifier whose clock is a second off': {
    verify: (kind, token) =>
      kind === 'secret' ? late.verify(token) : bearer.identity.verify(kind, token),
  },
  'a verifier that refuses all': {
    verify: async () => ({ denied: 'token_invalid', detail: '' }),
  },
}

const codecs: Readonly<Record<string, Partial<names.Codec>>> = {
  'a decoder that repairs base64': {
    decode: (value) => {
      const payload = /^=\?base64\?(.*)\?=$/.exec(value)?.[1]
      return payload === undefined
        ? decodeHeaderValue(value)
        : Buffer.from(payload, 'base64').toString()
    },
  },
  'a decoder that knows no sentinel': { decode: (value) => value },
  'an encoder that leaves a sentinel as it is': {
    encode: (value) => (value.startsWith('=?base64?') ? value : encodeHeaderValue(value)),
  },
  'words that are joined as they are': { encodeWords: (list) => [...list].join(' ') },
}

const CODEC = { decode: decodeHeaderValue, encode: encodeHeaderValue, encodeWords }

const heads: Readonly<Record<string, headers.Rebuild>> = {
  'a head with all that the client sent': (permit, head, stamp) => [
    ...headers.fieldsFor(permit, head, stamp),
    ...[...head.headers].flat(),
  ],
  'a head with a subject as it is': (permit, head, stamp) =>
    headers
      .fieldsFor(permit, head, stamp)
      .map((value, n, list) => (list[n - 1] === 'x-toolstile-subject' ? permit.caller.sub : value)),
  'a head without roles': (permit, head, stamp) =>
    headers.fieldsFor({ ...permit, caller: { ...permit.caller, roles: new Set() } }, head, stamp),
  'a head with the session of the client': (permit, head, stamp) =>
    headers
      .fieldsFor({ ...permit, session: permit.intent.sealedSession }, head, stamp)
      .map((value, n, list) => (list[n - 1] === 'mcp-session-id' ? `x${value}` : value)),
}

/** A policy that decides by what `choose` makes of the written one. */
function misread(
  decide: (written: WrittenPolicy, policy: Policy) => Policy['decide'],
): policy.Parse {
  return (source, deny) => {
    const parsed = parsePolicy(source, deny)
    if (!('policy' in parsed) || !source.startsWith('{"')) return parsed
    const written = JSON.parse(source) as WrittenPolicy // the target writes JSON
    return { ...parsed, policy: { ...parsed.policy, decide: decide(written, parsed.policy) } }
  }
}

const policies: Readonly<Record<string, policy.Parse>> = {
  'a policy without case': misread(
    (_, { decide }) =>
      (caller, { kind, name }) =>
        decide(caller, { kind, name: name.toLowerCase() }),
  ),
  'a policy that trims names': misread(
    (_, { decide }) =>
      (caller, { kind, name }) =>
        decide(caller, { kind, name: name.trim() }),
  ),
  'a policy where any scope is enough': misread((_, { decide }) => (caller, target) => {
    const verdict = decide(caller, target)
    const { missing, scopes } = verdict
    const has = scopes.length > missing.scopes.length && missing.roles.length === 0
    return has ? { ...verdict, allow: true } : verdict
  }),
  'a policy where tools decide on prompts': misread(
    (_, { decide }) =>
      (caller, { kind, name }) =>
        decide(caller, { kind: kind === 'prompt' ? 'tool' : kind, name }),
  ),
  'a policy where what nothing names is allowed': misread((_, { decide }) => (caller, target) => {
    const verdict = decide(caller, target)
    return verdict.rule === 'default' ? { ...verdict, allow: true } : verdict
  }),
  'a policy that takes a URI as it is written': misread(
    (written, { decide }) =>
      (caller, target) => {
        if (target.kind !== 'resource' && target.kind !== 'template') return decide(caller, target)
        const pattern = patternFor(written.resources, target.name)
        const name = pattern?.replace('*', '')
        const verdict = decide(caller, { kind: 'resource', name: name ?? target.name })
        return { ...verdict, allow: pattern !== undefined && verdict.allow }
      },
  ),
}

const judges: Readonly<Record<string, typeof judgeFrame>> = {
  'a judge that passes all': (text) => ({
    pass: 'same',
    value: (lenient(Buffer.from(text)) as { value: JSONObject }).value,
  }),
  'a judge that drops all': () => ({ drop: 'syntax' }),
  'a judge that hides by the text of a name': (text, expect, rules) => {
    const verdict = judgeFrame(text, expect, { ...rules, may: () => true })
    return text.includes('"hid"') ? judgeFrame(text, expect, rules) : verdict
  },
  'a judge that writes the message anew': (text, expect, rules) => {
    const verdict = judgeFrame(text, expect, rules)
    if ('drop' in verdict || verdict.pass === 'same') return verdict
    return { ...verdict, text: JSON.stringify(JSON.parse(verdict.text)) }
  },
  'a judge that leaves caching as it is': (text, expect, rules) =>
    judgeFrame(text, expect, { ...rules, cacheFor: () => undefined }),
}

const guards: Readonly<Record<string, guard.GuardMaker>> = {
  'a guard that passes all': () => ({ push: (bytes) => [bytes], end: () => [] }),
  'a guard that stops all': () => ({
    push: () => {
      throw new ListInStreamError('no')
    },
    end: () => [],
  }),
  'a guard that looks for a word in each chunk': () => ({
    push: (bytes) => {
      if (Buffer.from(bytes).includes('"tools":[')) throw new ListInStreamError('a list')
      return [bytes]
    },
    end: () => [],
  }),
  'a guard that leaves caching as it is': ({ only }) => new ListGuard({ cache: undefined, only }),
}

const LIST = 'data: {"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"hid"}]}}\n\n'
/** A prefix for everybody, a name below it for some, and that name with an escape. */
const DODGE = [2, 0, 0, 0, 2, 0, 0, 1, 0, 0, 0, 1, 2, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 5]

/** A tool that needs two scopes, and a caller with one of them. */
const BOTH = [0, 0, 1, 1, 0, 0, 2, 2, 3, 0, 0, 0, 1, 2]

const relays: Readonly<Record<string, answers.Relay>> = {
  'a relay that passes the head and the body': async (answer, _permit, response) => {
    response.writeHead(answer.status)
    await new Promise<void>((resolve, reject) =>
      answer.body.read({ data: (part) => response.write(part), end: resolve, fail: reject }),
    )
    response.end()
    return undefined
  },
  'a relay that shows everybody everything': (answer, permit, response, tools) =>
    relay(answer, permit, response, { ...tools, may: () => true }),
  'a relay that counts a stream for ever': (answer, permit, response, tools) =>
    relay(answer, permit, response, {
      ...tools,
      openStream: (end) => {
        tools.openStream(end)
        return { release: () => undefined }
      },
    }),
  'a relay that goes on after a refusal': async (answer, permit, response, tools) => {
    const denial = await relay(answer, permit, response, tools)
    if (denial !== undefined) response.writeHead(502).end('hid')
    return denial
  },
}

/** Every broken implementation; the inputs beside the corpus show faults that no branch of ours shows. */
export const BROKEN: readonly Broken[] = [
  ...of(
    'json',
    gates,
    json.check,
    (gate) => ({ parse: parseStrict, message: toMessage, ...gate }),
    [latin1(`${'['.repeat(10)}${']'.repeat(10)}`)],
  ),
  ...of('sse', filters, sse.check, (make) => make, [
    latin1(`\x00\x00\x00\x00\x00\x00\x00${LONG.repeat(20)}`),
    latin1(`\x00\x00\x00\x01\x00\x00\x00${LONG.repeat(20)}`),
    latin1(`\x00\x01\x00\x00\x00\x00\x00\x00data: {bad\n\n${LIST}`),
    latin1(`\x00\x01\x00\x00\x00\x00\x00\x00${LIST.replace(']', '],"tools":[]')}`),
  ]),
  ...of('bearer', identities, bearer.check, (part) => ({ ...bearer.identity, ...part }), [
    latin1('\x01eyJhbGciOiJIUzI1NiJ9.e31.AA'),
    Uint8Array.of(3, 0, 0, 1, 3, 16),
  ]),
  ...of('names', codecs, names.check, (part) => ({ ...CODEC, ...part }), [
    latin1('\x00\x0f=?base64?YQ==?='),
  ]),
  ...of('headers', heads, headers.check, (make) => make),
  ...of('policy', policies, policy.check, (parse) => parse, [
    Uint8Array.from(DODGE),
    Uint8Array.from(BOTH),
  ]),
  ...of('lists', judges, lists.check, (judge) => judge),
  ...of('guard', guards, guard.check, (make) => make),
  ...of('relay', relays, answers.check, (send) => send),
]

function of<Part, Whole>(
  name: string,
  parts: Readonly<Record<string, Part>>,
  check: (whole: Whole, input: Uint8Array) => void | Promise<void>,
  complete: (part: Part) => Whole,
  also: readonly Uint8Array[] = [],
): readonly Broken[] {
  return Object.entries(parts).map(([what, part]) => ({
    name,
    what,
    run: (input) => check(complete(part), input),
    also,
  }))
}
