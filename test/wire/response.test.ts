// The grammar of an answer's head and of chunks: what has two readings is refused (T130, T134).

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Chunked, FramingError, mayBegin, parseResponse } from '../../proxy/wire/response.ts'

const headOf = (...lines: readonly string[]) => lines.map((line) => `${line}\r\n`).join('')
const parse = (...fields: readonly string[]) => parseResponse(headOf('HTTP/1.1 200 OK', ...fields))

describe('a head', () => {
  const framed: [fields: string[], framing: object][] = [
    [['Content-Length: 0'], { kind: 'length', length: 0 }],
    [['content-length:\t5 '], { kind: 'length', length: 5 }],
    [['Transfer-Encoding: Chunked'], { kind: 'chunked' }],
    [['content-type: application/json'], { kind: 'close' }],
  ]
  for (const [fields, framing] of framed) {
    test(`with ${fields} has its body framed as ${JSON.stringify(framing)}`, () => {
      const head = parse(...fields)
      assert.ok(!('fault' in head))
      assert.deepEqual(head.framing, framing)
    })
  }
  for (const status of [100, 103, 204, 304]) {
    test(`of status ${status} has no body, whatever it says`, () => {
      const head = parseResponse(headOf(`HTTP/1.1 ${status} x`, 'content-length: 5'))
      assert.deepEqual('framing' in head && head.framing, { kind: 'none' })
    })
  }
  const faults: [name: string, head: string, fault: RegExp][] = [
    ['two lengths', headOf('HTTP/1.1 200 OK', 'content-length: 5', 'content-length: 5'), /length/],
    ['a list of lengths', headOf('HTTP/1.1 200 OK', 'content-length: 5, 5'), /length/],
    ['a length with a sign', headOf('HTTP/1.1 200 OK', 'content-length: +5'), /length/],
    ['a length in hex', headOf('HTTP/1.1 200 OK', 'content-length: 0x5'), /length/],
    ['an endless length', headOf('HTTP/1.1 200 OK', `content-length: ${'9'.repeat(16)}`), /length/],
    ['gzip, chunked', headOf('HTTP/1.1 200 OK', 'transfer-encoding: gzip, chunked'), /coding/],
    [
      'chunked twice',
      headOf('HTTP/1.1 200 OK', 'transfer-encoding: chunked', 'transfer-encoding: chunked'),
      /coding/,
    ],
    [
      'a length and a coding',
      headOf('HTTP/1.1 200 OK', 'content-length: 5', 'transfer-encoding: chunked'),
      /two framings/,
    ],
    ['a folded line', headOf('HTTP/1.1 200 OK', 'a: b', ' c'), /header line/],
    ['a space before the colon', headOf('HTTP/1.1 200 OK', 'content-length : 5'), /header line/],
    ['a line without a colon', headOf('HTTP/1.1 200 OK', 'abc'), /header line/],
    ['a line without a name', headOf('HTTP/1.1 200 OK', ': b'), /header line/],
    ['a bare LF', 'HTTP/1.1 200 OK\r\na: b\nc: d\r\n', /header line/],
    ['a bare CR', 'HTTP/1.1 200 OK\r\na: b\rc: d\r\n', /header line/],
    ['a NUL', headOf('HTTP/1.1 200 OK', 'a: \0'), /header line/],
    ['HTTP/2.0', headOf('HTTP/2.0 200 OK'), /status line/],
    ['HTTP/1.2', headOf('HTTP/1.2 200 OK'), /status line/],
    ['status 20', headOf('HTTP/1.1 20 OK'), /status line/],
    ['status 600', headOf('HTTP/1.1 600 x'), /status line/],
    ['two spaces', headOf('HTTP/1.1  200 OK'), /status line/],
    ['lower case', headOf('http/1.1 200 ok'), /status line/],
    ['an empty line first', `\r\n${headOf('HTTP/1.1 200 OK')}`, /status line/],
  ]
  for (const [name, head, fact] of faults) {
    test(`with ${name} is refused`, () => {
      const parsed = parseResponse(head)
      assert.match('fault' in parsed ? parsed.fault : JSON.stringify(parsed), fact)
    })
  }
  test('keeps only what is looked at, the repeated as a list, values without white space around', () => {
    const head = parse(
      'X-A: b',
      'Content-Type:  text/plain\t',
      'allow: GET',
      'Allow: POST',
      '__proto__: x',
    )
    assert.ok(!('fault' in head))
    assert.deepEqual(head.headers, { 'content-type': 'text/plain', allow: ['GET', 'POST'] })
  })
  test('may have no reason phrase', () => {
    for (const line of ['HTTP/1.1 200', 'HTTP/1.1 200 ', 'HTTP/1.1 200 caf\xe9'])
      assert.ok(!('fault' in parseResponse(headOf(line))), line)
  })
  const kept: [fields: string[], keepMs: number][] = [
    [['content-length: 0'], 4_000],
    [['content-length: 0', 'connection: close'], 0],
    [['content-length: 0', 'Connection: Keep-Alive', 'Keep-Alive: timeout=5'], 4_000],
    [['content-length: 0', 'keep-alive: timeout=3, max=100'], 2_000],
    [['content-length: 0', 'keep-alive: timeout=1'], 0],
    [['content-length: 0', 'connection: upgrade'], 0],
    [['x: y'], 0],
  ]
  for (const [fields, keepMs] of kept) {
    test(`${fields.join('; ')} keeps its connection for ${keepMs} ms`, () => {
      const head = parse(...fields)
      assert.equal('keepMs' in head && head.keepMs, keepMs)
    })
  }
  test('of HTTP/1.0 ends its connection', () => {
    const head = parseResponse(headOf('HTTP/1.0 200 OK', 'content-length: 0'))
    assert.equal('keepMs' in head && head.keepMs, 0)
  })
  test('that is not complete is waited for only while it may become one', () => {
    const whole = headOf('HTTP/1.1 200 OK', 'content-length: 5', 'a: b')
    for (let end = 0; end <= whole.length; end++)
      assert.equal(mayBegin(whole.slice(0, end)), true, JSON.stringify(whole.slice(0, end)))
    for (const text of ['X', 'HTTP/2', 'http/1.1', '\x16\x03', 'HTTP/1.1 200 OK\nx', 'HTTP/1.1 \0'])
      assert.equal(mayBegin(text), false, text)
    for (const text of [
      'HTTP/1.1 200 OK\r\na\r\n',
      'HTTP/1.1 200 OK\r\n b: c\r\n',
      'HTTP/1.1 2\r\n\n',
    ])
      assert.equal(mayBegin(text), false, text)
  })
})

