// The spellings of a resource URI: what is one and the same, and what can only be an attempt to climb.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { spell, spellingsOf } from '../../proxy/policy/uri.ts'

const resource = (name: string) => spellingsOf({ kind: 'resource', name })
const template = (name: string) => spellingsOf({ kind: 'template', name })

describe('one spelling (T40, R28)', () => {
  const cases: [uri: string, whole: string, bare: string][] = [
    ['docs://public/guide', 'docs://public/guide', 'docs://public/guide'],
    ['DOCS://Public/Guide', 'docs://public/Guide', 'docs://public/Guide'],
    ['docs://pub%6Cic/%67uide', 'docs://public/guide', 'docs://public/guide'],
    ['docs://PUBLI%43/a', 'docs://public/a', 'docs://public/a'],
    ['docs://public/%2567uide', 'docs://public/guide', 'docs://public/guide'],
    ['docs://public/caf%C3%A9', 'docs://public/café', 'docs://public/café'],
    ['docs://public/%ff%41', 'docs://public/%ffA', 'docs://public/%ffA'],
    ['docs://public/%41%e4%b8', 'docs://public/A%e4%b8', 'docs://public/A%e4%b8'],
    [
      'docs://public/%ed%a0%80%F0%9f%98%80',
      'docs://public/%ed%a0%80😀',
      'docs://public/%ed%a0%80😀',
    ],
    ['docs://public//a///b', 'docs://public/a/b', 'docs://public/a/b'],
    ['docs://public/%2f/a', 'docs://public/a', 'docs://public/a'],
    ['docs://public\\%5c/a', 'docs://public/a', 'docs://public/a'],
    ['docs://public/a?b=c//d', 'docs://public/a?b=c//d', 'docs://public/a'],
    ['docs://public/100%', 'docs://public/100%', 'docs://public/100%'],
    ['docs://public/%zz', 'docs://public/%zz', 'docs://public/%zz'],
    ['docs://public/a?b=%63#d', 'docs://public/a?b=c#d', 'docs://public/a'],
    ['docs://public/a#b?c', 'docs://public/a#b?c', 'docs://public/a'],
    ['docs://public?x', 'docs://public?x', 'docs://public'],
    ['docs://public#x', 'docs://public#x', 'docs://public'],
    ['docs://public/a\n?b\nc', 'docs://public/a\n?b\nc', 'docs://public/a\n'],
    ['docs://PUBLIC/a\nb?c', 'docs://public/a\nb?c', 'docs://public/a\nb'],
    ['docs://user:pass@host:80/a', 'docs://user:pass@host:80/a', 'docs://host/a'],
    ['docs://a@b@host/a', 'docs://a@b@host/a', 'docs://host/a'],
    ['docs://host:/a', 'docs://host:/a', 'docs://host/a'],
    ['docs://host:8x/a', 'docs://host:8x/a', 'docs://host:8x/a'],
    ['docs://host:80:90/a', 'docs://host:80:90/a', 'docs://host:80/a'],
    ['docs://', 'docs://', 'docs://'],
    ['docs:///a', 'docs:///a', 'docs:///a'],
    ['docs://host\\a', 'docs://host/a', 'docs://host/a'],
    ['a+b.c-1://H/a', 'a+b.c-1://h/a', 'a+b.c-1://h/a'],
    ['urn:ISBN:1?x#y', 'urn:ISBN:1?x#y', 'urn:ISBN:1'],
    ['Mailto:%41', 'Mailto:A', 'Mailto:A'],
    ['mailto:a?%42\nc', 'mailto:a?B\nc', 'mailto:a'],
    ['1a://H/', '1a:/H/', '1a:/H/'],
    ['-a://H/', '-a:/H/', '-a:/H/'],
    ['x docs://H/', 'x docs:/H/', 'x docs:/H/'],
    ['docs:/H', 'docs:/H', 'docs:/H'],
    ['', '', ''],
  ]
  for (const [uri, whole, bare] of cases) {
    test(JSON.stringify(uri), () => assert.deepEqual(spell(uri), { whole, bare }))
  }

  test('eight rounds of escaping are undone, more stay as they are', () => {
    const escaped = (rounds: number) => `a:%${'25'.repeat(rounds - 1)}41`
    assert.equal(spell(escaped(8)).whole, 'a:A')
    assert.equal(spell(escaped(9)).whole, 'a:%41')
  })
})

