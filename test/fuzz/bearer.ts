// Fuzz target: the Authorization header, the compact form of a token and its whole verification (T56-T74,
// T82-T85). Nothing throws; a token has one spelling; and what the issuer did not mint opens nothing.
// The one known exception is the ECDSA twin, which only the holder of the token can make.

import assert from 'node:assert/strict'
import { KeySource } from '../../proxy/identity/keys.ts'
import { type TokenRefusal, Verifier, type VerifierOptions } from '../../proxy/identity/verifier.ts'
import type { Caller } from '../../proxy/types.ts'
import { MAX_TOKEN_BYTES, parseAuthorization, parseCompact } from '../../proxy/wire/bearer.ts'
import { Choices } from './choices.ts'
import { readJSON } from './reference/json.ts'
import {
  AUDIENCE,
  CLAIMS,
  holderOf,
  ISSUER,
  JWKS,
  MINTED,
  NOW,
  SECRET,
  sealed,
  twinOf,
} from './reference/tokens.ts'

export const maxBytes = 1_024
export const words = [
  ...[
    'Bearer ',
    'bearer ',
    'BEARER  ',
    'Basic ',
    'Bearer\t',
    'DPoP ',
    ',',
    '=',
    '==',
    '.',
    '..',
    '....',
    '-',
    '_',
    '+',
    '/',
  ],
  ...[
    'eyJhbGciOiJIUzI1NiJ9',
    'e30',
    'bnVsbA',
    '{"alg":"none"}',
    '"alg":"HS256",',
    '"kid":"es",',
    '"crit":[],',
    '"typ":""',
  ],
  ...[
    '"exp":1800000300',
    '"exp":1800000300.0',
    '"exp":1e400',
    '"iat":null',
    '"aud":[]',
    '"sub":"\\u0000"',
    '"sub":"\\ud800"',
  ],
  ...[
    '"scope":"a b"',
    '"scope":["a b"]',
    '"scp":"x"',
    '"roles":"r"',
    '"azp":null',
    '"token_use":"id"',
    '\u0130',
    '\u2028',
  ],
]

/** The parser and the verifiers under test: one of public keys, one of a secret. */
export type Identity = {
  readonly authorization: typeof parseAuthorization
  readonly compact: typeof parseCompact
  readonly verify: (kind: 'public' | 'secret', token: string) => Promise<Caller | TokenRefusal>
}

const keys = new KeySource({
  issuer: ISSUER,
  jwksUrl: new URL(`${ISSUER}/jwks`),
  now: () => 0,
  fetchImpl: async () => new Response(JSON.stringify(JWKS)),
})
const settings: Omit<VerifierOptions, 'algorithms' | 'keys' | 'secret'> = {
  issuer: ISSUER,
  audience: [AUDIENCE],
  tokenTypes: ['at+jwt', 'JWT'],
  scopeClaim: ['scope', 'scp'],
  rolesClaim: ['roles', 'realm_access.roles'],
  clockSkewS: 5,
  maxTokenAgeS: 86_400,
  now: () => NOW * 1_000,
}
const verifiers = {
  public: new Verifier({
    ...settings,
    algorithms: ['RS256', 'ES256', 'EdDSA'],
    keys,
    secret: undefined,
  }),
  secret: new Verifier({ ...settings, algorithms: ['HS256'], keys: undefined, secret: SECRET }),
}

/** Throws or rejects when a property of tokens breaks on these bytes. */
export function target(bytes: Uint8Array): void | Promise<void> {
  return check(identity, bytes)
}

/** What toolstile does. */
export const identity: Identity = {
  authorization: parseAuthorization,
  compact: parseCompact,
  verify: (kind, token) => verifiers[kind].verify(token),
}

/** The properties, for any identity. */
export function check(subject: Identity, bytes: Uint8Array): void | Promise<void> {
  const choices = new Choices(bytes)
  switch (choices.below(6)) {
    case 0:
      return checkHeader(subject, latin1(choices.rest()))
    case 1:
      return checkCompact(subject, latin1(choices.rest()))
    case 2:
      return checkForged(subject, choices)
    default:
      return checkSealed(subject, headerOf(choices), payloadOf(choices))
  }
}

