// What the guard holds back: a few bytes over any chunks, and the cache members of one result.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CacheMembers, isCacheMember, Snippet } from '../../proxy/wire/held.ts'

const bytes = (text: string) => Buffer.from(text)
const text = (held: Uint8Array | undefined) => held && Buffer.from(held).toString()

describe('a snippet', () => {
  test('collects over chunks, up to its size', () => {
    const snippet = new Snippet(4)
    for (const part of ['1', '', '23', '4']) snippet.add(bytes(part))
    assert.equal(snippet.isTooLong, false)
    assert.equal(text(snippet.copy()), '1234')
    assert.equal(snippet.parse(''), 1234)
    assert.equal(snippet.parse('"'), '1234')
  })

  test('that has become too long says so and holds no value', () => {
    const snippet = new Snippet(4)
    snippet.add(bytes('123'))
    snippet.add(bytes('45'))
    assert.equal(snippet.isTooLong, true)
    assert.equal(snippet.parse(''), undefined)
    snippet.add(bytes('6'))
    assert.equal(snippet.isTooLong, true)
  })

  test('begins anew when it is cleared', () => {
    const snippet = new Snippet(4)
    snippet.add(bytes('12345'))
    snippet.clear()
    assert.equal(snippet.isTooLong, false)
    assert.equal(text(snippet.copy()), '')
    snippet.add(bytes('67'))
    assert.equal(snippet.parse(''), 67)
  })

  test('gives a copy that later bytes do not change', () => {
    const snippet = new Snippet(4)
    snippet.add(bytes('12'))
    const copy = snippet.copy()
    snippet.clear()
    snippet.add(bytes('99'))
    assert.equal(text(copy), '12')
  })

  const odd: [name: string, held: Uint8Array, quotes: '' | '"'][] = [
    ['nothing', bytes(''), ''],
    ['a bare word', bytes('abc'), ''],
    ['a bad escape', bytes('\\x'), '"'],
    ['a quote inside', bytes('a"b'), '"'],
    ['bytes that are not UTF-8', Uint8Array.of(0xff), '"'],
    ['a byte order mark before a number', bytes('\ufeff1'), ''],
  ]
  for (const [name, held, quotes] of odd) {
    test(`with ${name} has no value`, () => {
      const snippet = new Snippet(9)
      snippet.add(held)
      assert.equal(snippet.parse(quotes), undefined)
    })
  }

  test('keeps a byte order mark in a string, where it is a character', () => {
    const snippet = new Snippet(9)
    snippet.add(bytes('\ufeffa'))
    assert.equal(snippet.parse('"'), '\ufeffa')
  })
})

test('a cache member is known in any case or form (R35, T6)', () => {
  for (const name of [
    'ttlMs',
    'cacheScope',
    'TTLMS',
    'CacheScope',
    'cache\uff33cope',
    'ttl_ms',
    'ttlMs ',
  ])
    assert.equal(isCacheMember(name), true, name)
  for (const name of ['', 'ttl', 'scope', 'resultType', 'ttlMss'])
    assert.equal(isCacheMember(name), false, name)
})

describe('cache members of a result (R34, R35, T105)', () => {
  const rule = { ttlMs: 1000, insert: true }
  const finish = (name: string, ...parts: readonly string[]) => {
    const members = new CacheMembers(rule)
    assert.equal(members.begin(name), true)
    for (const part of parts) members.hold(bytes(part))
    return text(members.finish())
  }

  const cases: [name: string, value: string, sent: string | undefined][] = [
    ['cacheScope', '"private"', '"private"'],
    ['cacheScope', '"priv\\u0061te"', '"priv\\u0061te"'],
    ['cacheScope', '"public"', '"private"'],
    ['cacheScope', 'null', '"private"'],
    ['cacheScope', `"${'x'.repeat(70)}"`, '"private"'],
    ['CACHESCOPE', '"public"', '"private"'],
    ['ttlMs', '5', '5'],
    ['ttlMs', '1e3', '1e3'],
    ['ttlMs', '1001', '1000'],
    ['ttlMs', '-1', '0'],
    ['ttlMs', '"5"', '0'],
    ['ttlMs', 'tru', '0'],
    ['ttlms', '1001', '1000'],
    ['resultType', '"complete"', '"complete"'],
    ['resultType', '"input_required"', '"input_required"'],
    ['resultType', `"${'x'.repeat(62)}"`, `"${'x'.repeat(62)}"`],
    ['resultType', `"${'x'.repeat(63)}"`, undefined],
  ]
  for (const [name, value, sent] of cases) {
    test(`${name} of ${value.slice(0, 20)} leaves as ${String(sent).slice(0, 20)}`, () => {
      assert.equal(finish(name, value), sent)
      assert.equal(finish(name, ...value), sent)
    })
  }

  test('other members are not held back', () => {
    for (const name of ['', 'content', 'ResultType', 'ttl', 'tools'])
      assert.equal(new CacheMembers(rule).begin(name), false, name)
  })

  test('one value does not run into the next', () => {
    const members = new CacheMembers(rule)
    members.begin('ttlMs')
    members.hold(bytes('5'))
    assert.equal(text(members.finish()), '5')
    members.begin('cacheScope')
    members.hold(bytes('"private"'))
    assert.equal(text(members.finish()), '"private"')
  })

  const missing: [
    name: string,
    seen: [name: string, value: string][],
    empty: string,
    full: string,
  ][] = [
    ['nothing', [], '"ttlMs":1000,"cacheScope":"private"', ',"ttlMs":1000,"cacheScope":"private"'],
    ['a time', [['ttlMs', '1']], '"cacheScope":"private"', ',"cacheScope":"private"'],
    ['a scope', [['cacheScope', '"private"']], '"ttlMs":1000', ',"ttlMs":1000'],
    [
      'both',
      [
        ['ttlMs', '1'],
        ['cacheScope', '1'],
      ],
      '',
      '',
    ],
    [
      'a complete result',
      [['resultType', '"complete"']],
      '"ttlMs":1000,"cacheScope":"private"',
      ',"ttlMs":1000,"cacheScope":"private"',
    ],
    ['an unfinished result', [['resultType', '"input_required"']], '', ''],
    ['a result of an odd type', [['resultType', 'null']], '', ''],
    [
      'a folded time, which is none of ours',
      [['TTLMS', '1']],
      '"ttlMs":1000,"cacheScope":"private"',
      ',"ttlMs":1000,"cacheScope":"private"',
    ],
  ]
  for (const [name, seen, empty, full] of missing) {
    test(`after ${name} what is missing is added`, () => {
      const members = new CacheMembers(rule)
      for (const [member, value] of seen) {
        members.begin(member)
        members.hold(bytes(value))
        members.finish()
      }
      assert.equal(text(members.missing(true)), empty)
      assert.equal(text(members.missing(false)), full)
    })
  }

  test('nothing is added where the rule forbids it', () => {
    assert.equal(text(new CacheMembers({ ...rule, insert: false }).missing(false)), '')
  })
})