describe('chunks', () => {
  /** The body of chunks that come in pieces of this size, and what is left after them. */
  function take(text: string, size: number): { body: string; left: number; done: boolean } {
    const bytes = Buffer.from(text, 'latin1')
    const chunked = new Chunked()
    let body = ''
    let at = 0
    while (at < bytes.length && !chunked.done) {
      const piece = bytes.subarray(at, at + size)
      const used = chunked.push(piece, (part) => {
        body += Buffer.from(part).toString('latin1')
      })
      at += used
      if (used < piece.length) break
    }
    return { body, left: bytes.length - at, done: chunked.done }
  }
  const good: [name: string, text: string, body: string][] = [
    ['one', '3\r\nabc\r\n0\r\n\r\n', 'abc'],
    ['many', '1\r\na\r\n2\r\nbc\r\n0\r\n\r\n', 'abc'],
    ['none', '0\r\n\r\n', ''],
    ['hex in any case', 'a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n', '01234567890123456789'],
    ['leading zeros', '0003\r\nabc\r\n000\r\n\r\n', 'abc'],
    ['an extension', '3;a="b";c\r\nabc\r\n0;x\r\n\r\n', 'abc'],
    ['trailers', '3\r\nabc\r\n0\r\nx: y\r\nz: content-length: 9\r\n\r\n', 'abc'],
    ['line ends within', '4\r\n\r\n\r\n\r\n0\r\n\r\n', '\r\n\r\n'],
  ]
  for (const [name, text, body] of good) {
    test(`${name}: the body is the same in any pieces`, () => {
      for (let size = 1; size <= text.length; size++)
        assert.deepEqual(take(text, size), { body, left: 0, done: true })
    })
  }
  test('what follows the last one is not touched (T130)', () => {
    assert.deepEqual(take('1\r\na\r\n0\r\n\r\nHTTP/1.1', 99), { body: 'a', left: 8, done: true })
  })
  const bad: [name: string, text: string][] = [
    ['a size that is no number', 'x\r\na\r\n'],
    ['a sign', '+1\r\na\r\n'],
    ['a prefix', '0x1\r\na\r\n'],
    ['a negative size', '-1\r\na\r\n'],
    ['no size', '\r\na\r\n'],
    ['more digits than a number holds', `${'f'.repeat(14)}\r\n`],
    ['a bare LF after the size', '1\na\r\n'],
    ['a bare LF after the bytes', '1\r\na\n0\r\n\r\n'],
    ['more bytes than the size says', '1\r\nab\r\n0\r\n\r\n'],
    ['an extension without an end', `1;${'x'.repeat(2_000)}`],
    ['a trailer that is none', '0\r\nabc\r\n\r\n'],
    ['a length as a trailer', '0\r\nContent-Length: 9\r\n\r\n'],
    ['a coding as a trailer', '0\r\ntransfer-encoding: chunked\r\n\r\n'],
    ['a size before a blank', '3 \r\nabc\r\n'],
    ['an extension without a name', '3;=b\r\nabc\r\n'],
    ['an extension with two values', '3;a=b=c\r\nabc\r\n'],
    ['trailers without an end', `0\r\n${'a: b\r\n'.repeat(4_000)}`],
    ['text in place of a size', '{"jsonrpc":"2.0"}'],
  ]
  for (const [name, text] of bad) {
    test(`${name}: refused, in any pieces`, () => {
      for (const size of [1, 2, 7, text.length])
        assert.throws(() => take(text, size), FramingError, `pieces of ${size}`)
    })
  }
})

