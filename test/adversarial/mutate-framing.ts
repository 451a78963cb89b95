// Changes of the framing (T30-T38, T45, T50): where one request ends and the next begins. The bytes
// go out raw, and whatever is hidden in them must not be executed by anybody behind the front.

import type { Draft } from './messages.ts'
import type { Mutator } from './mutate-json.ts'
import type { Random } from './random.ts'
import { dropHeader, type Shot, TRACE } from './shot.ts'

const CALL =
  '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"secret","arguments":{}}}'

/** A whole further request, for the place where it should never be found. */
function hidden(random: Random): string {
  const lines = [
    random.pick([
      'POST /mcp HTTP/1.1',
      'POST /mcp HTTP/1.1',
      'post /mcp HTTP/1.1',
      'GET /mcp HTTP/1.1',
    ]),
    'host: 127.0.0.1',
    TRACE,
    ...random.pick<readonly string[]>([
      [],
      ['authorization: Bearer {token}'],
      ['x-toolstile-scopes: secret:read'],
    ]),
    'accept: application/json, text/event-stream',
    'content-type: application/json',
    'mcp-session-id: {session}',
    `content-length: ${CALL.length}`,
  ]
  return `${lines.join('\r\n')}\r\n\r\n${CALL}`
}

const CONFLICTS: readonly ((length: number) => readonly string[])[] = [
  (length) => [`content-length: ${length}`, 'transfer-encoding: chunked'],
  (length) => ['transfer-encoding: chunked', `content-length: ${length}`],
  () => ['content-length: 5', 'transfer-encoding: chunked'],
  () => ['transfer-encoding: xchunked'],
  () => ['transfer-encoding: chunked, identity'],
  () => ['transfer-encoding: identity, chunked'],
  () => ['transfer-encoding: ,chunked'],
  () => ['transfer-encoding: \x0bchunked'],
  () => ['transfer-encoding : chunked'],
  () => ['transfer-encoding: chunked', 'transfer-encoding: chunked'],
  () => ['transfer-encoding: chunked', 'transfer-encoding: identity'],
  () => ['transfer-encoding: Chunked'],
  () => ['transfer-encoding:\r\n chunked'],
  () => ['transfer-encoding: "chunked"'],
  () => ['transfer_encoding: chunked'],
  () => ['transfer-encoding: gzip, chunked'],
  (length) => [`content-length: +${length}`],
  (length) => [`content-length: ${length}, ${length}`],
  (length) => [`content-length: ${length}`, `content-length: ${length}`],
  (length) => [`content-length: ${length}`, 'content-length: 0'],
  (length) => [`content-length: 0x${length.toString(16)}`],
  (length) => [`content-length: 0${length}`],
  (length) => [`content-length: ${length}.0`],
  (length) => [`content-length: -${length}`],
  (length) => [` content-length: ${length}`],
  (length) => [`content-length : ${length}`],
  (length) => [`content_length: ${length}`],
  () => ['content-length: 0'],
  () => ['content-length:'],
  () => [],
  (length) => [`content-length: ${length - 1}`],
  (length) => [`content-length: ${length + 30}`],
  () => ['content-length: 99999999999999999999'],
  () => ['content-length: 1e2'],
]

/** Every change of a framing. */
export const FRAMING_MUTATORS: readonly Mutator[] = [
  {
    name: 'in chunks',
    weight: 5,
    apply: ({ shot }, random) => {
      if (shot.framing === 'length') {
        shot.framing = 'chunked'
        shot.piece = random.pick([0, 1, 7, 64])
      }
    },
  },
  {
    name: 'in pieces',
    weight: 4,
    apply: ({ shot }, random) => {
      shot.piece = random.pick([1, 10, 100])
    },
  },
  { name: 'conflicting lengths', weight: 4, apply: conflict },
  { name: 'odd chunks', weight: 3, apply: oddChunks },
  {
    name: 'a request after it',
    weight: 3,
    apply: ({ shot }, random) => {
      raw(shot)
      shot.body = Buffer.concat([shot.body, Buffer.from(hidden(random), 'latin1')])
    },
  },
  { name: 'a body where none may be', weight: 3, apply: bodyOfGet },
  { name: 'odd lines', weight: 3, apply: oddLines },
  { name: 'bytes of the head', weight: 2, apply: headBytes },
]

/** From here on the headers alone say how long the body is. */
function raw(shot: Shot): void {
  if (shot.framing === 'raw') return
  shot.headers.push(`content-length: ${shot.body.length}`)
  shot.framing = 'raw'
}

