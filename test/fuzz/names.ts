// Fuzz target: names in headers, that is the sentinel of Mcp-Name (R11, T117) and the words of our own
// identity headers (T57). What is written is read back; what the published SDK writes is read as it is
// meant; and where we see header and body agree, the published server sees the same.

import assert from 'node:assert/strict'
import { isUtf8 } from 'node:buffer'
import { validateHeaderValue } from 'node:http'
import { classifyInboundRequest } from '@modelcontextprotocol/server'
import { classify } from '../../proxy/stages/classify.ts'
import { isDenial } from '../../proxy/types.ts'
import { METHODS, MODERN_VERSION, VERSION_KEY } from '../../proxy/wire/eras.ts'
import { decodeHeaderValue, encodeHeaderValue, encodeWords } from '../../proxy/wire/headers.ts'
import { toMessage } from '../../proxy/wire/jsonrpc.ts'
import { Choices } from './choices.ts'
import { internalsOf } from './reference/sdk.ts'

const [sdkEncode] = await internalsOf('client', ['encodeMcpParamValue'])
const [sdkValidate] = await internalsOf('server', ['validateStandardRequestHeaders'])

export const maxBytes = 1_024
export const words = [
  ...[
    '=?base64?',
    '?=',
    '=?base64?c2VjcmV0?=',
    '=?BASE64?c2VjcmV0?=',
    '=?base64??=',
    '=?base64?=',
    '=',
  ],
  ...[
    'c2VjcmV0',
    '7733',
    '/+==',
    '\ufeff',
    '\u00e9',
    '\ud83d\ude00',
    '\xff',
    '\t',
    '\r\n',
    '\0',
    ' ',
    '%20',
  ],
  ...['public', 'secret', 'tools/call', 'docs://a/b', MODERN_VERSION, '\u2028', '\x7f', '\u3000'],
]

/** The codec under test. */
export type Codec = {
  readonly decode: typeof decodeHeaderValue
  readonly encode: typeof encodeHeaderValue
  readonly encodeWords: typeof encodeWords
}

/** Throws when a property of names in headers breaks on these bytes. */
export function target(bytes: Uint8Array): void {
  check({ decode: decodeHeaderValue, encode: encodeHeaderValue, encodeWords }, bytes)
}

/** The properties, for any codec. */
export function check(codec: Codec, bytes: Uint8Array): void {
  const choices = new Choices(bytes)
  const mode = choices.below(4)
  if (mode === 0) checkRoundTrip(codec, choices.text(255))
  else if (mode === 1) checkDecode(codec, headerText(choices.rest()))
  else if (mode === 2)
    checkWords(
      codec,
      choices.many(6, () => choices.text(20)),
    )
  else checkAgreement(choices)
}

/** What we write is one line, unmistakable, and means the same when read back. */
function checkRoundTrip(codec: Codec, text: string): void {
  const written = codec.encode(text)
  assert.match(written, /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/, 'a header value is not plain')
  // A lone surrogate has no bytes: it is written as U+FFFD.
  assert.equal(codec.decode(written), text.toWellFormed(), 'a value is not read as it was written')
  assert.equal(reference(written), text.toWellFormed(), 'a value is not what R11 makes of it')
  checkSDK(codec, text.toWellFormed())
}

/** The published client writes a tab as it is; a name with one is refused elsewhere (T21). */
function checkSDK(codec: Codec, text: string): void {
  const written = sdkEncode?.(text)
  assert.ok(typeof written === 'string')
  if (/[\t]/.test(written)) return
  assert.equal(codec.decode(written), text, 'what the SDK wrote is read as something else')
}

/** Any value whatever is read as R11 says or not at all. */
function checkDecode(codec: Codec, value: string): void {
  const read = codec.decode(value)
  assert.equal(read, reference(value), 'a header value is read otherwise than R11 says')
}

function checkWords(codec: Codec, list: readonly string[]): void {
  const written = codec.encodeWords(list)
  assert.doesNotThrow(() => validateHeaderValue('x', written), 'a header value cannot be sent')
  const read = list.length === 0 ? [] : written.split(' ').map((word) => reference(word))
  const meant = list.map((word) => word.toWellFormed())
  assert.deepEqual(read, meant, 'words run into each other')
}

/** R11 once more, with the decoder of Node and one byte after the other. */
function reference(value: string): string | undefined {
  if (value.startsWith('=?base64?') && value.endsWith('?=')) {
    const payload = value.slice(9, -2)
    const bytes = Buffer.from(payload, 'base64')
    if (value.length < 11 || bytes.toString('base64') !== payload || !isUtf8(bytes))
      return undefined
    return bytes.toString('utf8')
  }
  if (value === '' || value.startsWith(' ') || value.endsWith(' ')) return undefined
  return [...value].every((char) => char >= ' ' && char <= '~') ? value : undefined
}

/** A request whose headers may lie: if we find no lie, neither does the published server. */
function checkAgreement(choices: Choices): void {
  const method = choices.flag() ? 'tools/call' : choices.pick([...METHODS.modern.keys()])
  const name = choices.text(64)
  const [member, kind] = choices.pick([
    ['name', 'string'],
    ['uri', 'string'],
    ['taskId', 'string'],
    ['name', 'absent'],
  ] as const)
  const header = choices.pick([
    encodeHeaderValue(name),
    name,
    `${name} `,
    String(sdkEncode?.(name)),
  ])
  const meta = {
    [VERSION_KEY]: MODERN_VERSION,
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const isBare = choices.below(8) === 7
  const params = {
    ...(isBare ? {} : { _meta: meta }),
    ...(kind === 'absent' ? {} : { [member]: name }),
  }
  const given = choices.flag() ? header : choices.text(64)
  const headers = new Map([
    ['mcp-protocol-version', MODERN_VERSION],
    ['mcp-method', choices.below(8) === 7 ? choices.text(20) : method],
  ])
  if (choices.below(4) !== 3) headers.set('mcp-name', headerText(Buffer.from(given)).trim())
  const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }))
  const message = toMessage(body, 64)
  assert.ok(!('fault' in message), 'a plain message is refused')
  const intent = classify({ http: 'POST', headers }, message)
  assert.ok(!isBare || isDenial(intent), 'a legacy body passes under a modern header')
  if (isDenial(intent)) return
  for (const target of intent.targets)
    if (headers.has('mcp-name') && METHODS.modern.get(method)?.names !== undefined)
      assert.equal(reference(headers.get('mcp-name') ?? ''), target.name, 'a header may lie')
  const request = {
    httpMethod: 'POST',
    body: JSON.parse(body.toString('utf8')) as unknown,
    protocolVersionHeader: headers.get('mcp-protocol-version') ?? '',
    mcpMethodHeader: headers.get('mcp-method') ?? '',
    ...(headers.has('mcp-name') ? { mcpNameHeader: headers.get('mcp-name') ?? '' } : {}),
  }
  const route = classifyInboundRequest(request)
  assert.equal(route.kind, 'modern', 'the published server reads another era')
  // The published server strips a byte order mark from the header and not from the body: it refuses.
  if (name.startsWith('\ufeff')) return
  assert.equal(sdkValidate?.(request, route), undefined, 'the published server sees a lie')
}

/** What the HTTP parser lets through as a header value. */
function headerText(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('latin1')
    .replace(/[^\t\x20-\x7e\x80-\xff]/g, '')
}
