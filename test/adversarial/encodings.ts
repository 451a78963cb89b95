// A body in another encoding (T9, T10, T25): character sets and compressions, announced truly, falsely or
// not at all.

import {
  brotliCompressSync,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib'
import type { Draft } from './messages.ts'
import type { Random } from './random.ts'
import { type Shot, setHeader } from './shot.ts'

const CHARSETS = [
  'utf-16',
  'utf-16le',
  'utf-16be',
  'utf-32',
  'utf-7',
  'UTF-16LE',
  'ucs-2',
  'utf-8',
  'utf8',
  'iso-8859-1',
  'us-ascii',
  'utf-8-sig',
  'cp037',
  'shift_jis',
  'unicode-1-1-utf-7',
  'utf-7-imap',
]

export function anotherEncoding({ shot }: Draft, random: Random): void {
  const text = shot.body.toString()
  const [charset, encode] = random.pick<readonly [string, (text: string) => Buffer]>([
    ['utf-16le', (given) => Buffer.from(given, 'utf16le')],
    ['utf-16', (given) => Buffer.from(`\ufeff${given}`, 'utf16le')],
    ['utf-16be', (given) => Buffer.from(given, 'utf16le').swap16()],
    ['utf-16', (given) => Buffer.from(`\ufeff${given}`, 'utf16le').swap16()],
    ['utf-32le', utf32],
    ['utf-7', (given) => Buffer.from(utf7(given))],
    ['utf-8', (given) => Buffer.from(`\ufeff${given}`)],
    ['iso-8859-1', (given) => Buffer.from(given, 'latin1')],
  ])
  shot.body = encode(text)
  announce(shot, random, charset)
}

function utf32(given: string): Buffer {
  const bytes = Buffer.alloc(given.length * 4)
  for (let at = 0; at < given.length; at++) bytes.writeUInt32LE(given.charCodeAt(at), at * 4)
  return bytes
}

/** Every character shifted, as nobody has to write it and every decoder of UTF-7 reads it. */
function utf7(given: string): string {
  const base64 = Buffer.from(given, 'utf16le').swap16().toString('base64')
  return `+${base64.replace(/=+$/, '')}-`
}

/** T10: a list in UTF-8, a call of `secret` in UTF-7. */
export function polyglot({ shot }: Draft, random: Random): void {
  const hidden = utf7('"},"method":"tools/call","params":{"name":"secret","arguments":{},"y":"')
  shot.body = Buffer.from(
    `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"${hidden}"}}`,
  )
  announce(shot, random, random.pick(['utf-7', 'UTF-7', 'unicode-1-1-utf-7']))
}

/** Says what it is, or something else, or nothing. */
function announce(shot: Shot, random: Random, charset: string): void {
  const said = random.chance(60) ? charset : random.pick([...CHARSETS, undefined])
  if (said === undefined) return
  const quote = random.chance(15) ? '"' : ''
  setHeader(shot, 'content-type', `application/json; charset=${quote}${said}${quote}`)
}

export function compress({ shot }: Draft, random: Random): void {
  const [coding, encode] = random.pick<readonly [string, (body: Buffer) => Buffer]>([
    ['gzip', (body) => gzipSync(body)],
    ['deflate', (body) => deflateSync(body)],
    ['deflate', (body) => deflateRawSync(body)],
    ['br', (body) => brotliCompressSync(body)],
    ['zstd', (body) => zstdCompressSync(body)],
    ['gzip, gzip', (body) => gzipSync(gzipSync(body))],
    ['gzip', (body) => Buffer.concat([gzipSync(body.subarray(0, 9)), gzipSync(body.subarray(9))])],
  ])
  shot.body = encode(shot.body)
  const said = random.pick([
    coding,
    coding,
    coding,
    coding.toUpperCase(),
    ` ${coding}`,
    `x-${coding}`,
    `identity, ${coding}`,
    `${coding};q=1`,
    'identity',
    undefined,
  ])
  if (said !== undefined) shot.headers.push(`content-encoding: ${said}`)
}
