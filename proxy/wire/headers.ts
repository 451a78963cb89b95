// Header values: the `=?base64?…?=` sentinel of Mcp-Name and Mcp-Param-* (R11), reused for identity
// values, so that what is not plain printable ASCII can be neither ambiguous nor an injection (T57).

import { toText } from './strings.ts'

const PLAIN = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/
const SENTINEL = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/

/** Decodes a header value; undefined when it has invalid characters or a bad sentinel (R11, T117). */
export function decodeHeaderValue(value: string): string | undefined {
  const sentinel = SENTINEL.exec(value)
  if (sentinel?.[1] === undefined) {
    const broken = value.startsWith('=?base64?') && value.endsWith('?=')
    return PLAIN.test(value) && !broken ? value : undefined
  }
  try {
    const bytes = bytesOf(atob(sentinel[1]))
    return toBase64(bytes) === sentinel[1] ? toText(bytes) : undefined
  } catch {
    return undefined
  }
}

/** Encodes any string as one header value: as it is when plain, else as a sentinel. */
export function encodeHeaderValue(value: string): string {
  if (PLAIN.test(value) && !value.startsWith('=?')) return value
  return `=?base64?${toBase64(new TextEncoder().encode(value))}?=`
}

/** Joins words with a space; a word with a character outside RFC 6749 scope-token is a sentinel. */
export function encodeWords(words: Iterable<string>): string {
  return [...words]
    .map((word) =>
      /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(word) ? encodeHeaderValue(word) : wrap(word),
    )
    .join(' ')
}

function wrap(word: string): string {
  return `=?base64?${toBase64(new TextEncoder().encode(word))}?=`
}

/** The bytes of a string that has one character for each, as `atob` gives it. */
export function bytesOf(binary: string): Uint8Array {
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}

function toBase64(bytes: Uint8Array): string {
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return btoa(binary)
}

type MediaType = { readonly essence: string; readonly charset: string }
/** Peers have few of them, and send one with every message. */
const mediaTypes = new Map<string, MediaType | undefined>()
const MAX_MEDIA_TYPES = 64
const MAX_KEPT = 128

/** The essence of a media type in lower case and its charset, or undefined when malformed (T27, T28, T97). */
export function mediaType(value: string | undefined): MediaType | undefined {
  if (value === undefined) return undefined
  const known = mediaTypes.get(value)
  if (known !== undefined) return known
  const read = readMediaType(value)
  if (mediaTypes.size === MAX_MEDIA_TYPES) mediaTypes.clear()
  if (value.length <= MAX_KEPT) mediaTypes.set(value, read)
  return read
}

function readMediaType(value: string): MediaType | undefined {
  if (value.includes(',')) return undefined
  const [essence = '', ...parameters] = value.split(';').map((part) => part.trim().toLowerCase())
  if (!/^[a-z0-9!#$&^_.+-]+\/[a-z0-9!#$&^_.+-]+$/.test(essence)) return undefined
  let charset = ''
  for (const parameter of parameters) {
    const [name = '', given = ''] = parameter.split('=').map((part) => part.trim())
    if (name !== 'charset') continue
    if (charset !== '') return undefined
    charset = given.replace(/^"(.*)"$/, '$1')
  }
  return { essence, charset }
}

/** True when a charset parameter is absent, empty or UTF-8 (T9, T10). */
export function isUtf8(charset: string): boolean {
  return charset === '' || charset === 'utf-8' || charset === 'utf8'
}

/** T36: GET, DELETE and OPTIONS with a body were the way to smuggle a second request. */
export function announcesBody(header: (name: string) => unknown): boolean {
  return header('transfer-encoding') !== undefined || (header('content-length') ?? '0') !== '0'
}
