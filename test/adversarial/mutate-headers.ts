// Changes of the head (T25-T28, T39-T48, T51-T56, T117): what a proxy could believe and an upstream
// could read, or the other way round. The framing stays sound here.

import {
  ACCEPTS,
  ENCODINGS,
  HOPS,
  HOSTS,
  HTTP_METHODS,
  ODD_LINES,
  ORIGINS,
  SESSIONS,
  SPOOFS,
  TARGETS,
  TYPES,
  VERSIONS,
} from './header-words.ts'
import type { Draft } from './messages.ts'
import type { Mutator } from './mutate-json.ts'
import type { Random } from './random.ts'
import { dropHeader, type Shot, setHeader } from './shot.ts'
import { NAMES } from './words.ts'

/** Every change of a head. */
export const HEADER_MUTATORS: readonly Mutator[] = [
  { name: 'another content type', weight: 7, apply: replaces('content-type', TYPES) },
  { name: 'no content type', weight: 1, apply: ({ shot }) => dropHeader(shot, 'content-type') },
  {
    name: 'two content types',
    weight: 1,
    apply: ({ shot }, random) => add(shot, random, `content-type: ${random.pick(TYPES)}`),
  },
  { name: 'a content encoding', weight: 3, apply: replaces('content-encoding', ENCODINGS) },
  { name: 'another accept', weight: 2, apply: replaces('accept', ACCEPTS) },
  {
    name: 'another protocol version',
    weight: 5,
    apply: replaces('mcp-protocol-version', VERSIONS),
  },
  { name: 'a lying Mcp-Method', weight: 5, apply: lieMethod },
  { name: 'a lying Mcp-Name', weight: 6, apply: lieName },
  {
    name: 'no Mcp headers',
    weight: 3,
    apply: ({ shot }, random) => {
      for (const name of ['mcp-method', 'mcp-name', 'mcp-protocol-version'])
        if (random.chance(60)) dropHeader(shot, name)
    },
  },
  { name: 'another session', weight: 4, apply: replaces('mcp-session-id', SESSIONS) },
  { name: 'another host', weight: 3, apply: replaces('host', HOSTS) },
  {
    name: 'two hosts',
    weight: 1,
    apply: ({ shot }, random) => add(shot, random, `host: ${random.pick(HOSTS)}`),
  },
  { name: 'an origin', weight: 2, apply: replaces('origin', ORIGINS) },
  { name: 'other credentials', weight: 4, apply: otherCredentials },
  {
    name: 'another target',
    weight: 4,
    apply: ({ shot }, random) => {
      shot.line = shot.line.replace(/ \S+ HTTP/, () => ` ${random.pick(TARGETS)} HTTP`)
    },
  },
  {
    name: 'another HTTP method',
    weight: 3,
    apply: ({ shot }, random) => {
      shot.line = shot.line.replace(/^\S+/, random.pick(HTTP_METHODS))
    },
  },
  {
    name: 'another HTTP version',
    weight: 1,
    apply: ({ shot }, random) => {
      shot.line = shot.line.replace(
        /HTTP\/.*$/,
        random.pick(['HTTP/1.0', 'HTTP/1.1', 'HTTP/0.9', 'HTTP/2.0', 'HTTP/1.2']),
      )
    },
  },
  { name: 'spoofed headers', weight: 6, apply: adds(SPOOFS, 3) },
  { name: 'hop-by-hop headers', weight: 4, apply: adds(HOPS, 2) },
  { name: 'odd headers', weight: 4, apply: adds(ODD_LINES, 2) },
  {
    name: 'many headers',
    weight: 1,
    apply: ({ shot }, random) => {
      for (let at = random.pick([50, 300, 1_500]); at > 0; at--) shot.headers.push(`x-h${at}: 1`)
    },
  },
  {
    name: 'other letters in names',
    weight: 2,
    apply: ({ shot }, random) => {
      shot.headers = shot.headers.map((line) =>
        random.chance(40) && !line.startsWith('traceparent')
          ? line.replace(/^[^:]+/, (name) => name.toUpperCase())
          : line,
      )
    },
  },
  {
    name: 'shuffle headers',
    weight: 2,
    apply: ({ shot }, random) => {
      shot.headers.sort(() => random.below(3) - 1)
    },
  },
]