describe('the spellings to decide on', () => {
  test('a URI that is written as the URL parser writes it has one', () => {
    assert.deepEqual(resource('docs://public/guide'), [spell('docs://public/guide')])
  })

  test('another has that of the URL parser as well', () => {
    const uri = 'HTTP://Example.com:80/a b'
    assert.deepEqual(resource(uri), [spell(uri), spell('http://example.com/a%20b')])
  })

  test('what the URL parser cannot read has one', () => {
    assert.deepEqual(resource('not a uri'), [spell('not a uri')])
  })

  test('what is not read as a URL is read without the spaces around it as well', () => {
    for (const text of [' not a uri', 'not a uri\u00a0'])
      assert.deepEqual(resource(text), [spell(text), spell('not a uri')])
    assert.deepEqual(template('a://{x} '), [spell('a://{x} '), spell('a://{x}')])
  })

  test('a host that is longer than any has none, so that none costs long to parse (T127)', () => {
    for (const start of ['http://', 'HTTPS:', ' file:\\\\', 'ws:/']) {
      assert.deepEqual(resource(`${start}${'\u4e00'.repeat(256)}/a`), [])
      assert.notDeepEqual(resource(`${start}${'a'.repeat(255)}/${'b'.repeat(256)}`), [])
    }
  })

  test('a template is taken by its text alone', () => {
    const text = 'HTTP://Example.com/{x}'
    assert.deepEqual(template(text), [spell(text)])
    assert.equal(resource(text).length, 2)
  })
})

describe('an attempt to climb has no spelling (T40)', () => {
  const climbing = [
    'docs://public/..',
    'docs://public/../x',
    'docs://public/.',
    'docs://public/./x',
    'docs://public/a/..?x',
    'docs://public/a/..#x',
    'docs://public/a\\..\\x',
    'docs://public/..;a=b/x',
    'docs://public/.;/x',
    'docs://public/%2e%2E/x',
    'docs://public/%252e%252e/x',
    'docs://public/a%2f..%2fx',
    'docs://public/a%5c..%5cx',
    'docs://public/a\0b',
    'docs://public/a\x1fb',
    'docs://public/a\x7fb',
    'docs://public/a%0ab',
    'docs://public/%2f%ff%2f..',
    'docs://public/%ff%2f%2e%2e%2fx',
    'docs://public/%c0%ae',
    'docs://public/%C1%9c',
    'docs://public/%e0%80%ae%E0%80%ae/x',
    'docs://public/%f0%80%80%ae/x',
    '..',
    './x',
    '../x',
    '..\\x',
  ]
  for (const uri of climbing) {
    test(JSON.stringify(uri), () => {
      assert.deepEqual(resource(uri), [])
      assert.deepEqual(template(uri), [])
    })
  }

  const harmless = [
    'docs://public/...',
    'docs://public/..a/x',
    'docs://public/a..',
    'docs://public/a../b',
    'docs://public/.hidden',
    'docs://public/a.b',
    'docs://public/a;../b',
    'docs://public/x?y=../z',
    'docs://public/x#/../z',
    'docs://public/x?y=%c0',
    'docs://public/x?y\nz',
    'docs://public/%c2%a0',
    'docs://public/a b',
    'docs://public/a~b',
  ]
  for (const uri of harmless) {
    test(`but not ${JSON.stringify(uri)}`, () => assert.notEqual(resource(uri).length, 0))
  }
})

describe('escaped UTF-8 (RFC 3629)', () => {
  const escaped = (bytes: Iterable<number>) =>
    [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
  // All of two bytes, and of the longer ones those around each edge and some between.
  const points: number[] = []
  for (let point = 0x80; point < 0x11_0000; point += point < 0x1_0000 ? 1 : 61) points.push(point)
  points.push(0x1_0000, 0x3_ffff, 0x4_0000, 0xf_ffff, 0x10_0000, 0x10_ffff)

  test('every character is read, in either case of its digits', () => {
    for (const point of points) {
      if (point >= 0xd800 && point < 0xe000) continue
      const char = String.fromCodePoint(point)
      const code = escaped(Buffer.from(char))
      for (const form of [code, code.toUpperCase()])
        assert.equal(spell(`docs://h/${form}!`).bare, `docs://h/${char}!`)
    }
  })

  test('every printable of ASCII is read as well', () => {
    for (let point = 0x20; point < 0x7f; point++) {
      const char = String.fromCharCode(point)
      if ('%/\\'.includes(char)) continue
      assert.equal(spell(`docs://h/a${escaped([point])}`).bare, `docs://h/a${char}`)
    }
  })

  test('what is none stays as it is, and what is beside it is read', () => {
    const none = [
      [0x80],
      [0xbf],
      [0xc2],
      [0xc3, 0x28],
      [0xe0, 0x9f, 0xbf],
      [0xe1, 0x80],
      [0xed, 0xa0, 0x80],
      [0xf0, 0x8f, 0xbf, 0xbf],
      [0xf1, 0x80, 0x80],
      [0xf4, 0x90, 0x80, 0x80],
      [0xf5, 0x80, 0x80, 0x80],
      [0xff],
    ]
    for (const bytes of none) {
      const [first = 0, ...rest] = bytes
      const kept = spell(`docs://h/${escaped(bytes)}%41`).bare
      assert.ok(kept.startsWith(`docs://h/${escaped([first])}`), kept)
      assert.ok(kept.endsWith('A'), kept)
      assert.ok(
        rest.every((byte) => byte < 0x80 || kept.includes(escaped([byte]))),
        kept,
      )
    }
  })
})