function conflict({ shot }: Draft, random: Random): void {
  if (shot.framing === 'raw') return
  const { length } = shot.body
  shot.framing = 'raw'
  shot.headers.push(...random.pick(CONFLICTS)(length))
  const body = shot.body.toString('latin1')
  const size = length.toString(16)
  const tail = random.chance(50) ? hidden(random) : ''
  shot.body = Buffer.from(
    random.pick([
      body + tail,
      `${size}\r\n${body}\r\n0\r\n\r\n${tail}`,
      `0\r\n\r\n${tail}`,
      `${size}\r\n${body}\r\n0\r\nauthorization: x\r\n\r\n${tail}`,
    ]),
    'latin1',
  )
}

function oddChunks({ shot }: Draft, random: Random): void {
  if (shot.framing === 'raw') return
  const body = shot.body.toString('latin1')
  const size = shot.body.length.toString(16)
  const odd = random.pick([
    `${size};ext=1\r\n${body}\r\n0\r\n\r\n`,
    `${size};${'a'.repeat(5_000)}\r\n${body}\r\n0\r\n\r\n`,
    `0x${size}\r\n${body}\r\n0\r\n\r\n`,
    `0_${size}\r\n${body}\r\n0\r\n\r\n`,
    `+${size}\r\n${body}\r\n0\r\n\r\n`,
    `000${size}\r\n${body}\r\n0\r\n\r\n`,
    `${size} \r\n${body}\r\n0\r\n\r\n`,
    ` ${size}\r\n${body}\r\n0\r\n\r\n`,
    `${size}\n${body}\n0\n\n`,
    `${size}\r\n${body}0\r\n\r\n`,
    `${size}\r\n${body}xx0\r\n\r\n`,
    `\r\n${body}\r\n0\r\n\r\n`,
    `${size.toUpperCase()}\r\n${body}\r\n0\r\nauthorization: Bearer x\r\nx-toolstile-scopes: secret:read\r\n\r\n`,
    `${size}\r\n${body}\r\n0\r\ncontent-type: text/plain\r\ntransfer-encoding: x\r\n\r\n`,
    `ffffffffffffffff1\r\n${body}\r\n0\r\n\r\n`,
    `-1\r\n${body}\r\n0\r\n\r\n`,
    `${size}\r\n${body}\r\n0\r\n\r\n${hidden(random)}`,
    `${size};a="\r\n${body}\r\n0\r\n\r\n`,
    `${size}\r${body}\r\n0\r\n\r\n`,
  ])
  shot.framing = 'raw'
  shot.headers.push('transfer-encoding: chunked')
  shot.body = Buffer.from(odd, 'latin1')
}

/** T36: the vector that made old proxies send a second request. */
function bodyOfGet({ shot }: Draft, random: Random): void {
  shot.line = `${random.pick(['GET', 'DELETE', 'OPTIONS', 'HEAD'])} /mcp HTTP/1.1`
  dropHeader(shot, 'content-length')
  dropHeader(shot, 'transfer-encoding')
  shot.framing = 'raw'
  const inner = hidden(random)
  if (random.chance(50)) {
    shot.headers.push('transfer-encoding: chunked')
    shot.body = Buffer.from(`0\r\n\r\n${inner}`, 'latin1')
  } else {
    shot.headers.push(`content-length: ${random.pick([0, 0, 1, inner.length])}`)
    shot.body = Buffer.from(inner, 'latin1')
  }
}

function oddLines({ shot }: Draft, random: Random): void {
  raw(shot)
  const at = 1 + random.below(shot.headers.length - 1)
  const line = shot.headers[at] ?? ''
  const other = random.pick([
    ' folded',
    '\tfolded',
    'no-colon',
    'x: a\rb',
    'x: a\nhost: evil',
    'x: a\0b',
    ': empty',
    'x y: z',
    'x\t: y',
    '\x7f: y',
    'x: \x01',
    '\r\n',
    'x: y\r\n\r\n{"hidden":1}',
    `x: y\r\n\r\n${hidden(random)}`,
    '\nx: y',
    'GET / HTTP/1.1',
  ])
  shot.headers.splice(
    at,
    1,
    ...random.pick([
      [line, other],
      [other, line],
      [line.replace(':', ' :')],
      [` ${line}`],
      [line.replace(': ', ':\r\n ')],
      [`${line}\n`],
      [line.replace(':', '')],
    ]),
  )
}

/** Random damage anywhere in the head; its length line stays what it was. */
function headBytes({ shot }: Draft, random: Random): void {
  raw(shot)
  const at = random.below(shot.headers.length)
  const line = Buffer.from(shot.headers[at] ?? '', 'latin1')
  const place = random.below(line.length + 1)
  const changed = Buffer.concat([
    line.subarray(0, place),
    random.bytes(1 + random.below(2)),
    line.subarray(place + random.below(2)),
  ])
  // A damaged credential is none; a damaged trace only makes a case anonymous.
  if (/^authorization/i.test(line.toString('latin1'))) shot.authorized = false
  shot.headers[at] = changed.toString('latin1')
}
