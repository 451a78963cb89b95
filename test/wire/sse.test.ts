// Event streams: what passes, what is rewritten, and that chunking never matters.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type EventVerdict, SSEFilter } from '../../proxy/wire/sse.ts'

const LISTED = { code: 'ERR_LIST_IN_STREAM' }

/** Drops what says drop or cannot be read, changes what says change, passes the rest. */
function judge(data: string): EventVerdict {
  if (data.includes('drop') || data.includes('bad')) return { drop: 'test' }
  return data.includes('change') ? { pass: 'changed', text: 'CHANGED' } : { pass: 'same' }
}

function run(input: string | Uint8Array, cut: number[] | number = 1 << 20, max = 1 << 20): string {
  const bytes = Buffer.from(input)
  const sizes = typeof cut === 'number' ? [cut] : cut
  const filter = new SSEFilter(judge, { maxEventBytes: max, onDrop: () => {} })
  const out: Uint8Array[] = []
  for (let i = 0, n = 0; i < bytes.length; n++) {
    const size = sizes[n % sizes.length] ?? 1
    out.push(...filter.push(bytes.subarray(i, i + size)).map((part) => part.slice()))
    i += size
  }
  out.push(...filter.end())
  return Buffer.concat(out).toString('latin1')
}

/** What a client dispatches: WHATWG HTML §9.2.6, as plainly as can be; evil types aside. */
function dispatched(stream: string): string[] {
  const lines = stream.replace(/^\u00ef\u00bb\u00bf/, '').split(/\r\n|\r|\n/)
  lines.pop()
  const events: string[] = []
  let data: string[] = []
  let type = ''
  let refused = false
  for (const line of lines) {
    if (line === '') {
      if (data.length > 0 && !refused) events.push(`${type}|${data.join('\n')}`)
      data = []
      type = ''
      refused = false
      continue
    }
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'data') data.push(value)
    if (field === 'event') type = value
    refused ||= type === 'evil'
  }
  return events
}

const lines = fc.constantFrom(
  'data: {"a":1}',
  'data:change',
  'data: drop',
  'data',
  'data: ',
  'data:  two',
  ': ping',
  ': {"tools":[]}',
  'id: 7_x',
  'id: {tools}',
  'retry: 5',
  'retry: x',
  'event: message',
  'event: ping',
  'event: evil',
  'nonsense: tools',
  '',
  '',
  '',
)
const ends = fc.constantFrom('\n', '\r\n', '\r')
const streams = fc
  .tuple(fc.boolean(), fc.array(fc.tuple(lines, ends), { maxLength: 30 }))
  .map(([bom, all]) => (bom ? '\ufeff' : '') + all.map((line) => line.join('')).join(''))