/** `Bearer`, one space and a b64token; another scheme is no credentials, all else is malformed (T56). */
function checkHeader({ authorization }: Identity, value: string): void {
  const read = authorization(value)
  const scheme = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]*/.exec(value)?.[0] ?? ''
  const rest = value.slice(scheme.length)
  if (scheme.toLowerCase() !== 'bearer') {
    assert.ok('fault' in read && read.fault === 'missing', 'another scheme is read as ours')
    return
  }
  const token = rest.slice(1)
  const [core = ''] = token.split('=')
  const isToken = core !== '' && [...core].every((char) => /[A-Za-z0-9\-._~+/]/.test(char))
  const isPadded = [...token.slice(core.length)].every((char) => char === '=')
  const isRead = rest.startsWith(' ') && isToken && isPadded && token.length <= MAX_TOKEN_BYTES
  assert.equal('token' in read ? read.token : undefined, isRead ? token : undefined)
  assert.ok('token' in read || read.fault === 'malformed', 'a broken token is none at all')
}

/** A compact JWS is what it decodes to, written the one canonical way, and nothing else is one. */
function checkCompact({ compact }: Identity, token: string): void {
  const read = compact(token)
  const parts = token.split('.')
  const decoded = parts.map((part) => Buffer.from(part, 'base64url'))
  const isCanonical = parts.every(
    (part, n) => part !== '' && decoded[n]?.toString('base64url') === part,
  )
  const [header, payload] = decoded.map((part) => objectIn(part))
  const isCompact =
    parts.length === 3 &&
    isCanonical &&
    token.length <= MAX_TOKEN_BYTES &&
    header !== undefined &&
    payload !== undefined
  assert.equal(read.ok, isCompact, 'a token is taken apart otherwise than by its grammar')
  if (!read.ok) return
  assert.deepEqual(read.header, header)
  assert.deepEqual(read.payload, payload)
  assert.ok(decoded[2]?.equals(read.signature))
}

function objectIn(bytes: Buffer): unknown {
  const text = bytes.toString('utf8')
  if (!Buffer.from(text).equals(bytes)) return undefined
  const reading = readJSON(text)
  if (reading === undefined || reading.hasDuplicates || reading.hasProto || reading.depth > 16)
    return undefined
  const { value } = reading
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
}

type Edit = (token: string, choices: Choices) => string
const CHARS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const EDITS: readonly Edit[] = [
  (token) => token,
  (token, choices) => splice(token, choices, 1, CHARS[choices.below(64)] ?? ''),
  (token, choices) => splice(token, choices, 0, CHARS[choices.below(64)] ?? ''),
  (token, choices) => splice(token, choices, 1 + choices.below(4), ''),
  (token, choices) =>
    splice(token, choices, 0, choices.pick(['=', '.', '+', '/', ' ', '\n', '%', '\0', 'é'])),
  (token, choices) => token + choices.pick(['=', '.', '==', '.AA', 'A', ' ', '\n', '..']),
  (token, choices) => mixed(token, choices.pick(MINTED), choices.below(3)),
  (token, choices) =>
    rewritten(
      token,
      0,
      choices.pick(['"none"', '"HS256"', '"ES256"', '"RS256"', '"PS256"']),
      /"(ES|Ed|RS|HS)\w+"/,
    ),
  (token, choices) =>
    rewritten(token, 0, choices.pick(['"es"', '"ed"', '"rs"', '""', 'null']), /"(es|ed|rs)"/),
  (token, choices) => rewritten(token, 1, choices.pick(['"bob"', '"admin"']), /"alice"/),
  (token, choices) =>
    rewritten(token, 1, choices.pick(['"a public:read"', '"*"']), /"public:read"/),
  (token) => mixed(token, '..', 2),
  (token) => token.replace(/\w+$/, (part) => `${'A'.repeat(part.length)}`),
]

/** Whatever is done to minted tokens, only a minted one opens, and that one always does. */
async function checkForged(subject: Identity, choices: Choices): Promise<void> {
  const origin = choices.pick(MINTED)
  const kind = choices.below(4) === 3 ? 'secret' : origin === MINTED[3] ? 'secret' : 'public'
  const isTwin = origin === MINTED[0] && choices.below(8) === 7
  let token = isTwin ? twinOf(origin) : origin
  for (let left = choices.below(4); left > 0; left--) token = choices.pick(EDITS)(token, choices)
  const minted = [...MINTED.slice(0, 3), ...MINTED.slice(0, 1).map(twinOf)]
  const verdict = await subject.verify(kind, token)
  const isMinted = kind === 'secret' ? token === MINTED[3] : minted.includes(token)
  assert.equal(
    !('denied' in verdict),
    isMinted,
    'a token opens that was not minted, or one does not that was',
  )
}

