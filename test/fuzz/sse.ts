// Fuzz target: the filter of event streams with the judge of messages behind it (T92-T102, T126). Any
// chunking gives the same output, no hidden name leaves, and what may pass arrives as it was sent.

import assert from 'node:assert/strict'
import { isUtf8 } from 'node:buffer'
import { createParser } from 'eventsource-parser'
import type { ListName, Target } from '../../proxy/types.ts'
import { type Expect, judgeFrame } from '../../proxy/wire/frames.ts'
import { LIST_NAMES } from '../../proxy/wire/lists.ts'
import { type EventVerdict, SSEFilter, type SSEOptions } from '../../proxy/wire/sse.ts'
import { Choices } from './choices.ts'
import { leakIn } from './reference/leaks.ts'
import { type Block, readStream } from './reference/sse.ts'

const LARGE = 64 * 1_024
const SMALL = 96
/** What the filter may hold back beside the event: one line that is no data, and line ends. */
const SLACK = 1_024 + 8
const TYPES = ['', 'message', 'ping', 'error', 'endpoint', 'heartbeat', 'keepalive']

export const maxBytes = 2_048
export const words = [
  ...[
    '\n',
    '\r',
    '\r\n',
    '\n\n',
    '\r\r',
    '\r\n\r\n',
    '\ufeff',
    'data: ',
    'data:',
    'data',
    '\ndata: ',
  ],
  ...[
    'event: message\n',
    'event: ping\n',
    'event: tools\n',
    'id: 7\n',
    'id: {"tools"}\n',
    ': ping\n',
  ],
  ...[
    'retry: 5\n',
    ': {"tools":[{"name":"hid"}]}\n',
    'data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n',
  ],
  ...[
    '"tools":[',
    '"tools":[{"name":"a"},{"name":"hid"}]',
    '{"name":"hid"},',
    '{"name":"a"}',
    '"t\\u006fols":[',
  ],
  ...[
    '"Tools":[',
    '"result":{',
    '"RESULT":{',
    '"error":{"code":-32602,"message":"hid"}',
    '"id":1,',
    '"id":2,',
  ],
  ...[
    '"method":"notifications/resources/updated","params":{"uri":"hid"}',
    '"resources":[{"uri":"a"}]',
  ],
  ...[
    'data: {"jsonrpc":"2.0","method":"notifications/message","params":{}}\n\n',
    '\u2028',
    '\xff',
    '\\u0068id',
  ],
]

/** The part of SSEFilter that is put to the properties. */
export type Filter = {
  push(chunk: Uint8Array): Uint8Array[]
  end(): Uint8Array[]
}
export type FilterMaker = (judge: (data: string) => EventVerdict, options: SSEOptions) => Filter

/** Throws when the filter breaks a property on these bytes. */
export function target(bytes: Uint8Array): void {
  check((judge, options) => new SSEFilter(judge, options), bytes)
}

const may = ({ name }: Target) => !name.includes('hid')

type Case = {
  readonly expect: Expect
  readonly isGet: boolean
  readonly maxEventBytes: number
  readonly large: 'guard' | 'results' | 'drop'
}

/** The properties, for any filter. */
export function check(make: FilterMaker, bytes: Uint8Array): void {
  const choices = new Choices(bytes)
  const isGet = choices.below(4) === 1
  const list = choices.flag() ? choices.pick(LIST_NAMES) : undefined
  const era = choices.flag() ? 'modern' : 'legacy'
  const scene: Case = {
    expect: { id: isGet ? undefined : 1, list: isGet ? undefined : list, era },
    isGet,
    maxEventBytes: choices.flag() ? SMALL : LARGE,
    // As the relay chooses.
    large: isGet ? 'results' : list !== undefined ? 'drop' : 'guard',
  }
  const sizes = [1 + choices.below(9), 1 + choices.below(40), 1 + choices.below(5)]
  const stream = choices.rest()
  const whole = run(make, scene, stream, [stream.length])
  for (const cuts of [[1], sizes]) {
    const other = run(make, scene, stream, cuts)
    assert.equal(other.tripped, whole.tripped, 'chunks decide whether a stream is stopped')
    const [short, long] = [other.output, whole.output].sort((a, b) => a.length - b.length)
    if (whole.tripped && short !== undefined) assert.equal(long?.indexOf(short), 0, 'chunks matter')
    else assert.ok(other.output.equals(whole.output), 'the output depends on the chunks')
  }
  const sent = readStream(whole.output)
  for (const block of sent.blocks) checkBlock(block, scene)
  for (const line of sent.rest) checkLine(line)
  checkClient(whole.output, scene)
  if (!whole.tripped && scene.maxEventBytes === LARGE) checkComplete(stream, whole.output, scene)
}

type Run = { readonly output: Buffer; readonly tripped: boolean }

