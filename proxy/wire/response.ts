// Reads the head of an HTTP/1.1 response by the grammar of RFC 9112 alone: what is written in any
// other way is refused, never repaired (T130, T134). It must not guess where an answer ends.

/** Those headers that are looked at, by lower-case name; one that came more than once is a list. */
export type ResponseHeaders = { [name: string]: string | string[] | undefined }

/** How the end of a body is found (RFC 9112 6.3). */
export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'close' }

/** The head of one response. */
export type ResponseHead = {
  readonly status: number
  readonly headers: ResponseHeaders
  readonly framing: Framing
  /** Milliseconds that the connection may wait for its next request; 0: it ends with this answer. */
  readonly keepMs: number
}

const STATUS = /^HTTP\/1\.[01] [1-5]\d\d(?: [\t\x20-\x7e\x80-\xff]*)?\r\n/
const FIELD = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n/y
const TEXT = /^[\t\x20-\x7e\x80-\xff]*$/
/** The only ones that are looked at, by the length of their names. */
const READ: ReadonlyMap<number, readonly string[]> = Map.groupBy(
  [
    'allow',
    'connection',
    'content-encoding',
    'content-length',
    'content-type',
    'keep-alive',
    'mcp-session-id',
    'retry-after',
    'transfer-encoding',
  ],
  (name) => name.length,
)
const KEEP_MS = 4_000
/** Node and others close a connection at the time they name: it is left before. */
const MARGIN_MS = 1_000
const STATUS_AT = 'HTTP/1.1 '.length

/** Reads a head, its last line included and the empty line left out; says what is wrong otherwise. */
export function parseResponse(head: string): ResponseHead | { readonly fault: string } {
  if (!STATUS.test(head)) return fault('the status line is malformed')
  const status = Number(head.slice(STATUS_AT, STATUS_AT + 3))
  const headers = readFields(head, head.indexOf('\r\n') + 2)
  if (headers === undefined) return fault('a header line is malformed')
  const framing = framingOf(status, headers)
  if ('fault' in framing) return framing
  const isOld = head.startsWith('HTTP/1.0')
  return {
    status,
    headers,
    framing,
    keepMs: isOld || framing.kind === 'close' ? 0 : keepOf(headers),
  }
}

function readFields(head: string, from: number): ResponseHeaders | undefined {
  const headers: ResponseHeaders = {}
  for (let at = from; at < head.length; ) {
    if (!isField(head, at)) return undefined
    const end = FIELD.lastIndex
    const colon = head.indexOf(':', at)
    const name = READ.get(colon - at)?.find((known) => isNamed(head, at, known))
    if (name !== undefined) addTo(headers, name, valueIn(head, colon + 1, end - 2))
    at = end
  }
  return headers
}

/** To make a string of each name costs more than to compare it. Of a token, case is one bit of a letter. */
function isNamed(head: string, at: number, name: string): boolean {
  for (let i = 0; i < name.length; i++)
    if ((head.charCodeAt(at + i) | 0x20) !== name.charCodeAt(i)) return false
  return true
}

/** Without the white space around it, which is blanks and tabs alone (RFC 9110 5.5). */
function valueIn(head: string, from: number, to: number): string {
  let start = from
  while (start < to && isBlank(head.charCodeAt(start))) start++
  let end = to
  while (end > start && isBlank(head.charCodeAt(end - 1))) end--
  return head.slice(start, end)
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}

/** Tells whether a whole field stands there; `FIELD.lastIndex` is its end then. */
function isField(head: string, at: number): boolean {
  FIELD.lastIndex = at
  return FIELD.test(head)
}

/** False when no bytes that follow could make a head of it: they would be waited for. */
export function mayBegin(head: string): boolean {
  const [status = '', ...lines] = head.split('\r\n')
  if (!'HTTP/1.1 '.startsWith(status.slice(0, STATUS_AT).replace('HTTP/1.0', 'HTTP/1.1')))
    return false
  const last = lines.pop() ?? ''
  return (
    TEXT.test(status.replace(/\r$/, '')) &&
    lines.every((line) => isField(`${line}\r\n`, 0)) &&
    TEXT.test(last.replace(/\r$/, ''))
  )
}

function fault(fact: string): { readonly fault: string } {
  return { fault: fact }
}

function addTo(headers: ResponseHeaders, name: string, value: string): void {
  const earlier = headers[name]
  if (earlier === undefined) headers[name] = value
  else if (typeof earlier === 'string') headers[name] = [earlier, value]
  else earlier.push(value)
}

