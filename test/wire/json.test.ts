// Strict JSON: what is refused, and where the members of what is accepted lie.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { parseStrict, parseText } from '../../proxy/wire/json.ts'
import { elementsAt, membersAt } from '../../proxy/wire/spans.ts'

const CORPUS = resolve(import.meta.dirname, '../../../shared/corpora/JSONTestSuite/test_parsing')
const DUPLICATED = new Set([
  'y_object_duplicated_key.json',
  'y_object_duplicated_key_and_value.json',
])
const encoder = new TextEncoder()

function faultOf(text: string | Uint8Array, maxDepth = 64): string {
  const parsed = parseStrict(typeof text === 'string' ? encoder.encode(text) : text, maxDepth)
  return parsed.ok ? 'ok' : parsed.fault
}

describe('JSONTestSuite', { skip: existsSync(CORPUS) ? false : 'corpora not here' }, () => {
  const files = existsSync(CORPUS) ? readdirSync(CORPUS) : []

  test('every invalid text is refused (T19)', () => {
    const invalid = files.filter((file) => file.startsWith('n_'))
    assert.ok(invalid.length > 180)
    for (const file of invalid) {
      assert.notEqual(faultOf(readFileSync(resolve(CORPUS, file))), 'ok', file)
    }
  })

  test('every valid text without a repeated name is accepted', () => {
    const valid = files.filter((file) => file.startsWith('y_'))
    assert.ok(valid.length > 90)
    for (const file of valid) {
      const expected = DUPLICATED.has(file) ? 'duplicate_key' : 'ok'
      assert.equal(faultOf(readFileSync(resolve(CORPUS, file))), expected, file)
    }
  })
})

describe('parseStrict', () => {
  const many = (count: number) =>
    `{${Array.from({ length: count }, (_, n) => `"k${n}":0`).join(',')}}`
  const cases: [string, string, string | Uint8Array][] = [
    ['a repeated member (T1)', 'duplicate_key', '{"method":"a","method":"b"}'],
    ['a repeated nested member (T2)', 'duplicate_key', '{"params":{"name":"a","name":"b"}}'],
    ['a repeated escaped member (T3)', 'duplicate_key', '{"method":1,"\\u006dethod":2}'],
    ['a repeated member in an array', 'duplicate_key', '[[{"a":1},{"b":1,"a":2,"b":3}]]'],
    ['a repetition after a nested object', 'duplicate_key', '{"a":{"b":1},"c":[{}],"a":2}'],
    ['a member named __proto__ (T5)', 'forbidden_key', '{"a":[{"__proto__":{}}]}'],
    ['an escaped __proto__ (T5)', 'forbidden_key', '{"\\u005f_proto__":1}'],
    ['trailing text (T7)', 'syntax', '{}{}'],
    ['a closing bracket too many', 'syntax', '{}]'],
    ['a bad escape in a name', 'syntax', '{"\\x":1}'],
    ['an open string', 'syntax', '{"a":"'],
    ['nothing', 'syntax', ''],
    ['a byte order mark (T8)', 'bom', '\ufeff{}'],
    ['bad UTF-8 (T11)', 'not_utf8', new Uint8Array([0x22, 0xc3, 0x28, 0x22])],
    ['an overlong form (T11)', 'not_utf8', new Uint8Array([0x22, 0xc1, 0xad, 0x22])],
    ['too many members in the envelope (T20)', 'too_many_members', many(1_001)],
    ['too many members anywhere (T20)', 'too_many_members', `[[[${many(100_001)}]]]`],
  ]
  for (const [name, fault, text] of cases) {
    test(`${name} is refused`, () => assert.equal(faultOf(text), fault))
  }

  test('as many members as allowed are accepted (T20)', () => {
    assert.equal(faultOf(many(1_000)), 'ok')
    assert.equal(faultOf(`[[[${many(5_000)}]]]`), 'ok')
  })

  test('a name among many that comes twice is refused', () => {
    assert.equal(faultOf(many(500).replace('"k499"', '"k3"')), 'duplicate_key')
    assert.equal(faultOf(many(17).replace('"k16"', '"k15"')), 'duplicate_key')
  })

  test('the depth bound counts the outermost container as one (T14)', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
    assert.equal(faultOf(nested(64)), 'ok')
    assert.equal(faultOf(nested(65)), 'too_deep')
    assert.equal(faultOf(`{"a":${nested(64)}}`), 'too_deep')
  })

  test('a million levels are refused at once (T14)', () => {
    const started = performance.now()
    assert.equal(faultOf('['.repeat(1_000_000)), 'too_deep')
    assert.equal(faultOf('{"a":'.repeat(1_000_000)), 'too_deep')
    assert.ok(performance.now() - started < 1_000)
  })

  test('two megabytes of backslashes, quotes or names take linear time (T20)', () => {
    const started = performance.now()
    assert.equal(faultOf(`"${'\\\\'.repeat(1_000_000)}"`), 'ok')
    assert.equal(faultOf(`"${'\\"'.repeat(1_000_000)}"`), 'ok')
    assert.equal(faultOf(`[[[${many(100_000)}]]]`), 'ok')
    assert.ok(performance.now() - started < 2_000)
  })

  test('a lone surrogate escape is accepted, and its text stays as it came (T12)', () => {
    const parsed = parseText('{"a":"\\ud800"}', 8)
    assert.ok(parsed.ok)
    assert.equal(parsed.text, '{"a":"\\ud800"}')
  })

  test('what it accepts means what JSON.parse says it means', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const parsed = parseText(text, 1_000)
        if (parsed.ok) assert.deepEqual(parsed.value, JSON.parse(text))
        else assert.ok(['forbidden_key', 'too_many_members'].includes(parsed.fault), parsed.fault)
      }),
    )
  })
})