function run(make: FilterMaker, scene: Case, stream: Uint8Array, sizes: readonly number[]): Run {
  let isTouched = false
  const judge = judgeOf(scene)
  const filter = make(
    (data) => {
      const verdict = judge(data)
      if ('drop' in verdict || verdict.pass === 'changed') isTouched = true
      return verdict
    },
    {
      maxEventBytes: scene.maxEventBytes,
      large: scene.large,
      onDrop: () => {
        isTouched = true
      },
    },
  )
  const parts: Uint8Array[] = []
  const bound = scene.maxEventBytes + SLACK + cuttableIn(stream)
  let sent = 0
  const add = (pieces: readonly Uint8Array[]) => {
    for (const piece of pieces) {
      parts.push(piece.slice())
      sent += piece.length
    }
  }
  try {
    for (let at = 0, n = 0; at < stream.length; n++) {
      const size = sizes[n % sizes.length] ?? 1
      add(filter.push(stream.subarray(at, at + size)))
      at = Math.min(at + size, stream.length)
      if (isTouched) continue
      assert.ok(at - sent <= bound + size, 'more is held than one event')
    }
    add(filter.end())
    return { output: Buffer.concat(parts), tripped: false }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code !== 'ERR_LIST_IN_STREAM') throw error
    return { output: Buffer.concat(parts), tripped: true }
  }
}

/** The bytes that may be missing in the output although no event was dropped: lines that are cut. */
function cuttableIn(stream: Uint8Array): number {
  const { blocks, rest } = readStream(stream)
  const lines = [...blocks.flatMap(({ others }) => others), ...rest]
  return lines.reduce((sum, line) => sum + (/^data(:|$)/.test(line) ? 0 : line.length + 2), 3)
}

/** The judge that the relay puts behind the filter. */
function judgeOf({ expect, isGet }: Case): (data: string) => EventVerdict {
  const rules = { may, cacheFor: () => undefined, privatize: false }
  let answered = false
  return (data) => {
    const verdict = judgeFrame(data, expect, rules)
    if ('drop' in verdict || 'method' in verdict.value) return verdict
    if (answered && !isGet) return { drop: 'second_answer' }
    answered = true
    return verdict
  }
}

function listsOf({ expect, isGet }: Case): readonly ListName[] {
  return isGet ? LIST_NAMES : expect.list === undefined ? [] : [expect.list]
}

function checkBlock(block: Block, scene: Case): void {
  for (const line of block.others) checkLine(line)
  for (const type of block.types) assert.ok(TYPES.includes(type), 'an unknown type of event leaves')
  if (block.data !== undefined) checkData(Buffer.from(block.data, 'latin1').toString('utf8'), scene)
}

/** Only data may carry a payload (T99). */
function checkLine(line: string): void {
  if (/^data(:|$)/.test(line)) return
  assert.match(line, /^(:|event(:|$)|id(:|$)|retry:)/, 'an unknown field leaves')
  assert.doesNotMatch(line, /[{}[\]"]/, 'markup leaves outside of data')
}

function checkData(text: string, scene: Case): void {
  let message: unknown
  try {
    message = JSON.parse(text)
  } catch {
    return
  }
  const leak = leakIn(message, listsOf(scene), may)
  assert.equal(leak, undefined, 'something hidden leaves in an event')
}

/** The parser that the SDK's client reads streams with, which is not quite that of WHATWG. */
function checkClient(output: Buffer, scene: Case): void {
  const parser = createParser({ onEvent: ({ data }) => checkData(data, scene) })
  const text = output.toString('utf8')
  for (let at = 0; at < text.length; at += 11) parser.feed(text.slice(at, at + 11))
}

/** Every event that may pass arrives, in order, and says what the judge let pass. */
function checkComplete(stream: Uint8Array, output: Uint8Array, scene: Case): void {
  const judge = judgeOf(scene)
  const expected: (readonly [string, string])[] = []
  for (const { type, types, data } of readStream(stream).blocks) {
    if (data === undefined || types.some((name) => !TYPES.includes(name))) continue
    const bytes = Buffer.from(data, 'latin1')
    if (!isUtf8(bytes)) continue
    const verdict = data === '' ? ({ pass: 'same' } as const) : judge(bytes.toString('utf8'))
    if ('drop' in verdict) continue
    const text = verdict.pass === 'same' ? bytes.toString('utf8') : verdict.text
    expected.push([type, text.replace(/[\r\n]/g, verdict.pass === 'same' ? '\n' : ' ')])
  }
  const arrived = readStream(output).blocks.flatMap(({ type, data }) =>
    data === undefined ? [] : [[type, Buffer.from(data, 'latin1').toString('utf8')] as const],
  )
  assert.deepEqual(arrived, expected, 'other events arrive than may')
}
