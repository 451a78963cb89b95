// Lists: what is cut, and that nothing else changes.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { fold } from '../../proxy/wire/fold.ts'
import {
  capTtl,
  cutItems,
  filterList,
  isDisguised,
  isListLike,
  LIST_NAMES,
  membersIn,
  privatize,
  splice,
} from '../../proxy/wire/lists.ts'

const none = () => false
const onlyA = (name: string): boolean => name === 'a'

function response(result: string): string {
  return `{"jsonrpc":"2.0","id":1,"result":${result}}`
}

function cut(result: string, may = onlyA): string | undefined {
  return filterList(response(result), 'tools', may, undefined)?.text
}

describe('filterList', () => {
  const cases: [string, string, string][] = [
    ['the first', '{"tools":[{"name":"b"}, {"name":"a"}]}', '{"tools":[{"name":"a"}]}'],
    ['the last', '{"tools":[ {"name":"a"} , {"name":"b"} ]}', '{"tools":[ {"name":"a"} ]}'],
    [
      'the middle',
      '{"tools":[{"name":"a"},1,{"name":"a"}]}',
      '{"tools":[{"name":"a"},{"name":"a"}]}',
    ],
    ['all', '{"x":1e400,"tools":[ {"name":"b"},{} ] }', '{"x":1e400,"tools":[  ] }'],
    ['a nested name only', '{"tools":[{"x":{"name":"a"}}]}', '{"tools":[]}'],
    ['a name that is no string', '{"tools":[{"name":["a"]},null,[],"a"]}', '{"tools":[]}'],
    ['a name with a folded twin (T6)', '{"tools":[{"name":"a","Name":"s"}]}', '{"tools":[]}'],
    ['a name with a Unicode twin (T6)', '{"tools":[{"name":"a","\uff4eame":"s"}]}', '{"tools":[]}'],
    ['a folded list inside (T6)', '{"tools":[{"name":"a","tool\u017f":[]}]}', '{"tools":[]}'],
  ]
  for (const [name, from, to] of cases) {
    test(`${name} is cut`, () => assert.equal(cut(from), response(to)))
  }

  test('an escaped name is judged by what it means (T96)', () => {
    const result = '{"to\\u006fls":[{"n\\u0061me":"\\u0061"}]}'
    assert.equal(cut(result), response(result))
    assert.equal(cut(result, none), response('{"to\\u006fls":[]}'))
  })

  test('what there is no list in gives no answer', () => {
    for (const result of ['{}', '[]', '1', '{"tools":{}}', '{"Tools":[]}']) {
      assert.equal(cut(result), undefined)
    }
    assert.equal(filterList('{"jsonrpc":"2.0"}', 'tools', none, undefined), undefined)
  })

  test('a page that loses everything keeps its cursor (T106)', () => {
    const text = cut('{"tools":[{"name":"b"}],"nextCursor":"c"}')
    assert.equal(text, response('{"tools":[],"nextCursor":"c"}'))
  })

  test('each list is judged by its own key', () => {
    const keys = ['name', 'name', 'uri', 'uriTemplate', 'taskId']
    LIST_NAMES.forEach((list, n) => {
      const text = response(`{"${list}":[{"${keys[n]}":"a"},{"${keys[n]}":"b"},{"x":"a"}]}`)
      const filtered = filterList(text, list, onlyA, undefined)
      assert.deepEqual(filtered, {
        text: response(`{"${list}":[{"${keys[n]}":"a"}]}`),
        hidden: 2,
        kept: 1,
      })
    })
  })

  test('what remains is the JSON-level filter, and every kept entry keeps its bytes (R24)', () => {
    const entry = fc.record({ name: fc.constantFrom('a', 'b', 'c'), x: fc.jsonValue() })
    const spaces = fc.constantFrom('', ' ', '\n\t')
    fc.assert(
      fc.property(fc.array(entry), fc.jsonValue(), spaces, (tools, other, space) => {
        const text = JSON.stringify(
          { id: 1, result: { before: other, tools, after: other } },
          undefined,
          space,
        )
        const may = (name: string) => name !== 'b'
        const filtered = filterList(text, 'tools', may, undefined)
        assert.ok(filtered)
        const kept = tools.filter((tool) => may(tool.name))
        const expected = { id: 1, result: { before: other, tools: kept, after: other } }
        assert.equal(JSON.stringify(JSON.parse(filtered.text)), JSON.stringify(expected))
        assert.equal(filtered.hidden, tools.length - kept.length)
        assert.equal(filtered.kept, kept.length)
        if (filtered.hidden === 0) assert.equal(filtered.text, text)
        assert.ok(isSubsequence(filtered.text, text))
        if (kept.length > 0) {
          assert.equal(filtered.text, JSON.stringify(expected, undefined, space))
        }
      }),
    )
  })
})

