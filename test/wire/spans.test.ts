// Where values lie in a text: every kind of value, every spacing, and nothing beyond the value.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { valueStart } from '../../proxy/wire/json.ts'
import { elementsAt, membersAt } from '../../proxy/wire/spans.ts'

const VALUES = [
  '1',
  '-0.5e+7',
  'true',
  'false',
  'null',
  '""',
  '"a"',
  '"a,b]}"',
  '"\\""',
  '"\\\\"',
  '"\\\\\\""',
  '"\\u0022"',
  '[]',
  '[1,2]',
  '[[],[[]]]',
  '["]","}"]',
  '{}',
  '{"a":{"b":[]}}',
  '{"}":"]"}',
  '[ { } , [ ] ]',
]
const SPACES = ['', ' ', '\n', '\r', '\t', ' \r\n\t ']

test('white space is that of JSON, and nothing else', () => {
  for (const space of SPACES) assert.equal(valueStart(`${space}x`, 0), space.length)
  for (const other of ['\v', '\f', '\u00a0', '\ufeff', '\0', '!'])
    assert.equal(valueStart(` ${other} x`, 0), 1)
  assert.equal(valueStart('x  y', 1), 3)
  assert.equal(valueStart('x', 5), 5)
})

describe('members', () => {
  for (const space of SPACES) {
    test(`are found with ${JSON.stringify(space)} between them`, () => {
      const parts = VALUES.map((value, n) => ['', `"k${n}"`, '', ':', '', value, ''].join(space))
      const text = `[${space}{${parts.join(',')}}]`
      const start = 1 + space.length
      const members = membersAt(text, start)
      assert.deepEqual(
        [...members].map(([name, span]) => [name, text.slice(span.start, span.end)]),
        VALUES.map((value, n) => [`k${n}`, value]),
      )
      for (const [name, { keyStart }] of members)
        assert.equal(text.slice(keyStart, keyStart + name.length + 2), `"${name}"`)
    })
  }

  test('there are none in an empty object, whatever follows it', () => {
    for (const space of SPACES) assert.equal(membersAt(`{${space}},{"a":1}`, 0).size, 0)
  })

  test('the indices are those of the text', () => {
    assert.deepEqual(
      [...membersAt('{ "a" : 1 ,"b":[2] }', 0)],
      [
        ['a', { keyStart: 2, start: 8, end: 9 }],
        ['b', { keyStart: 11, start: 15, end: 18 }],
      ],
    )
  })

  test('a name is what it means, not how it is written (T3)', () => {
    const text = '{"\\u0061":1,"b\\"":2,"\\\\":3,"":4,"a\\\\\\"":5}'
    assert.deepEqual([...membersAt(text, 0).keys()], ['a', 'b"', '\\', '', 'a\\"'])
  })
})

describe('elements', () => {
  for (const space of SPACES) {
    test(`are found with ${JSON.stringify(space)} between them`, () => {
      const text = `{"a":[${VALUES.map((value) => space + value + space).join(',')}]}`
      const found = elementsAt(text, 5).map(({ start, end }) => text.slice(start, end))
      assert.deepEqual(found, VALUES)
    })
  }

  test('there are none in an empty array, whatever follows it', () => {
    for (const space of SPACES) assert.deepEqual(elementsAt(`[${space}],[1]`, 0), [])
  })

  test('the indices are those of the text', () => {
    assert.deepEqual(elementsAt(' [ 1 ,{} ]', 1), [
      { start: 3, end: 4 },
      { start: 6, end: 8 },
    ])
  })
})

describe('text that nobody validated is a mistake of ours, not an endless loop', () => {
  const texts = ['{', '{"a', '{"a":', '{"a":1', '{"a":1,', '{"a":"b', '{"a":["b', '{"a":1,"b']
  for (const text of texts) {
    test(text, () =>
      assert.throws(() => membersAt(text, 0), {
        name: 'TypeError',
        message: 'text was not validated',
      }),
    )
  }
  for (const text of ['[', '[1', '[1,', '["a', '[{"a":"b', '[1,2 ']) {
    test(text, () =>
      assert.throws(() => elementsAt(text, 0), {
        name: 'TypeError',
        message: 'text was not validated',
      }),
    )
  }
})