function splice(token: string, choices: Choices, remove: number, add: string): string {
  const at = (choices.below(256) * 256 + choices.below(256)) % (token.length + 1)
  return token.slice(0, at) + add + token.slice(at + remove)
}

function mixed(token: string, other: string, part: number): string {
  return withPart(token, part, () => other.split('.')[part] ?? '')
}

function rewritten(token: string, part: number, by: string, what: RegExp): string {
  return withPart(token, part, (old) => {
    const text = latin1(Buffer.from(old, 'base64url'))
    return Buffer.from(text.replace(what, by), 'latin1').toString('base64url')
  })
}

function withPart(token: string, part: number, make: (old: string) => string): string {
  const parts = token.split('.')
  return parts.map((old, n) => (n === part ? make(old) : old)).join('.')
}

const VALUES = [
  ...[
    'null',
    'true',
    '0',
    '-1',
    '1e3',
    '""',
    '"x"',
    '[]',
    '{}',
    '[1]',
    '"access"',
    '"id"',
    '["refresh"]',
    '"Refresh"',
  ],
  ...[
    `${NOW}`,
    `${NOW + 5}`,
    `${NOW - 5}`,
    `${NOW + 6}`,
    `${NOW - 86_400}`,
    `${NOW + 86_400}`,
    `${NOW}.5`,
    `${NOW}.0`,
    '1e400',
  ],
  ...[
    `"${ISSUER}"`,
    `"${ISSUER}/"`,
    `"${AUDIENCE}"`,
    `["x","${AUDIENCE}"]`,
    `["${AUDIENCE}",1]`,
    '9007199254740993',
  ],
  ...[
    '"a b"',
    '["a","b c"]',
    '["a",null]',
    '"a  b"',
    '"a\\tb"',
    '"\\u0130"',
    '"\\ud800"',
    '"\\u2028"',
    '"\\u00ad"',
    '"a\\"b"',
  ],
  ...['{"roles":["r","s"]}', '{"roles":1,"x":"r"}', '[{"roles":["r"]}]'],
]
const NAMES = [
  'iss',
  'sub',
  'aud',
  'exp',
  'nbf',
  'iat',
  'scope',
  'scp',
  'roles',
  'client_id',
  'azp',
  'token_use',
  'typ',
  '__proto__',
  'jti',
  'realm_access',
  'realm_access.roles',
]
const HEADERS = ['alg', 'typ', 'kid', 'crit', 'jwk', 'b64', 'x']
const HEADER_VALUES = [
  '"HS256"',
  '"none"',
  '"hs256"',
  '"at+jwt"',
  '"JWT"',
  '"Application/AT+JWT"',
  '"k"',
  'null',
  '1',
  '[]',
  '""',
  '"id+jwt"',
]

function headerOf(choices: Choices): string {
  if (choices.below(4) !== 3) return '{"alg":"HS256","typ":"JWT"}'
  const members = choices.many(4, () => `"${choices.pick(HEADERS)}":${choices.pick(HEADER_VALUES)}`)
  return choices.flag()
    ? `{${members.join()}}`
    : `{"alg":"HS256",${['"typ":"JWT"', ...members].join()}}`
}

/** Good claims but for some, or any text at all. */
function payloadOf(choices: Choices): string {
  if (choices.below(8) === 7) return latin1(choices.rest())
  const claims = new Map(
    Object.entries(CLAIMS).map(([name, value]) => [name, JSON.stringify(value)]),
  )
  for (const [name, value] of choices.many(
    5,
    () => [choices.pick(NAMES), choices.pick(VALUES)] as const,
  ))
    claims.set(name, value)
  for (const name of choices.many(2, () => choices.pick(NAMES))) claims.delete(name)
  const members = [...claims].map(([name, value]) => `"${name}":${value}`)
  return `{${[...members, ...choices.many(1, () => latin1(choices.bytes(60)))].join()}}`
}

/** A token that the issuer did sign opens what its claims say and no more. */
async function checkSealed(subject: Identity, header: string, payload: string): Promise<void> {
  const verdict = await subject.verify('secret', sealed(header, payload))
  const holder = holderOf(Buffer.from(header), Buffer.from(payload))
  const read =
    'denied' in verdict
      ? undefined
      : {
          sub: verdict.sub,
          client: verdict.client,
          scopes: [...verdict.scopes],
          roles: [...verdict.roles],
        }
  assert.deepEqual(read, holder, 'the claims of a token are read otherwise')
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}
