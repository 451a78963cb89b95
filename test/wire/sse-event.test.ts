// One buffered event: its lines as they leave, its data as the client joins it, and its line ends.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { HeldEvent } from '../../proxy/wire/sse-event.ts'

const bytes = (text: string) => Buffer.from(text)
const text = (view: Uint8Array) => Buffer.from(view).toString()

/** Feeds lines with their ends, in whole or byte by byte. */
function eventOf(lines: string, event = new HeldEvent(), piecewise = false): HeldEvent {
  for (const [, line = '', end = ''] of lines.matchAll(/([^\r\n]*)(\r\n|\r|\n)/g)) {
    for (const part of piecewise ? line : [line]) event.take(bytes(part))
    event.endLine(bytes(end))
  }
  return event
}

describe('an event as it came', () => {
  const cases: [lines: string, joined: string, whole: string][] = [
    ['', '', '\n'],
    ['data: x\n', 'x', 'data: x\n\n'],
    ['data:x\r\n', 'x', 'data:x\r\n\n'],
    ['data: a\ndata:b\rdata\n', 'a\nb\n', 'data: a\ndata:b\rdata\n\n'],
    ['data\n', '', 'data\n\n'],
    ['data\ndata\n', '\n', 'data\ndata\n\n'],
    ['id: 1\ndata: x\nretry: 5\n', 'x', 'id: 1\ndata: x\nretry: 5\n\n'],
    [': ping\ndata: x\n', 'x', ': ping\ndata: x\n\n'],
    [': secret\r\ndata: x\n', 'x', ':\r\ndata: x\n\n'],
    ['data: x\n: secret\n', 'x', 'data: x\n:\n\n'],
    ['tools: x\ndata: x\n', 'x', 'data: x\n\n'],
    ['data: x\ntools: x\ndata: y\n', 'x\ny', 'data: x\ndata: y\n\n'],
    ['data: x\rtools: x\n', 'x', 'data: x\r\n\n'],
    ['id: 1\rtools: x\ndata: y\n', 'y', 'id: 1\r\ndata: y\n\n'],
    ['data: x\r\ntools: x\r\n', 'x', 'data: x\r\n\n'],
    ['tools: x\n', '', '\n'],
  ]
  for (const [lines, joined, whole] of cases) {
    test(JSON.stringify(lines), () => {
      for (const piecewise of [false, true]) {
        const event = eventOf(lines, new HeldEvent(), piecewise)
        assert.equal(text(event.joined), joined)
        assert.equal(text(event.whole(bytes('\n'))), whole)
        assert.equal(event.isRefused, false)
        assert.equal(event.hasData, /^data/m.test(lines))
      }
    })
  }

  test('an unknown type refuses it, until it is cleared', () => {
    const event = eventOf('event: x\ndata: y\nevent: message\n')
    assert.equal(event.isRefused, true)
    event.clear()
    assert.equal(event.isRefused, false)
  })
})

describe('an event that is rebuilt (T93)', () => {
  const cases: [lines: string, end: string, rebuilt: string][] = [
    ['data: x\n', '\n', 'data: NEW\n\n'],
    ['data: x\r\n', '\r\n', 'data: NEW\r\n\r\n'],
    ['data: x\r', '\r', 'data: NEW\r\r'],
    ['data: x\r', '\n', 'data: NEW\r\n\n'],
    ['data: x\r\n', '\n', 'data: NEW\r\n\n'],
    ['data: a\ndata: b\n', '\n', 'data: NEW\n\n'],
    ['data: a\rdata: b\n', '\n', 'data: NEW\r\n\n'],
    ['data: a\ndata: b\r', '\n', 'data: NEW\n\n'],
    ['id: 1\ndata: a\nretry: 5\ndata: b\n: ping\n', '\n', 'id: 1\ndata: NEW\nretry: 5\n: ping\n\n'],
    ['id: 1\rdata: a\ndata: b\r', '\r', 'id: 1\rdata: NEW\n\r'],
    ['data: a\nid: 1\rtools: x\n', '\n', 'data: NEW\nid: 1\r\n\n'],
    ['data: a\nid: 1\ndata: b\rtools: x\nid: 2\n', '\n', 'data: NEW\nid: 1\nid: 2\n\n'],
    ['data: a\nid: 1\r', '\n', 'data: NEW\nid: 1\r\n\n'],
    ['data: a\ntools: x\ndata: b\n', '\n', 'data: NEW\n\n'],
    ['data: a\rtools: x\ndata: b\nid: 1\n', '\n', 'data: NEW\rid: 1\n\n'],
    ['id: 1\ndata: a\n: secret\ndata: b\n', '\n', 'id: 1\ndata: NEW\n:\n\n'],
  ]
  for (const [lines, end, rebuilt] of cases) {
    test(`${JSON.stringify(lines)} before ${JSON.stringify(end)}`, () =>
      assert.equal(text(eventOf(lines).rebuilt('NEW', bytes(end))), rebuilt))
  }

  test('line ends of the new text become spaces, one each', () => {
    const event = eventOf('data: x\n')
    assert.equal(text(event.rebuilt('{\r\n"a":\n\r1}', bytes('\n'))), 'data: {  "a":  1}\n\n')
  })
})

describe('an event under way', () => {
  test('tells its whole lines from the one that has not ended', () => {
    const event = eventOf('id: 1\ndata: x\n')
    assert.equal(text(event.head), 'id: 1\ndata: x\n')
    assert.equal(text(event.line), '')
    event.take(bytes('data'))
    event.take(bytes(': y'))
    assert.equal(text(event.head), 'id: 1\ndata: x\n')
    assert.equal(text(event.line), 'data: y')
  })

  test('gives copies that later lines do not change', () => {
    const event = eventOf('data: x\n')
    event.take(bytes('data: y'))
    const { head, line } = event
    event.clear()
    eventOf('id: 12345\nid: 67890\n', event)
    assert.equal(text(head), 'data: x\n')
    assert.equal(text(line), 'data: y')
  })

  test('forgets everything when it is cleared, however large it was', () => {
    for (const size of [1, 100_000]) {
      const event = eventOf(`id: 1\ndata: ${'x'.repeat(size)}\ndata: y\n`)
      event.take(bytes('data: open'))
      event.clear()
      assert.equal(event.hasData, false)
      assert.equal(text(event.joined), '')
      assert.equal(text(event.head) + text(event.line), '')
      eventOf('id: 2\rdata: z\ndata: z\n', event)
      assert.equal(text(event.joined), 'z\nz')
      assert.equal(text(event.rebuilt('NEW', bytes('\n'))), 'id: 2\rdata: NEW\n\n')
    }
  })
})
