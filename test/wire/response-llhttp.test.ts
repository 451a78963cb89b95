// What this reads as one whole answer, llhttp reads as the same one: the parser of answers may refuse
// more than that of Node, and must never see another status, body or end (T130, T134).

import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import fc from 'fast-check'
import { Chunked, FramingError, parseResponse } from '../../proxy/wire/response.ts'

type Read = { readonly status: number; readonly body: string; readonly end: number }
type Parser = {
  [callback: number]: (...args: unknown[]) => unknown
  initialize(type: number, resource: object): void
  execute(bytes: Uint8Array): number | Error
  finish(): Error | undefined
}
type ParserClass = { new (): Parser; readonly [name: string]: number }
// The parser that Node's own client runs on; its module has no types.
const { HTTPParser } = createRequire(import.meta.url)('node:_http_common') as {
  HTTPParser: ParserClass
}

/** One answer by llhttp, strict as Node uses it; undefined when it refuses, or waits for more. */
function byLlhttp(bytes: Buffer): Read | undefined {
  const parser = new HTTPParser()
  parser.initialize(HTTPParser['RESPONSE'] ?? 0, {})
  let status = 0
  let body = ''
  let isWhole = false
  parser[HTTPParser['kOnHeaders'] ?? 0] = () => undefined
  parser[HTTPParser['kOnHeadersComplete'] ?? 0] = (...args) => {
    status = Number(args[5])
    return 0
  }
  parser[HTTPParser['kOnBody'] ?? 0] = (part) => {
    body += (part as Buffer).toString('latin1')
  }
  parser[HTTPParser['kOnMessageComplete'] ?? 0] = () => {
    isWhole = true
  }
  const used = parser.execute(bytes)
  if (typeof used !== 'number') return undefined
  if (!isWhole && parser.finish() instanceof Error) return undefined
  return isWhole ? { status, body, end: used } : undefined
}

/** One final answer by the parser of the proxy; undefined when it refuses, or waits for more. */
function byUs(bytes: Buffer): Read | undefined {
  const at = bytes.indexOf('\r\n\r\n')
  if (at < 0) return undefined
  const head = parseResponse(bytes.toString('latin1', 0, at + 2))
  if ('fault' in head || head.status < 200 || head.framing.kind === 'none') return undefined
  const { status, framing } = head
  const from = at + 4
  const rest = bytes.subarray(from)
  if (framing.kind === 'close') return { status, body: rest.toString('latin1'), end: bytes.length }
  if (framing.kind === 'length') {
    if (rest.length < framing.length) return undefined
    const body = rest.toString('latin1', 0, framing.length)
    return { status, body, end: from + framing.length }
  }
  const chunked = new Chunked()
  let body = ''
  try {
    const used = chunked.push(rest, (part) => {
      body += Buffer.from(part).toString('latin1')
    })
    return chunked.done ? { status, body, end: from + used } : undefined
  } catch (error) {
    assert.ok(error instanceof FramingError)
    return undefined
  }
}

const CODINGS = ['chunked', 'Chunked', 'gzip, chunked', 'identity', 'chunked, chunked', 'xchunked']
const FIELDS = [
  'content-length: 5',
  'Content-Length:0',
  'content-length: 05',
  'CONTENT-LENGTH: 5 ',
  'content-length: 5, 5',
  'content-length: +5',
  'content-length : 5',
  ' content-length: 5',
  'content-length:\t12',
  ...CODINGS.map((coding) => `transfer-encoding: ${coding}`),
  'connection: close',
  'connection: keep-alive',
  'content-type: application/json',
  'x-a: \x80\xff',
  'x-a:\x01',
  'mcp-session-id: abc',
  'keep-alive: timeout=5',
]
const status = fc.constantFrom(
  ...['HTTP/1.1 200 OK', 'HTTP/1.1 200', 'HTTP/1.1 200 ', 'HTTP/1.0 200 OK', 'HTTP/1.1 404 \xe9'],
  ...['HTTP/1.1 20 OK', 'HTTP/1.2 200 OK', 'http/1.1 200 OK', 'HTTP/1.1  200 OK', 'HTTP/1.1 500 x'],
)
const lineEnd = fc.oneof(
  { weight: 40, arbitrary: fc.constant('\r\n') },
  fc.constantFrom('\n', '\r'),
)
const text = fc.string({
  unit: fc.constantFrom('a', '{', '"', '\r', '\n', '0', '\xff'),
  maxLength: 12,
})
const chunk = fc
  .tuple(text, fc.constantFrom('', ';a=b', ' ', ';a="\r\n"', '0', 'g'), lineEnd, lineEnd)
  .map(([bytes, more, a, b]) => `${bytes.length.toString(16)}${more}${a}${bytes}${b}`)
const trailers = fc.constantFrom('', 'a: b\r\n', 'a\r\n', ' b\r\n', 'content-length: 3\r\n')
const chunks = fc
  .tuple(fc.array(chunk, { maxLength: 4 }), fc.constantFrom('0', '00', '0;x', ''), trailers, text)
  .map(([parts, last, trailer, after]) => `${parts.join('')}${last}\r\n${trailer}\r\n${after}`)
const fields = fc.array(fc.tuple(fc.constantFrom(...FIELDS), lineEnd), { maxLength: 4 })
const answer = fc
  .tuple(
    status,
    lineEnd,
    fields,
    fc.oneof(chunks, text),
    fc.nat(),
    fc.option(fc.nat(255), { freq: 4 }),
  )
  .map(([first, end, lines, body, at, byte]) => {
    const head = lines.map(([field, end]) => field + end).join('')
    const bytes = Buffer.from(`${first}${end}${head}\r\n${body}`, 'latin1')
    if (byte !== null && bytes.length > 0) bytes[at % bytes.length] = byte
    return bytes
  })

test('T130 an answer that this takes is the answer that llhttp takes', () => {
  let taken = 0
  fc.assert(
    fc.property(answer, (bytes) => {
      const ours = byUs(bytes)
      if (ours === undefined) return
      taken++
      const theirs = byLlhttp(bytes.subarray(0, ours.end))
      assert.deepEqual(theirs, ours, JSON.stringify(bytes.toString('latin1')))
    }),
    { numRuns: 50_000 },
  )
  assert.ok(taken > 5_000, `${taken} answers were taken`)
})