function replaces(name: string, values: readonly string[]): Mutator['apply'] {
  return ({ shot }, random) => setHeader(shot, name, random.pick(values))
}

function adds(lines: readonly string[], most: number): Mutator['apply'] {
  return ({ shot }, random) => {
    for (let count = 1 + random.below(most); count > 0; count--)
      add(shot, random, random.pick(lines))
  }
}

function add(shot: Shot, random: Random, line: string): void {
  shot.headers.splice(random.below(shot.headers.length + 1), 0, line)
}

function sentinel(name: string, random: Random): string {
  const base64 = Buffer.from(name).toString('base64')
  return random.pick([
    `=?base64?${base64}?=`,
    `=?BASE64?${base64}?=`,
    `=?base64?${base64.replace(/=+$/, '')}?=`,
    `=?base64?${base64}=?=`,
    `=?base64?${base64}`,
    `=?utf-8?b?${base64}?=`,
    `=?base64? ${base64}?=`,
    `=?base64?${base64}?==?base64?${base64}?=`,
    `=?base64?${Buffer.from(name).toString('base64url')}?=`,
    `=?base64?${Buffer.from(name, 'utf16le').toString('base64')}?=`,
  ])
}

function latin1(name: string): string {
  return name.replaceAll(/[^\x20-\x7e]/g, (char) =>
    char.charCodeAt(0) > 0xff ? '?' : char.charCodeAt(0) < 0x20 ? ' ' : char,
  )
}

function lieMethod({ shot }: Draft, random: Random): void {
  const method = random.pick([
    'tools/list',
    'tools/call',
    'ping',
    'TOOLS/LIST',
    'tools/list ',
    '',
    'tools/list, tools/call',
    'initialize',
    'notifications/initialized',
    sentinel('tools/call', random),
  ])
  if (random.chance(75)) setHeader(shot, 'mcp-method', method)
  else shot.headers.push(`mcp-method: ${method}`)
}

function lieName({ shot }: Draft, random: Random): void {
  const plain = random.pick<string>([
    'public',
    'secret',
    'public, secret',
    'Public',
    '"public"',
    random.pick(NAMES),
  ])
  const value = latin1(random.chance(40) ? sentinel(plain, random) : plain)
  if (random.chance(75)) setHeader(shot, 'mcp-name', value)
  else
    shot.headers.push(`${random.pick(['mcp-name', 'Mcp-Name', 'mcp_name', 'MCP-NAME'])}: ${value}`)
}

/** Each of these is no credential; a scheme in other letters is the only thing that would be one. */
function otherCredentials({ shot }: Draft, random: Random): void {
  const lines = random.pick<readonly string[]>([
    [],
    ['authorization:'],
    ['authorization: Bearer'],
    ['authorization: Bearer '],
    ['authorization: Basic {token}'],
    ['authorization: {token}'],
    ['authorization: Bearer {token} x'],
    ['authorization: Bearer {token},Bearer {token}'],
    ['authorization: Bearer {token}='],
    ['authorization: Bearer {token}.'],
    ['authorization: Bearer "{token}"'],
    ['authorization: Bearer\t{token}'],
    ['authorization: Bearer x{token}'],
    ['authorization: Bearer {token}', 'authorization: Bearer {token}'],
    ['authorization: Bearer {token}', 'Authorization: Basic x'],
    ['authorization: Bearer  {token}'],
    ['authorization: Token {token}'],
    ['x-authorization: Bearer {token}'],
    ['authorization : Bearer {token}'],
    ['proxy-authorization: Bearer {token}'],
    ['cookie: access_token={token}'],
    ['authorization: DPoP {token}'],
    ['authorization_: Bearer {token}'],
    ['authorization: Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.'],
    [`authorization: Bearer ${'a'.repeat(9_000)}`],
    ['authorization: Bearer {token}\x01'],
  ])
  dropHeader(shot, 'authorization')
  shot.headers.push(...lines)
  shot.authorized = false
}
