// One event that is too large to buffer: what leaves of each piece of a line, and what stops it (T126).

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ListInStreamError, type Only } from '../../proxy/wire/guard.ts'
import { LargeEvent } from '../../proxy/wire/sse-large.ts'

const bytes = (text: string) => Buffer.from(text)
const text = (parts: readonly Uint8Array[]) => Buffer.concat(parts).toString()
const stops = (message: string) => ({ name: 'Error', code: 'ERR_LIST_IN_STREAM', message })

/** An event that begins with this data. */
const begun = (joined: string, only?: Only) => new LargeEvent(bytes(joined), joined !== '', only)

describe('what leaves', () => {
  test('a line of data leaves as soon as it is one, then piece by piece', () => {
    const event = begun('')
    assert.equal(text(event.take(bytes('dat'))), '')
    assert.equal(text(event.take(bytes('a'))), '')
    assert.equal(text(event.take(bytes(':'))), 'data:')
    assert.equal(text(event.take(bytes(' {"result"'))), ' {"result"')
    assert.equal(text(event.take(bytes(':{}}'))), ':{}}')
    assert.equal(text(event.endLine(bytes('\r\n'))), '\r\n')
    event.finish()
  })

  test('a line in one piece leaves at once', () => {
    const event = begun('{"result":')
    assert.equal(text(event.take(bytes('data: {}}'))), 'data: {}}')
    assert.equal(text(event.endLine(bytes('\n'))), '\n')
    event.finish()
  })

  test('lines of data are joined by one line end', () => {
    const event = begun('{"a":12')
    event.take(bytes('data:,"b":1'))
    event.endLine(bytes('\n'))
    assert.equal(text(event.take(bytes('data'))), '')
    assert.equal(text(event.endLine(bytes('\n'))), 'data\n')
    event.take(bytes('data: }'))
    event.endLine(bytes('\r'))
    event.finish()
    const split = begun('{"a":12')
    assert.throws(() => split.take(bytes('data:3}')), stops('text is not JSON'))
  })

  const kept: [line: string, leaves: string][] = [
    ['id: 1', 'id: 1'],
    ['event: message', 'event: message'],
    ['retry: 5', 'retry: 5'],
    [': ping', ': ping'],
    [': secret', ':'],
  ]
  for (const [line, leaves] of kept) {
    test(`"${line}" leaves as "${leaves}" when it has ended`, () => {
      const event = begun('{}')
      for (const char of line) assert.deepEqual(event.take(bytes(char)), [])
      assert.equal(text(event.endLine(bytes('\n'))), `${leaves}\n`)
      assert.deepEqual(event.take(bytes(line)), [])
      assert.equal(text(event.endLine(bytes('\n'))), `${leaves}\n`)
      event.finish()
    })
  }

  test('an event without any data is whole', () => {
    const event = begun('')
    event.take(bytes(': ping'))
    event.endLine(bytes('\n'))
    event.finish()
  })
})

describe('what stops it', () => {
  for (const line of ['tools: x', 'id: {', 'retry: x', 'event: x', 'dat', 'datb:', 'xdata:'])
    test(`the line "${line}"`, () => {
      const event = begun('{}')
      event.take(bytes(line))
      assert.throws(() => event.endLine(bytes('\n')), stops('a field is not allowed'))
    })

  test('a line of more than 1,024 bytes that is no data', () => {
    const event = begun('{}')
    assert.deepEqual(event.take(bytes(`: ${'x'.repeat(1_022)}`)), [])
    assert.throws(() => event.take(bytes('x')), stops('a line is too long'))
  })

  test('a list in what left already', () => {
    assert.throws(() => begun('{"tools":['), stops('a list is where none belongs'))
  })

  test('a list that is begun in one line and named in another', () => {
    const event = begun('{"result":{"tools":')
    assert.throws(() => event.take(bytes('data: [')), stops('a list is where none belongs'))
  })

  test('data that is no whole message', () => {
    const event = begun('{"result":{}')
    event.take(bytes('id: 1'))
    event.endLine(bytes('\n'))
    assert.throws(() => event.finish(), ListInStreamError)
    const empty = begun('')
    empty.take(bytes('data'))
    empty.endLine(bytes('\n'))
    assert.throws(() => empty.finish(), stops('text is incomplete'))
  })

  test('a call, where only a result may be so large (T101, T102)', () => {
    assert.throws(() => begun('{"method":', 'results'), stops('the message is no answer'))
    assert.throws(() => begun('{"error":', 'results'), stops('nobody judged it'))
    assert.throws(() => begun('{"method":', 'answers'), stops('the message is no answer'))
    begun('{"error":', 'answers')
    begun('{"method":')
  })
})