describe('SSEFilter', () => {
  const cases: [string, string, string][] = [
    [
      'an unchanged event',
      ': ping\r\nid: 1\r\ndata:{"a":\r\ndata: 1}\r\n\r\n',
      ': ping\r\nid: 1\r\ndata:{"a":\r\ndata: 1}\r\n\r\n',
    ],
    [
      'a changed event',
      'id: 1\r\ndata: cha\r\ndata: change\r\nretry: 5\r\n\r\n',
      'id: 1\r\ndata: CHANGED\r\nretry: 5\r\n\r\n',
    ],
    [
      'a changed event around a comment (T93)',
      'data: change\n: ping\ndata: x\n\n',
      'data: CHANGED\n: ping\n\n',
    ],
    [
      'a changed event of mixed line ends',
      'data: change\rdata: x\n\ndata: y\n\n',
      'data: CHANGED\r\n\ndata: y\n\n',
    ],
    ['a dropped event', 'id: 1\ndata: drop\n\ndata: y\n\n', 'data: y\n\n'],
    ['a dropped event of CR', 'data: drop\r\r\ndata: y\n\n', 'data: y\n\n'],
    ['undecodable data (T94)', 'data: bad\n\ndata: change\n\n', 'data: CHANGED\n\n'],
    ['a priming event', 'id: 1\nretry: 9\ndata: \n\n', 'id: 1\nretry: 9\ndata: \n\n'],
    ['an event without data', 'id: 1\n\n', 'id: 1\n\n'],
    [
      'a comment of the SDKs (R4)',
      ': keepalive\n\n: ping - 2026-01-01 10:00:00.1+00:00\n\n',
      ': keepalive\n\n: ping - 2026-01-01 10:00:00.1+00:00\n\n',
    ],
    ['a talking comment (T99)', ': {"tools":[]}\r\n\r\n', ':\r\n\r\n'],
    ['a talking id (T99)', 'id: {"tools"}\ndata: x\n\n', 'data: x\n\n'],
    ['a long id (T99)', `id: ${'x'.repeat(513)}\ndata: x\n\n`, 'data: x\n\n'],
    [
      'a talking retry (T99)',
      `retry: ${'1'.repeat(700)}tools\nretry: 5s\ndata: x\n\n`,
      'data: x\n\n',
    ],
    ['an unknown field (T99)', 'tools: x\nDATA: y\ndata: x\n\n', 'data: x\n\n'],
    [
      'a field cut between CR and LF',
      'data: x\rtools: x\n\ndata: y\n\n',
      'data: x\r\n\ndata: y\n\n',
    ],
    ['an unknown event type (T99)', 'event: tools\ndata: x\n\ndata: y\n\n', 'data: y\n\n'],
    [
      'a known event type',
      'event: ping\ndata: \n\nevent: error\ndata: drop\n\n',
      'event: ping\ndata: \n\n',
    ],
    ['an incomplete event (T99)', 'data: x\n\ndata: y\n', 'data: x\n\n'],
    ['a byte order mark', '\ufeffdata: x\n\n', 'data: x\n\n'],
  ]
  for (const [name, input, expected] of cases) {
    test(`${name} leaves as it should, in every chunking (T92)`, () => {
      for (const size of [1, 2, 3, 1 << 20]) assert.equal(run(input, size), expected)
    })
  }

  test('the output depends on the bytes alone, not on the chunks (T92)', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 })
    fc.assert(
      fc.property(streams, sizes, (stream, split) => {
        const whole = run(stream)
        assert.equal(run(stream, 1), whole)
        assert.equal(run(stream, split), whole)
      }),
      { numRuns: 500 },
    )
  })

  test('a client dispatches exactly the judged events (T93, T99)', () => {
    fc.assert(
      fc.property(streams, (stream) => {
        const expected = dispatched(Buffer.from(stream).toString('latin1')).flatMap((event) => {
          const type = event.slice(0, event.indexOf('|') + 1)
          const verdict = judge(event.slice(type.length))
          if ('drop' in verdict) return []
          return verdict.pass === 'same' ? [event] : [`${type}CHANGED`]
        })
        assert.deepEqual(dispatched(run(stream)), expected)
      }),
      { numRuns: 1_000 },
    )
  })

  test('an event that ends with a CR leaves at once, and its LF follows', () => {
    const filter = new SSEFilter(judge, { maxEventBytes: 99, onDrop: () => {} })
    assert.equal(
      Buffer.concat(filter.push(Buffer.from('data: x\r\n\r'))).toString(),
      'data: x\r\n\r',
    )
    assert.equal(Buffer.concat(filter.push(Buffer.from('\ndata: '))).toString(), '\n')
  })

  test('bytes that are not UTF-8 drop the event and say so', () => {
    const reasons: string[] = []
    const onDrop = (reason: string) => reasons.push(reason)
    const filter = new SSEFilter(judge, { maxEventBytes: 99, onDrop })
    const bytes = Buffer.concat([Buffer.from('data: '), Buffer.from([0xff]), Buffer.from('\n\n')])
    assert.deepEqual(filter.push(bytes), [])
    filter.push(Buffer.from('data: drop\n\nevent: x\n\n'))
    assert.deepEqual(reasons, ['not_utf8', 'test', 'event_type'])
  })

  test('JSON that is changed over several lines stays one data line', () => {
    const text = '{\n"a": 1\n}'
    const verdict: EventVerdict = { pass: 'changed', text }
    const filter = new SSEFilter(() => verdict, { maxEventBytes: 99, onDrop: () => {} })
    const out = Buffer.concat(filter.push(Buffer.from('data: x\n\n'))).toString()
    assert.equal(out, 'data: { "a": 1 }\n\n')
  })

  test('after its end the stream takes nothing', () => {
    const filter = new SSEFilter(judge, { maxEventBytes: 99, onDrop: () => {} })
    filter.end()
    assert.throws(() => filter.push(Buffer.from('data: x\n\n')), LISTED)
  })
})