describe('spans', () => {
  test('each member span holds exactly its value, however the text is spaced', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()).filter((o) => !Object.hasOwn(o, '__proto__')),
        fc.constantFrom('', ' ', '\n\t'),
        (object, space) => {
          const text = space + JSON.stringify(object, undefined, space)
          const members = membersAt(text, space.length)
          assert.deepEqual([...members.keys()].sort(), Object.keys(object).sort())
          for (const [name, { keyStart, start, end }] of members) {
            const value = JSON.parse(text.slice(start, end))
            assert.equal(JSON.stringify(value), JSON.stringify(object[name]))
            assert.equal(text[keyStart], '"')
          }
        },
      ),
    )
  })

  test('each element span holds exactly its element', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), fc.constantFrom('', '  '), (array, space) => {
        const text = JSON.stringify(array, undefined, space)
        const texts = elementsAt(text, 0).map(({ start, end }) => text.slice(start, end))
        assert.equal(JSON.stringify(texts.map((t) => JSON.parse(t))), JSON.stringify(array))
      }),
    )
  })

  test('text that was never validated is a mistake of ours, not an endless loop', () => {
    assert.throws(() => membersAt('{"a":1', 0), TypeError)
    assert.throws(() => elementsAt('[1', 0), TypeError)
  })
})

test('T11 what is no UTF-8 is told from what is, the mark of a replacement included', () => {
  const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const isUTF8 = (bytes: Uint8Array) => {
    try {
      strict.decode(bytes)
      return true
    } catch {
      return false
    }
  }
  const unit = fc.oneof(
    fc.constantFrom([0x61], [0xef, 0xbf, 0xbd], [0xc3, 0xa9], [0xf0, 0x9f, 0x98, 0x80]),
    fc.constantFrom([0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0xaf], [0xf4, 0x90, 0x80, 0x80]),
    fc.array(fc.nat(255), { maxLength: 3 }),
  )
  const seen = { well: 0, ill: 0 }
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 6 }), (units) => {
      const bytes = Uint8Array.from(units.flat())
      const parsed = parseStrict(bytes, 8)
      const isIll = !parsed.ok && parsed.fault === 'not_utf8'
      assert.equal(isIll, !isUTF8(bytes), bytes.toString())
      seen[isIll ? 'ill' : 'well']++
    }),
    { numRuns: 20_000 },
  )
  assert.ok(seen.well > 1_000 && seen.ill > 1_000, JSON.stringify(seen))
})
