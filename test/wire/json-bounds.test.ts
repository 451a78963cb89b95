// Strict JSON: the sentence for each fault, and exactly where each bound lies.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseStrict, parseText } from '../../proxy/wire/json.ts'

const strict = (text: string, maxDepth = 8) => parseStrict(new TextEncoder().encode(text), maxDepth)
/** The members of an object of this many names. */
const names = (count: number, from = 0) =>
  Array.from({ length: count }, (_, n) => `"k${n + from}":0`).join(',')

function faultOf(text: string, maxDepth = 8): string {
  const parsed = strict(text, maxDepth)
  return parsed.ok ? 'ok' : parsed.fault
}

test('what is accepted comes back as its text and its value', () => {
  const text = ' {"a":[1,"b"]} '
  assert.deepEqual(strict(text), { ok: true, text, value: { a: [1, 'b'] }, marks: {} })
  assert.deepEqual(parseText(text, 8), { ok: true, text, value: { a: [1, 'b'] }, marks: {} })
})

describe('the id of a message and the arguments of its params are marked', () => {
  const cases: [text: string, id: string | undefined, given: string | undefined][] = [
    ['{"id":1,"params":{"arguments":{"a":[1,{"id":2}]},"b":2}}', '1', '{"a":[1,{"id":2}]}'],
    ['{ "params" : { "arguments" :\t"x, }" } , "id" : "i" }', '"i"', '"x, }"'],
    ['{"\\u0069d":-7\n,"params":{"argument\\u0073":null\r\n}}', '-7', 'null'],
    ['{"arguments":1,"a":{"arguments":2},"params":[{"arguments":3}]}', undefined, undefined],
    ['{"a":{"id":1},"params":{"params":{"arguments":1},"id":2}}', undefined, undefined],
    ['[{"id":1},{"params":{"arguments":1}}]', undefined, undefined],
    ['{"params":{"arguments":[]},"params2":{"arguments":1},"id":[1]}', '[1]', '[]'],
  ]
  for (const [text, id, given] of cases) {
    test(text, () => {
      const parsed = strict(text)
      assert.ok(parsed.ok)
      const said = (span: { start: number; end: number } | undefined) =>
        span && text.slice(span.start, span.end)
      assert.equal(said(parsed.marks.id), id)
      assert.equal(said(parsed.marks.arguments), given)
    })
  }
})

describe('a fault has a sentence that quotes nothing', () => {
  const cases: [fault: string, detail: string, text: string][] = [
    ['bom', 'text starts with a byte order mark', '\ufeff{}'],
    ['syntax', 'text is not JSON', '{,}'],
    ['duplicate_key', 'a member name appears twice in one object', '{"a":1,"a":2}'],
    ['too_deep', 'text is nested too deeply', '['.repeat(9) + ']'.repeat(9)],
    ['too_many_members', 'an object has too many members', `{${names(1_001)}}`],
    ['forbidden_key', 'a member is named "__proto__"', '{"__proto__":1}'],
  ]
  for (const [fault, detail, text] of cases) {
    test(detail, () => assert.deepEqual(strict(text), { ok: false, fault, detail }))
  }

  test('text is not UTF-8', () => {
    assert.deepEqual(parseStrict(new Uint8Array([0x22, 0xff, 0x22]), 8), {
      ok: false,
      fault: 'not_utf8',
      detail: 'text is not UTF-8',
    })
  })

  test('a byte order mark counts at the start alone', () => {
    assert.equal(faultOf('"\ufeff"'), 'ok')
    assert.equal(faultOf(' \ufeff1'), 'syntax')
  })
})

describe('text that is not JSON (T7, T19)', () => {
  const texts = [
    '',
    ' ',
    ']',
    '}',
    '{}}',
    '[]]',
    '{}[]',
    '[}',
    '{]',
    '"',
    '"a',
    '{"a',
    '{"a":"\\',
    '"\\"',
    '{"a":1,}',
    '{"a" "b":1}',
    '{"\\x":1}',
    '{"\\u00":1}',
    '{"a":1 "b":2}',
    '{"a":1}1',
    '01',
    'tru',
    "{'a':1}",
    '/**/{}',
    '{"a\tb":1}',
  ]
  for (const text of texts) {
    test(`${JSON.stringify(text)} is refused`, () => assert.equal(faultOf(text), 'syntax'))
  }
})

