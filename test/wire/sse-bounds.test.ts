// Event streams in detail: what is counted, what becomes of events that are too large, and odd beginnings.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type EventVerdict, SSEFilter, type SSEOptions } from '../../proxy/wire/sse.ts'

const SIZES = [1, 2, 5, 1 << 20]

/** Runs a stream in one chunking: what left, what was judged, what was dropped. */
function run(stream: string | Uint8Array, size: number, options: Partial<SSEOptions> = {}) {
  const judged: string[] = []
  const dropped: string[] = []
  const judge = (data: string): EventVerdict => {
    judged.push(data)
    return data.startsWith('drop') ? { drop: 'test' } : { pass: 'same' }
  }
  const onDrop = (reason: string) => dropped.push(reason)
  const filter = new SSEFilter(judge, { maxEventBytes: 1_000, ...options, onDrop })
  const bytes = Buffer.from(stream)
  const out: Uint8Array[] = []
  for (let i = 0; i < bytes.length; i += size) out.push(...filter.push(bytes.subarray(i, i + size)))
  assert.deepEqual(filter.end(), [])
  return { out: Buffer.concat(out).toString('latin1'), judged, dropped }
}

/** Asserts that a stream leaves the same in every chunking. */
function leaves(stream: string | Uint8Array, expected: object, options: Partial<SSEOptions> = {}) {
  for (const size of SIZES) assert.deepEqual(run(stream, size, options), expected)
}

describe('the size of an event', () => {
  const event = (bytes: number, end = '\n\n') => `data: ${'x'.repeat(bytes - 6 - end.length)}${end}`

  for (const end of ['\n\n', '\r\n\r\n', '\r\r']) {
    test(`counts its line ends: ${JSON.stringify(end)}`, () => {
      for (const size of SIZES) {
        const options = { maxEventBytes: 40, large: 'drop' as const }
        const fits = event(40, end)
        assert.equal(run(fits + fits, size, options).out, fits + fits)
        // The CR of the empty line ends the event, an LF after it only follows.
        const over = end === '\r\n\r\n' ? 42 : 41
        const stream = `${event(over, end)}${event(39, end)}`
        const { out, dropped, judged } = run(stream, size, options)
        assert.equal(out, event(39, end))
        assert.deepEqual(dropped, ['too_large'])
        assert.equal(judged.length, 1)
      }
    })
  }

  test('is that of all its lines together', () => {
    const lines = 'id: 1\nretry: 5\ndata: abc\n\n'
    const options = { large: 'drop' as const }
    leaves(
      lines,
      { out: lines, judged: ['abc'], dropped: [] },
      { ...options, maxEventBytes: lines.length },
    )
    leaves(
      lines,
      { out: '', judged: [], dropped: ['too_large'] },
      { ...options, maxEventBytes: lines.length - 1 },
    )
  })
})

describe('an event that is too large', () => {
  const text = 'x'.repeat(60)
  const result = `data: {"id":1,"result":{"a":"${text}"}}\n\n`
  const call = `data: {"method":"m","params":{"a":"${text}"}}\n\n`
  const small = 'data: y\n\n'
  const at = { maxEventBytes: 40 }

  test('passes under guard unless another way is chosen, one after the other', () => {
    for (const options of [at, { ...at, large: 'guard' as const }]) {
      const stream = result + call + small + result
      leaves(stream, { out: stream, judged: ['y'], dropped: [] }, options)
    }
  })

  test('must be a result where only results may pass (T101, T102)', () => {
    const options = { ...at, large: 'results' as const }
    leaves(result + small, { out: result + small, judged: ['y'], dropped: [] }, options)
    for (const size of SIZES)
      assert.throws(() => run(call, size, options), { message: 'the message is no answer' })
  })

  test('is dropped where none may pass, with its line end', () => {
    const options = { ...at, large: 'drop' as const }
    for (const end of ['\n', '\r\n', '\r', '\r\r\n'])
      for (const stream of [result.replace('\n\n', '') + (end.length < 3 ? end : '') + end])
        leaves(`${stream}${small}`, { out: small, judged: ['y'], dropped: ['too_large'] }, options)
  })

  test('of an unknown type is dropped for its type, however it ends (T99)', () => {
    for (const end of ['\n\n', '\r\r\n']) {
      const stream = `event: x\ndata: ${text}${end}${small}`
      leaves(stream, { out: small, judged: ['y'], dropped: ['event_type'] }, at)
    }
  })
})

describe('what is judged', () => {
  test('is the data, and nothing of an event that has none', () => {
    leaves(': ping\n\nid: 1\n\ndata\n\ndata: a\ndata:b\n\n', {
      out: ': ping\n\nid: 1\n\ndata\n\ndata: a\ndata:b\n\n',
      judged: ['a\nb'],
      dropped: [],
    })
  })

  test('has the byte order mark that the data begins with (T8)', () => {
    const stream = 'data: \ufeff{}\n\n'
    const out = Buffer.from(stream).toString('latin1')
    leaves(stream, { out, judged: ['\ufeff{}'], dropped: [] })
  })

  test('a line of one character is a line', () => {
    leaves(':\rdata: drop\n\n', { out: '', judged: ['drop'], dropped: ['test'] })
    leaves('x\rdata: y\n\n', { out: 'data: y\n\n', judged: ['y'], dropped: [] })
  })

  test('of a dropped event not even the last line end leaves', () => {
    leaves('data: drop\r\r\n', { out: '', judged: ['drop'], dropped: ['test'] })
    leaves('data: drop\n\r\n', { out: '', judged: ['drop'], dropped: ['test'] })
  })
})

describe('the begin of a stream', () => {
  test('loses its byte order mark, and that alone', () => {
    leaves('\ufeffdata: x\n\n', { out: 'data: x\n\n', judged: ['x'], dropped: [] })
    leaves('\ufeff\ufeffdata: x\n\n', { out: '\n', judged: [], dropped: [] })
  })

  test('that only looks like a mark is part of the first line', () => {
    for (const bytes of [[0xef], [0xef, 0xbb], [0xbb, 0xbf]]) {
      const stream = Buffer.concat([Uint8Array.from(bytes), Buffer.from('data: x\n\ndata: y\n\n')])
      leaves(stream, { out: '\ndata: y\n\n', judged: ['y'], dropped: [] })
    }
  })
})

test('a stream that has ended says so', () => {
  const filter = new SSEFilter(() => ({ pass: 'same' }), { maxEventBytes: 9, onDrop: () => {} })
  filter.end()
  assert.throws(() => filter.push(Buffer.from('x')), { message: 'stream was ended' })
})

test('what has left is not given again', () => {
  const filter = new SSEFilter(() => ({ pass: 'same' }), { maxEventBytes: 99, onDrop: () => {} })
  assert.equal(filter.push(Buffer.from('data: x\n\n')).length, 1)
  assert.deepEqual(filter.push(Buffer.from('data: y')), [])
})