describe('any bytes', () => {
  const piece = fc.constantFrom(
    ...[
      'HTTP/1.1 200 OK\r\n',
      'HTTP/1.0 404 x\r\n',
      'HTTP/1.1 ',
      '200',
      '\r\n',
      '\n',
      '\r',
      ' ',
      '\t',
    ],
    ...[
      'content-length: 5',
      'Content-Length:5',
      'transfer-encoding: chunked',
      'a: b',
      ':',
      '\0',
      '\xe9',
    ],
  )
  const text = fc.array(fc.oneof(piece, fc.string({ maxLength: 3, unit: 'binary' })), {
    maxLength: 12,
  })
  const latin1 = text.map((parts) => parts.join('').replace(/[^\x00-\xff]/g, '?'))

  test('are read as a head only where every beginning of them may become one', () => {
    fc.assert(
      fc.property(latin1, (head) => {
        const isHead = head.endsWith('\r\n') && !('fault' in parseResponse(head))
        if (!isHead) return
        assert.ok(
          !/[\0\x01-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|(?<!\r)\n|\r\n[ \t]/.test(head),
          head,
        )
        for (let end = 0; end < head.length; end++)
          assert.ok(mayBegin(head.slice(0, end)), JSON.stringify(head.slice(0, end)))
      }),
      { numRuns: 20_000 },
    )
  })

  test('as chunks have one reading, however they are cut', () => {
    const chunk = fc.constantFrom(
      '0',
      '1',
      'a',
      'A',
      ';x',
      ' ',
      '\r\n',
      '\r',
      '\n',
      '\r\n\r\n',
      'b',
      ':',
    )
    const bodies = fc.array(chunk, { maxLength: 14 }).map((parts) => parts.join(''))
    const read = (body: string, size: number): string => {
      const bytes = Buffer.from(body, 'latin1')
      const chunked = new Chunked()
      let plain = ''
      let at = 0
      try {
        while (at < bytes.length && !chunked.done)
          at += chunked.push(bytes.subarray(at, at + size), (part) => {
            plain += Buffer.from(part).toString('latin1')
          })
      } catch (error) {
        assert.ok(error instanceof FramingError)
        return 'refused'
      }
      return chunked.done ? `${plain} and ${bytes.length - at} left` : 'not complete'
    }
    fc.assert(
      fc.property(bodies, fc.integer({ min: 1, max: 5 }), (body, size) => {
        const whole = read(body, body.length + 1)
        const cut = read(body, size)
        // What is refused at the end of a piece may be refused a piece earlier, never later.
        if (cut !== whole)
          assert.ok(cut === 'refused' && whole !== 'refused' && !whole.includes('left'))
      }),
      { numRuns: 20_000 },
    )
  })
})