describe('events too large to buffer (T126)', () => {
  const content = JSON.stringify({ id: 1, result: { text: 'drop'.repeat(50), tools: 1 } })
  const pretty = JSON.stringify(JSON.parse(content), undefined, 1).replaceAll('\n', '\ndata: ')

  test('pass as they came under guard, in every chunking', () => {
    for (const body of [content, pretty]) {
      for (const end of ['\n', '\r\n', '\r']) {
        const event = `id: 1\ndata: ${body}\n: ping\ndata\nretry: 5\n\n`.replaceAll('\n', end)
        const stream = `${event}data: drop${end}${end}data: y${end}${end}`
        const expected = `${event}data: y${end}${end}`
        for (const size of [1, 2, 7, 1 << 20]) assert.equal(run(stream, size, 40), expected)
      }
    }
  })

  test('a comment in them is rewritten as in others (T99)', () => {
    assert.equal(run(`data: ${content}\n: tools\n\n`, 5, 40), `data: ${content}\n:\n\n`)
  })

  const trips: [string, string][] = [
    ['a list', `data: {"id":1,"result":{"a":"${'x'.repeat(50)}","tools":[{"name":"s"}]}}\n\n`],
    ['a list in what was buffered', `data: {"tools":[${'"x",'.repeat(50)}1]}\n\n`],
    ['a batch (T95)', `data: [${content}]\n\n`],
    ['text that is incomplete', `data: {"a":"${'x'.repeat(99)}"\n\n`],
    ['a talking id (T99)', `data: ${content}\nid: {tools}\n\n`],
    ['an unknown field (T99)', `data: ${content}\ntools: x\n\n`],
    ['an unknown event type (T99)', `data: ${content}\nevent: x\n\n`],
    ['a line without end (T126)', `: ${'x'.repeat(5_000)}`],
  ]
  for (const [name, stream] of trips) {
    test(`${name} destroys the stream in every chunking`, () => {
      for (const size of [1, 3, 1 << 20]) assert.throws(() => run(stream, size, 40), LISTED)
    })
  }

  test('of an unknown type are dropped without being buffered (T99)', () => {
    const stream = `event: x\ndata: ${content}\n: x\n\ndata: y\n\n`
    for (const size of [1, 1 << 20]) assert.equal(run(stream, size, 40), 'data: y\n\n')
  })

  test('a tripped filter says so once and stays shut', () => {
    let trips = 0
    const onTrip = () => trips++
    const filter = new SSEFilter(judge, { maxEventBytes: 9, onDrop: () => {}, onTrip })
    assert.throws(() => filter.push(Buffer.from('data: [1,2,3,4,5')), LISTED)
    assert.throws(() => filter.push(Buffer.from('6]\n\n')), LISTED)
    assert.equal(trips, 1)
  })

  test('eight megabytes in small pieces take linear time', () => {
    const piece = Buffer.from('x'.repeat(1_000))
    const options = { maxEventBytes: 4 << 20, onDrop: () => {} }
    const filter = new SSEFilter(judge, options)
    const started = performance.now()
    filter.push(Buffer.from('data: {"result":{"a":"'))
    for (let n = 0; n < 8_000; n++) filter.push(piece)
    filter.push(Buffer.from('"}}\n\n'))
    assert.ok(performance.now() - started < 2_000)
  })
})
