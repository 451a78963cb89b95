// Changes of the bytes of a body (T7-T11, T19, T25-T29): encodings, compression, trailing and broken
// bytes, with and without the headers that would announce them.

import { anotherEncoding, compress, polyglot } from './encodings.ts'
import type { Draft } from './messages.ts'
import type { Mutator } from './mutate-json.ts'
import type { Random } from './random.ts'
import { setHeader } from './shot.ts'

const SECRET_CALL =
  '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"secret","arguments":{}}}'
const LIST = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
const TAILS = [
  SECRET_CALL,
  LIST,
  '\0',
  '//x',
  '#',
  '/**/',
  ' ',
  '\n',
  '\r\n\r\n',
  ']',
  '}',
  ',',
  'x',
  '\ufeff',
  '\x1a',
  ';',
  '\0\0\0',
  '{',
  '"',
  '\u00a0',
  `\n${SECRET_CALL}\n`,
  `\x1e${SECRET_CALL}`,
]
const HEADS = [
  '\ufeff',
  ")]}',\n",
  ' ',
  '\n',
  '\0',
  'while(1);',
  '\x1e',
  '\ufeff\ufeff',
  'data: ',
  '/**/',
  '[',
  '\u2028',
]
/** Sequences that a lenient decoder repairs and a strict one refuses. */
const BROKEN = [
  'c328',
  'ff',
  'fe',
  'c080',
  'c1ad',
  'e080ad',
  'f08080ad',
  'eda080',
  'edb080eda080',
  'f4908080',
  'f8888080ad',
  '80',
  'e282',
  'c0ae',
]

/** Every change of a body. */
export const BYTE_MUTATORS: readonly Mutator[] = [
  {
    name: 'a head before it',
    weight: 4,
    apply: onBody((body, random) => Buffer.concat([Buffer.from(random.pick(HEADS)), body])),
  },
  {
    name: 'a tail after it',
    weight: 6,
    apply: onBody((body, random) => Buffer.concat([body, Buffer.from(random.pick(TAILS))])),
  },
  { name: 'another encoding', weight: 6, apply: anotherEncoding },
  { name: 'a UTF-7 polyglot', weight: 2, apply: polyglot },
  { name: 'broken UTF-8', weight: 5, apply: onBody(breakUtf8) },
  { name: 'overlong letters', weight: 3, apply: onBody(overlong) },
  {
    name: 'cut short',
    weight: 2,
    apply: onBody((body, random) => body.subarray(0, random.below(body.length + 1))),
  },
  { name: 'flip bits', weight: 5, apply: onBody(flip) },
  {
    name: 'insert bytes',
    weight: 4,
    apply: onBody((body, random) => splice(body, random, random.bytes(1 + random.below(6)))),
  },
  {
    name: 'insert tokens',
    weight: 5,
    apply: onBody((body, random) =>
      splice(
        body,
        random,
        Buffer.from(
          random.pick([
            '"',
            ',',
            ':',
            '{',
            '}',
            '[',
            ']',
            '\\',
            '\\u',
            '"name":"secret",',
            '"method":"tools/call",',
            '\0',
            '\n',
            '+',
            '0',
            'secret',
            '\\"',
            '\\u0000',
            '/',
          ]),
        ),
      ),
    ),
  },
  { name: 'delete bytes', weight: 4, apply: onBody(cutOut) },
  {
    name: 'splice a call in',
    weight: 3,
    apply: onBody((body, random) => splice(body, random, Buffer.from(SECRET_CALL))),
  },
  { name: 'repeat bytes', weight: 3, apply: onBody(repeat) },
  { name: 'compress', weight: 5, apply: compress },
  { name: 'a form of it', weight: 1, apply: asForm },
  { name: 'random JSON text', weight: 4, apply: randomText },
]

function onBody(
  change: (body: Buffer, random: Random) => Buffer,
): (draft: Draft, random: Random) => void {
  return ({ shot }, random) => {
    shot.body = change(shot.body, random)
  }
}

function splice(body: Buffer, random: Random, inserted: Buffer): Buffer {
  const at = random.below(body.length + 1)
  return Buffer.concat([body.subarray(0, at), inserted, body.subarray(at)])
}

function cutOut(body: Buffer, random: Random): Buffer {
  const at = random.below(body.length)
  return Buffer.concat([body.subarray(0, at), body.subarray(at + 1 + random.below(8))])
}

function repeat(body: Buffer, random: Random): Buffer {
  const at = random.below(body.length)
  const end = at + 1 + random.below(40)
  return Buffer.concat([body.subarray(0, end), body.subarray(at)])
}

function flip(body: Buffer, random: Random): Buffer {
  const flipped = Buffer.from(body)
  for (let count = 1 + random.below(3); count > 0 && flipped.length > 0; count--) {
    const at = random.below(flipped.length)
    flipped[at] = (flipped[at] ?? 0) ^ (1 << random.below(8))
  }
  return flipped
}

function breakUtf8(body: Buffer, random: Random): Buffer {
  return splice(body, random, Buffer.from(random.pick(BROKEN), 'hex'))
}

/** An ASCII letter as two, three or four bytes: what decoders once took for the letter. */
function overlong(body: Buffer, random: Random): Buffer {
  const letters = [...body.keys()].filter((at) =>
    /[a-z"/{}]/.test(String.fromCharCode(body[at] ?? 0)),
  )
  if (letters.length === 0) return body
  const at = random.pick(letters)
  const code = body[at] ?? 0
  const high = 0xc0 | (code >> 6)
  const low = 0x80 | (code & 0x3f)
  const long = random.pick([
    [high, low],
    [0xe0, 0x80 | (code >> 6), low],
    [0xf0, 0x80, 0x80 | (code >> 6), low],
  ])
  return Buffer.concat([body.subarray(0, at), Buffer.from(long), body.subarray(at + 1)])
}

function asForm({ shot }: Draft, random: Random): void {
  const text = shot.body.toString()
  if (random.chance(50)) {
    shot.body = Buffer.from(`message=${encodeURIComponent(text)}&name=secret`)
    setHeader(shot, 'content-type', 'application/x-www-form-urlencoded')
    return
  }
  shot.body = Buffer.from(
    `--b\r\ncontent-disposition: form-data; name="m"\r\ncontent-type: application/json\r\n\r\n${text}\r\n--b--\r\n`,
  )
  setHeader(
    shot,
    'content-type',
    random.pick([
      'multipart/form-data; boundary=b',
      'multipart/mixed; boundary=b',
      'application/json; boundary=b',
    ]),
  )
}

const ATOMS = [
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '"method"',
  '"params"',
  '"name"',
  '"id"',
  '"jsonrpc"',
  '"2.0"',
  '"tools/call"',
  '"tools/list"',
  '"secret"',
  '"public"',
  '1',
  'null',
  'true',
  '{}',
  '[]',
  '"arguments"',
  ' ',
  '\\',
  '"',
  '-',
  '1e9',
  '"__proto__"',
]

/** A sentence of tokens, now and then inside a message that is whole. */
function randomText({ shot }: Draft, random: Random): void {
  const tokens = Array.from({ length: 1 + random.below(20) }, () => random.pick(ATOMS)).join('')
  shot.body = Buffer.from(
    random.chance(50)
      ? tokens
      : SECRET_CALL.replace('{}', tokens).replace('secret', random.pick(['secret', 'public'])),
  )
}