describe('names that come twice (T1, T2, T3)', () => {
  const repeated = [
    '{"a":1,"a":2}',
    '{"a":1,"b":2,"a":3}',
    '{"":1,"":2}',
    '{"a":{},"a":[]}',
    '{"a":[{"b":1}],"a":2}',
    '{"x":{"a":1,"a":2}}',
    '[{"a":1,"a":2}]',
    '[{"a":1},{"b":1,"b":1}]',
    '{"a":1,"\\u0061":2}',
    '{"\\u0061":1,"a":2}',
    '{"a\\"":1,"a\\u0022":2}',
    '{"a\\\\":1,"a\\u005c":2}',
    '{ "a" : 1 , "a" : 2 }',
    '{"p":[1],"q":{"b":{},"b":1}}',
    '[[],{"b":{},"b":1}]',
  ]
  for (const text of repeated) {
    test(`${text} is refused`, () => assert.equal(faultOf(text), 'duplicate_key'))
  }

  const distinct = [
    '{"a":{"a":{"a":1}}}',
    '{"a":{"b":1},"b":{"a":1},"c":[{"a":1},{"a":1}]}',
    '{"a":"b","b":"a"}',
    '{"x":["a","a",{"a":"a"},"a"]}',
    '["a","a"]',
    '{"a":"a"}',
    '{"a":[],"b":"a","c":"a"}',
    '{"a":1,"A":2,"a ":3,"\\u0000a":4}',
    '{"a\\\\":1,"a\\\\\\\\":2,"a\\"":3}',
    '{"a":"}","b":"{","c":",","d":"\\",\\"a\\":"}',
    '{"proto":1,"__proto":2,"constructor":3}',
    '{"p":{},"q":{"b":{},"q":1}}',
    '{"p":{"x":1},"q":{"b":[],"p":1,"q":1,"x":1}}',
  ]
  for (const text of distinct) {
    test(`${text} is accepted`, () => assert.equal(faultOf(text), 'ok'))
  }

  // Few names are compared one by one, many through a set: no count may fall between the two.
  for (const count of [2, 14, 15, 16, 17, 18, 33]) {
    test(`among ${count} names any repetition is found, and no other is`, () => {
      for (let first = 0; first < count; first++) {
        const text = `{${names(count)},"k${first}":1}`
        assert.equal(faultOf(text), 'duplicate_key', text)
      }
      const inner = `{${names(count)}}`
      const apart = `{"k0":${inner},${names(count - 1, 1)},"x":${inner},"y":[${inner},${inner}]}`
      assert.equal(faultOf(apart), 'ok')
      assert.equal(faultOf(`{"k${count - 1}":${inner},"x":1}`), 'ok')
      assert.equal(faultOf(`{"x":${inner},${names(count)},"x":1}`), 'duplicate_key')
    })
  }

  test('__proto__ is refused as a name, at any depth, and not as a value (T5)', () => {
    for (const text of [
      '{"__proto__":1}',
      '[{"a":{"\\u005f_proto__":1}}]',
      `{${names(20)},"__proto__":1}`,
    ])
      assert.equal(faultOf(text), 'forbidden_key')
    assert.equal(faultOf('{"a":"__proto__","b":["__proto__"]}'), 'ok')
  })
})

describe('depth (T14)', () => {
  const cases: [text: string, depth: number][] = [
    ['1', 0],
    ['[]', 1],
    ['{}', 1],
    ['[[],[]]', 2],
    ['{"a":[{}],"b":{}}', 3],
    ['{"a":"[[[["}', 1],
    ['[[[]],[[[]]]]', 4],
  ]
  for (const [text, depth] of cases) {
    test(`${text} is ${depth} deep`, () => {
      assert.equal(faultOf(text, depth), 'ok')
      if (depth > 0) assert.equal(faultOf(text, depth - 1), 'too_deep')
    })
  }
})

describe('members (T20)', () => {
  const full = `{${names(1_000)}}`
  const over = `{${names(1_001)}}`

  test('a request has 1,000 of them in the message and in its params', () => {
    for (const wrap of [(o: string) => o, (o: string) => `{"a":${o}}`, (o: string) => `[${o}]`]) {
      assert.equal(faultOf(wrap(full)), 'ok')
      assert.equal(faultOf(wrap(over)), 'too_many_members')
    }
  })

  test('further down, and in text of the upstream, there may be more', () => {
    assert.equal(faultOf(`{"a":{"b":${over}}}`), 'ok')
    assert.equal(parseText(over, 8).ok, true)
    assert.equal(parseText(`{"a":${over}}`, 8).ok, true)
  })

  test('objects side by side are counted each for itself', () => {
    assert.equal(faultOf(`[${full},${full}]`), 'ok')
  })

  test('100,000 are the most anywhere', () => {
    const most = names(100_000)
    assert.equal(parseText(`{${most}}`, 8).ok, true)
    const one = parseText(`{${most},"x":0}`, 8)
    assert.equal(!one.ok && one.fault, 'too_many_members')
    assert.equal(faultOf(`[[{${most}}]]`), 'ok')
    assert.equal(faultOf(`[[{${most},"x":0}]]`), 'too_many_members')
  })

  test('another bound may be given for the envelope', () => {
    assert.equal(parseText('{"a":1,"b":2}', 8, 2).ok, true)
    assert.equal(parseText('{"a":1,"b":2,"c":3}', 8, 2).ok, false)
    assert.equal(parseText('[[{"a":1,"b":2,"c":3}]]', 8, 2).ok, true)
  })
})
