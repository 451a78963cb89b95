// Header values: the sentinel in both directions, words, media types, and who announces a body.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  announcesBody,
  decodeHeaderValue,
  encodeHeaderValue,
  encodeWords,
  isUtf8,
  mediaType,
} from '../../proxy/wire/headers.ts'

const sentinel = (text: string | Uint8Array) => `=?base64?${Buffer.from(text).toString('base64')}?=`

describe('decoding (R11, T117)', () => {
  const readable: [name: string, value: string, decoded: string][] = [
    ['a plain name', 'get_public_info', 'get_public_info'],
    ['one character', '!', '!'],
    ['a tilde', '~', '~'],
    ['spaces inside', 'a b  c', 'a b  c'],
    ['what only begins like a sentinel', '=?base64?', '=?base64?'],
    ['what only ends like a sentinel', 'x?=', 'x?='],
    ['another encoded word', '=?utf-8?Q?x?=', '=?utf-8?Q?x?='],
    ['text after a sentinel', `${sentinel('a')}.`, `${sentinel('a')}.`],
    ['text before a sentinel', `.${sentinel('a')}`, `.${sentinel('a')}`],
    ['a sentinel of one character', sentinel('a'), 'a'],
    ['a sentinel of two characters', sentinel('ab'), 'ab'],
    ['a sentinel of three characters', sentinel('abc'), 'abc'],
    ['a sentinel with a line feed in it', sentinel('a\nb'), 'a\nb'],
    ['a sentinel of other scripts', sentinel('é\u{1f600}'), 'é\u{1f600}'],
    ['a sentinel that keeps its byte order mark', sentinel('\ufeffa'), '\ufeffa'],
    ['a sentinel with both signs of base64', '=?base64?fn5+fj8/Pz8+?=', '~~~~????>'],
    ['an empty sentinel', '=?base64??=', ''],
  ]
  for (const [name, value, decoded] of readable) {
    test(`${name} is read`, () => assert.equal(decodeHeaderValue(value), decoded))
  }

  const unreadable: [name: string, value: string][] = [
    ['nothing', ''],
    ['a space in front', ' a'],
    ['a space behind', 'a '],
    ['a space alone', ' '],
    ['a tab', 'a\tb'],
    ['a line feed behind', 'a\n'],
    ['DEL', 'a\x7f'],
    ['a byte of Latin-1', 'é'],
    ['a sentinel outside the alphabet', '=?base64?YQ-_?='],
    ['a sentinel with a space', '=?base64?YQ ==?='],
    ['a sentinel without its padding', '=?base64?YQ?='],
    ['a sentinel of a lone character', '=?base64?YWJjZ?='],
    ['a sentinel with too much padding', '=?base64?YWJj=?='],
    ['a sentinel with padding inside', '=?base64?YQ==YQ==?='],
    ['a sentinel with three signs of padding', '=?base64?YQ===?='],
    ['a sentinel with other unused bits', '=?base64?YR==?='],
    ['a sentinel that is not UTF-8', sentinel(new Uint8Array([0xff]))],
  ]
  for (const [name, value] of unreadable) {
    test(`${name} is not read`, () => assert.equal(decodeHeaderValue(value), undefined))
  }
})

describe('encoding (T57)', () => {
  const cases: [value: string, encoded: string][] = [
    ['alice', 'alice'],
    ['a b', 'a b'],
    ['=x', '=x'],
    ['x=?', 'x=?'],
    ['', '=?base64??='],
    [' a', sentinel(' a')],
    ['a ', sentinel('a ')],
    ['a\r\nX-Role: admin', sentinel('a\r\nX-Role: admin')],
    ['é', sentinel('é')],
    ['=?x', sentinel('=?x')],
    [sentinel('a'), sentinel(sentinel('a'))],
  ]
  for (const [value, encoded] of cases) {
    test(`${JSON.stringify(value)} becomes ${encoded}`, () =>
      assert.equal(encodeHeaderValue(value), encoded))
  }

  test('what was encoded is plain, and decodes to what it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const encoded = encodeHeaderValue(text)
        assert.match(encoded, /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/)
        assert.equal(decodeHeaderValue(encoded), text)
      }),
    )
  })

  test('words are joined by single spaces, and a word that is no scope-token is a sentinel', () => {
    assert.equal(encodeWords([]), '')
    assert.equal(encodeWords(new Set(['a:read', '!', '~', '#[', ']x'])), 'a:read ! ~ #[ ]x')
    for (const word of ['a b', 'a"b', 'a\\b', '', 'é', 'a\n', '\x7f', ' a', '=?x'])
      assert.equal(encodeWords(['x', word]), `x ${sentinel(word)}`)
  })
})

describe('media types (T27, T28, T97)', () => {
  const readable: [value: string, essence: string, charset: string][] = [
    ['application/json', 'application/json', ''],
    ['Application/JSON', 'application/json', ''],
    [' application/json ; charset=UTF-8', 'application/json', 'utf-8'],
    ['application/json;charset="utf-8"', 'application/json', 'utf-8'],
    ['application/json; charset = utf8 ', 'application/json', 'utf8'],
    ['application/json; charset="', 'application/json', '"'],
    ['application/json; charset=x"utf-8"', 'application/json', 'x"utf-8"'],
    ['application/json; charset="utf-8"x', 'application/json', '"utf-8"x'],
    ['application/json; charset', 'application/json', ''],
    ['application/json;', 'application/json', ''],
    ['application/json; xcharset=x; boundary=y', 'application/json', ''],
    ['application/json; version=1; charset=latin1', 'application/json', 'latin1'],
    ['text/event-stream', 'text/event-stream', ''],
    ['a9!#$&^_.+-/b9!#$&^_.+-', 'a9!#$&^_.+-/b9!#$&^_.+-', ''],
  ]
  for (const [value, essence, charset] of readable) {
    test(`${value} is read`, () => assert.deepEqual(mediaType(value), { essence, charset }))
  }

  const malformed = [
    undefined,
    '',
    'json',
    'application/',
    '/json',
    'application/json/x',
    'application/json x',
    'x application/json',
    'application json',
    'application/json, text/plain',
    'application/json; charset=utf-8, x',
    'application/json; charset=utf-8; charset=latin1',
    'application/json; charset=utf-8; charset=utf-8',
    '; charset=utf-8',
  ]
  for (const value of malformed) {
    test(`${JSON.stringify(value)} is malformed`, () => assert.equal(mediaType(value), undefined))
  }

  test('only UTF-8 is UTF-8, and no charset means it (T9, T10)', () => {
    for (const charset of ['', 'utf-8', 'utf8']) assert.equal(isUtf8(charset), true, charset)
    for (const charset of ['utf-16', 'latin1', 'UTF-8', 'utf-7', '"'])
      assert.equal(isUtf8(charset), false, charset)
  })
})

test('a length that is not "0" or any transfer coding announces a body (T36)', () => {
  const announced: [headers: Record<string, string>, announces: boolean][] = [
    [{}, false],
    [{ 'content-length': '0' }, false],
    [{ 'content-length': '1' }, true],
    [{ 'content-length': '00' }, true],
    [{ 'content-length': '' }, true],
    [{ 'transfer-encoding': 'chunked' }, true],
    [{ 'transfer-encoding': '' }, true],
    [{ 'transfer-encoding': 'chunked', 'content-length': '0' }, true],
  ]
  for (const [headers, announces] of announced)
    assert.equal(
      announcesBody((name) => headers[name]),
      announces,
      JSON.stringify(headers),
    )
})