describe('an entry that cannot be named', () => {
  const entries = [
    '{}',
    '{"name":7}',
    '{"name":null}',
    '{"title":"a"}',
    'null',
    '7',
    '"a"',
    '["a"]',
  ]
  for (const entry of entries) {
    test(`${entry} is cut, whatever is allowed`, () =>
      assert.equal(
        cut(`{"tools":[${entry}]}`, () => true),
        response('{"tools":[]}'),
      ))
  }

  test('is cut for its own twin, not for that of another list', () => {
    const all = () => true
    assert.equal(cut('{"tools":[{"name":"a","NAME":1}]}', all), response('{"tools":[]}'))
    assert.equal(cut('{"tools":[{"name":"a","tools":1}]}', all), response('{"tools":[]}'))
    const other = response('{"tools":[{"name":"a","uri":1,"prompts":[]}]}')
    assert.equal(cut('{"tools":[{"name":"a","uri":1,"prompts":[]}]}', all), other)
  })
})

describe('names', () => {
  const LISTS = ['tools', 'prompts', 'resources', 'resourceTemplates', 'tasks']
  const ENVELOPE = ['jsonrpc', 'id', 'method', 'params', 'result', 'error']
  const wide = (name: string) =>
    String.fromCharCode(...[...name].map((char) => char.charCodeAt(0) + 0xfee0))

  test('are folded by form and case (T6)', () => {
    const cases = [
      ['', ''],
      ['a', 'a'],
      ['Tools', 'tools'],
      ['TOOLS', 'tools'],
      ['tool\u017f', 'tools'],
      ['\u212aEY', 'key'],
      [wide('tools'), 'tools'],
      [wide('TOOLS'), 'tools'],
      ['\u00c9', '\u00e9'],
    ] as const
    for (const [name, folded] of cases) assert.equal(fold(name), folded)
  })

  test('of lists are known in every form', () => {
    assert.deepEqual(LIST_NAMES, LISTS)
    for (const name of LISTS)
      for (const form of [name, name.toUpperCase(), wide(name)])
        assert.equal(isListLike(form), true)
    for (const form of [' tools', 'to_ols', 'to-ols', 'tools\0x'])
      assert.equal(isListLike(form), true)
    for (const name of ['', 'tool', 'toolsx', 'content']) assert.equal(isListLike(name), false)
  })

  test('of the envelope are disguised in every form but their own (T95)', () => {
    for (const name of ENVELOPE) {
      assert.equal(isDisguised(name), false)
      for (const form of [name.toUpperCase(), wide(name)]) assert.equal(isDisguised(form), true)
    }
    for (const name of ['', 'x', 'results', 'tools']) assert.equal(isDisguised(name), false)
  })
})

test('members are found by their path, and nowhere else', () => {
  const text = ' {"a":{"b": {"c":1}},"d":[{"b":1}],"e":"{"}'
  const names = (...path: string[]) => [...membersIn(text, ...path).keys()]
  assert.deepEqual(names(), ['a', 'd', 'e'])
  assert.deepEqual(names('a'), ['b'])
  assert.deepEqual(names('a', 'b'), ['c'])
  for (const path of [['a', 'b', 'c'], ['x'], ['d'], ['d', 'b'], ['e'], ['a', 'x', 'b']])
    assert.deepEqual(names(...path), [])
  assert.equal(membersIn('[{"a":1}]').size, 0)
})