/** T130: two lengths, a length beside a coding or a coding other than chunked have two readings. */
function framingOf(status: number, headers: ResponseHeaders): Framing | { readonly fault: string } {
  const { 'content-length': length, 'transfer-encoding': coding } = headers
  if (length !== undefined && (typeof length !== 'string' || !/^\d{1,15}$/.test(length)))
    return fault('the content length is not one number')
  if (coding !== undefined && (typeof coding !== 'string' || coding.toLowerCase() !== 'chunked'))
    return fault('the transfer coding is not "chunked" alone')
  if (coding !== undefined && length !== undefined) return fault('there are two framings')
  if (status < 200 || status === 204 || status === 304) return { kind: 'none' }
  if (coding !== undefined) return { kind: 'chunked' }
  return length === undefined ? { kind: 'close' } : { kind: 'length', length: Number(length) }
}

function keepOf(headers: ResponseHeaders): number {
  const { connection, 'keep-alive': hint } = headers
  if (connection !== undefined && String(connection).toLowerCase() !== 'keep-alive') return 0
  const seconds = /\btimeout=(\d{1,9})\b/.exec(String(hint ?? ''))?.[1]
  if (seconds === undefined) return KEEP_MS
  return Math.max(0, Math.min(KEEP_MS, Number(seconds) * 1_000 - MARGIN_MS))
}

/** The end of a chunked body is not where it says, or its framing is none (RFC 9112 7.1). */
export class FramingError extends Error {
  readonly code = 'ERR_FRAMING'
}

const MAX_LINE = 1_024
const MAX_TRAILERS = 16_384
const CR = 0x0d
const LF = 0x0a
/** No more digits than a safe integer can hold. */
const SIZE = /^[0-9A-Fa-f]{1,13}/
const EXTENSION =
  /;[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:=(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|"[\t !#-[\]-~]*"))?/y
const BEGUN_SIZE = /^[0-9A-Fa-f]{0,13}(?:$|\r$|;[\t\x20-\x7e\x80-\xff]*\r?$)/
/** None that would frame the body that has just ended (RFC 9110 6.5.1). */
const TRAILER =
  /^(?!content-length:|transfer-encoding:)[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*$/i

/** Takes the chunked coding off one body, in any pieces. */
export class Chunked {
  #state: 'size' | 'bytes' | 'after' | 'trailer' | 'done' = 'size'
  #left = 0
  #line = ''
  #trailers = 0

  get done(): boolean {
    return this.#state === 'done'
  }

  /** Hands on the bytes of the body; returns the index after what was read, which is less than all only at the end. */
  push(bytes: Uint8Array, take: (part: Uint8Array) => void): number {
    let at = 0
    while (at < bytes.length && this.#state !== 'done') {
      if (this.#state === 'bytes') {
        const end = Math.min(bytes.length, at + this.#left)
        this.#left -= end - at
        if (this.#left === 0) this.#state = 'after'
        take(bytes.subarray(at, end))
        at = end
      } else {
        const end = bytes.indexOf(LF, at)
        this.#add(bytes, at, end < 0 ? bytes.length : end + 1)
        if (end >= 0) this.#endLine()
        // Bytes that can be no line would be waited for.
        else if (!this.#mayGoOn()) throw new FramingError('a chunk line is malformed')
        if (end < 0) return bytes.length
        at = end + 1
      }
    }
    return at
  }

  #add(bytes: Uint8Array, from: number, end: number): void {
    if (this.#line.length + end - from > MAX_LINE)
      throw new FramingError('a chunk line is too long')
    for (let i = from; i < end; i++) this.#line += String.fromCharCode(bytes[i] as number) // within bounds
  }

  #mayGoOn(): boolean {
    if (this.#state === 'size') return BEGUN_SIZE.test(this.#line)
    return this.#state === 'trailer' || this.#line === '' || this.#line === '\r'
  }

  #endLine(): void {
    const line = this.#line
    this.#line = ''
    if (line.charCodeAt(line.length - 2) !== CR) throw new FramingError('a line ends without CR')
    const text = line.slice(0, -2)
    if (this.#state === 'after') {
      if (text !== '') throw new FramingError('a chunk is longer than its size')
      this.#state = 'size'
    } else if (this.#state === 'size') {
      const size = sizeOf(text)
      if (size === undefined) throw new FramingError('a chunk size is malformed')
      this.#left = size
      this.#state = this.#left === 0 ? 'trailer' : 'bytes'
    } else if (text === '') this.#state = 'done'
    else {
      this.#trailers += line.length
      if (this.#trailers > MAX_TRAILERS || !TRAILER.test(text))
        throw new FramingError('the trailers are malformed, or too long')
    }
  }
}

/** Extensions are read for their grammar alone, and dropped, as trailers are. */
function sizeOf(line: string): number | undefined {
  const digits = SIZE.exec(line)?.[0]
  if (digits === undefined) return undefined
  for (let at = digits.length; at < line.length; at = EXTENSION.lastIndex) {
    EXTENSION.lastIndex = at
    if (!EXTENSION.test(line)) return undefined
  }
  return Number.parseInt(digits, 16)
}