test('any choice of items leaves exactly these, with one comma between two', () => {
  const text = '[ a , b,c ,d ]'
  const items = [2, 6, 8, 11].map((start) => ({ start, end: start + 1 }))
  for (let choice = 0; choice < 16; choice++) {
    const keep = items.map((_, n) => (choice & (1 << n)) !== 0)
    const left = splice(text, cutItems(items, keep))
    const expected = [...'abcd'].filter((_, n) => keep[n]).join(',')
    assert.equal(left.replaceAll(' ', ''), `[${expected}]`)
    assert.ok(left.startsWith('[ ') && left.endsWith(' ]'))
  }
  assert.deepEqual(cutItems([], []), [])
})

test('edits are put in by their place, in whatever order they come', () => {
  const edits = [
    { start: 4, end: 6, text: 'X' },
    { start: 0, end: 1, text: '' },
    { start: 2, end: 2, text: 'YY' },
  ]
  assert.equal(splice('abcdef', edits), 'bYYcdX')
  assert.equal(splice('abc', []), 'abc')
})

test('a time is capped, and is 0 where it is no time', () => {
  const cases = [
    [5, 5],
    [0, 0],
    [0.5, 0.5],
    [1000, 1000],
    [1001, 1000],
    [-1, 0],
    [Number.NaN, 0],
    ['5', 0],
    [null, 0],
    [true, 0],
  ] as const
  for (const [upstream, expected] of cases) assert.equal(capTtl(upstream, 1000), expected)
})

describe('cache members', () => {
  const cache = { ttlMs: 1000, insert: true }
  const cases: [string, string, string][] = [
    [
      'a public scope is replaced (T105)',
      '{"x":1,"ttlMs":5,"cacheScope" : "public"}',
      '{"x":1,"ttlMs":5,"cacheScope" : "private"}',
    ],
    [
      'a long time is cut to the cap (R35)',
      '{"ttlMs":300000,"cacheScope":"private"}',
      '{"ttlMs":1000,"cacheScope":"private"}',
    ],
    [
      'an odd time becomes zero',
      '{"ttlMs":"9","cacheScope":"private"}',
      '{"ttlMs":0,"cacheScope":"private"}',
    ],
    [
      'a negative time becomes zero',
      '{"ttlMs":-1,"cacheScope":"private"}',
      '{"ttlMs":0,"cacheScope":"private"}',
    ],
    [
      'what is as it should be stays as it is written',
      '{"ttlMs":1e2,"cacheScope":"priv\\u0061te"}',
      '{"ttlMs":1e2,"cacheScope":"priv\\u0061te"}',
    ],
    [
      'a complete result gets both',
      '{"resultType":"complete"}',
      '{"ttlMs":1000,"cacheScope":"private","resultType":"complete"}',
    ],
    ['both are added first', '{"x":1}', '{"ttlMs":1000,"cacheScope":"private","x":1}'],
    ['one is added', '{"ttlMs":1}', '{"cacheScope":"private","ttlMs":1}'],
    ['both are added to nothing', '{ }', '{"ttlMs":1000,"cacheScope":"private" }'],
    [
      'an unfinished result gets none (R34)',
      '{"resultType":"input_required"}',
      '{"resultType":"input_required"}',
    ],
    [
      'a folded scope is replaced (T6)',
      '{"CacheScope":"public","ttlMs":1,"cacheScope":"private"}',
      '{"CacheScope":"private","ttlMs":1,"cacheScope":"private"}',
    ],
  ]
  for (const [name, from, to] of cases) {
    test(name, () => assert.equal(privatize(response(from), cache), response(to)))
  }

  test('without insertion only what is there changes', () => {
    const rule = { ttlMs: 1000, insert: false }
    assert.equal(privatize(response('{"x":1}'), rule), response('{"x":1}'))
    assert.equal(privatize(response('{"ttlMs":9999}'), rule), response('{"ttlMs":1000}'))
  })

  test('a response without a result stays as it is', () => {
    const text = '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":""}}'
    assert.equal(privatize(text, cache), text)
  })

  test('entries and cache members change together', () => {
    const text = response('{"tools":[{"name":"b"},{"name":"a"}],"cacheScope":"public"}')
    const expected = '{"ttlMs":1000,"tools":[{"name":"a"}],"cacheScope":"private"}'
    assert.equal(filterList(text, 'tools', onlyA, cache)?.text, response(expected))
  })
})

function isSubsequence(short: string, long: string): boolean {
  let at = 0
  for (let i = 0; i < long.length; i++) if (long[i] === short[at]) at++
  return at >= short.length
}
