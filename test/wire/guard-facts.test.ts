// The guard in detail: the fact each refusal rests on, what it does not mistake for one, and its bounds.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ListGuard, ListInStreamError } from '../../proxy/wire/guard.ts'

type Options = ConstructorParameters<typeof ListGuard>[0]

const SIZES = [1, 2, 3, 7, 1 << 20]
const RULE = { ttlMs: 1000, insert: false }

function run(text: string | Uint8Array, size: number, options: Options): string {
  const guard = new ListGuard(options)
  const bytes = Buffer.from(text)
  const out: Uint8Array[] = []
  for (let i = 0; i < bytes.length; i += size) {
    const parts = guard.push(bytes.subarray(i, i + size))
    assert.ok(
      parts.every((part) => part.length > 0),
      'an empty part leaves',
    )
    out.push(...parts.map((part) => part.slice()))
  }
  out.push(...guard.end())
  return Buffer.concat(out).toString()
}

/** Runs in every chunking; the outcome must not depend on it. */
function outcome(text: string, options: Options = { cache: undefined }): string {
  const outcomes = SIZES.map((size) => {
    try {
      return run(text, size, options)
    } catch (error) {
      assert.ok(error instanceof ListInStreamError)
      assert.equal(error.code, 'ERR_LIST_IN_STREAM')
      return `! ${error.message}`
    }
  })
  assert.equal(new Set(outcomes).size, 1, JSON.stringify(outcomes))
  return outcomes[0] ?? ''
}

const NONE = 'text is not JSON'
const BAD_NAME = '! a name is too long, or no JSON'
const LIST = 'a list is where none belongs'
const AFTER = 'text goes on after its end'

describe('what is stopped, and by which fact', () => {
  const cases: [text: string, fact: string][] = [
    ['', 'text is incomplete'],
    [' ', 'text is incomplete'],
    ['{', 'text is incomplete'],
    ['{"a":1', 'text is incomplete'],
    ['{"a":"x', 'text is incomplete'],
    ['{"a', 'text is incomplete'],
    ['{"a"', 'text is incomplete'],
    ['{"a":[1]', 'text is incomplete'],
    ['[]', 'text is not an object'],
    ['1', 'text is not an object'],
    ['"a"', 'text is not an object'],
    ['x"a":1}', 'text is not an object'],
    ['{}{', AFTER],
    ['{} 1', AFTER],
    ['{}}', AFTER],
    ['{"a" 12}', NONE],
    ['{"a"x1}', NONE],
    ['{"a"}', NONE],
    ['{"a":}', NONE],
    ['{"a":,"b":1}', NONE],
    ['{xa":1}', NONE],
    ['{a:1}', NONE],
    ['{,}', NONE],
    ['{"a":1,}', NONE],
    ['{"a":1,x":1}', NONE],
    ['{"a":1]', NONE],
    ['{"a":[1}}', NONE],
    ['{"a":[1,]}', NONE],
    ['{"a":[,1]}', NONE],
    ['{"a":[}', NONE],
    ['{]', NONE],
    ['{"a":{]}', NONE],
    ['{"a":1 1}', NONE],
    ['{"a":"x""y"}', NONE],
    ['{"result":{"a\\xb":1}}', BAD_NAME.slice(2)],
    ['{"\\ud8":1}', BAD_NAME.slice(2)],
    ['{"tools":[]}', LIST],
    ['{"tools":{}}', LIST],
    ['{"result":{"tools" : []}}', LIST],
    ['{"result":{"a":{},"tools":[]}}', LIST],
    ['{"result":{"a":[{"b":1}],"prompts":{}}}', LIST],
    ['{"params":{"resources":[]}}', LIST],
    ['{"error":{"resourceTemplates":[]}}', LIST],
    ['{"error":{"data":{"tasks":[]}}}', LIST],
    ['{"error":{"data":{"x":{},"TASKS":[]}}}', LIST],
    ['{"result":1}', 'the result is not an object'],
    ['{"result":[]}', 'the result is not an object'],
    ['{"result":"x"}', 'the result is not an object'],
    ['{"result":null}', 'the result is not an object'],
    ['{"params":[]}', 'the params are not an object'],
    ['{"result":{},"result":{}}', 'there are two results'],
    ['{"Result":1}', 'a member passes for one of the envelope'],
    ['{"METHOD":"x"}', 'a member passes for one of the envelope'],
    ['{"\uff45rror":{}}', 'a member passes for one of the envelope'],
  ]
  for (const [text, fact] of cases) {
    test(`${text || 'nothing'}: ${fact}`, () => assert.equal(outcome(text), `! ${fact}`))
  }

  test('a text that was stopped stays stopped', () => {
    const guard = new ListGuard({ cache: undefined })
    assert.throws(() => guard.push(Buffer.from('{"tools":[')), ListInStreamError)
    assert.throws(() => guard.end(), ListInStreamError)
  })
})

describe('what passes as it came', () => {
  const cases: [name: string, text: string][] = [
    ['an empty object', '{}'],
    ['an empty name', '{"":1,"a":2}'],
    ['a name that is empty in a result', '{"result":{"":{}}}'],
    ['tabs, line ends and spaces', '\t{\r\n"a"\t:\t1\t,\n"b" : [\t1\t,\t{\t}\t]\t}\t'],
    ['a list in another member of the message', '{"x":{"tools":[1]},"result":{}}'],
    ['a list in an array', '{"x":[{"tools":[1]}],"result":{"y":[{"tools":[{}]}]}}'],
    ['a list in data of a result', '{"result":{"data":{"tools":[1]}}}'],
    ['a list in another member of an error', '{"error":{"code":1,"x":{"tools":[1]}}}'],
    [
      'a list in data further down',
      '{"error":{"x":{"data":{"tools":[1]}},"data":{"x":{"tools":[1]}}}}',
    ],
    ['params in a result', '{"result":{"params":{"tools":[1]},"error":{"tools":[1]}}}'],
    ['a result in a result', '{"result":{"result":{"tools":[1]},"Result":1,"METHOD":2}}'],
    ['a result of a result that is no object', '{"result":{"result":[1],"params":[2]}}'],
    ['params that are a scalar', '{"params":1}'],
    [
      'a scalar that is named like a list',
      '{"tools":1,"result":{"tools":"[]"},"params":{"tasks":null}}',
    ],
    ['a container after such a scalar', '{"result":{"tools":1,"a":[{}],"b":{"c":[]}}}'],
    ['containers in arrays after a list name', '{"result":{"a":["tools",[1],{"b":{}}]}}'],
    ['a long name where none is watched', `{"result":{"a":{"${'x'.repeat(300)}":[1]}}}`],
    ['escapes', '{"a\\"b":"\\\\","c":"\\\\\\"","result":{"d\\\\":"\\"tools\\":["}}'],
    ['long strings', `{"a":"${'x'.repeat(100)}","b":"${'\\"'.repeat(50)}","c":1}`],
    ['an error and a method, which any message may be', '{"method":"x","params":{}}'],
    ['cache members that are objects', '{"result":{"cacheScope":{},"ttlMs":[1],"resultType":{}}}'],
  ]
  for (const [name, text] of cases) {
    test(name, () => assert.equal(outcome(text), text))
  }

  test('strings of every length, whose end is found over any distance', () => {
    for (let length = 0; length < 60; length++) {
      const text = `{"${'n'.repeat(length)}x":"${'v'.repeat(length)}","result":{"a":"\\\\"}}`
      assert.equal(outcome(text), text)
    }
  })

  test('1,000 levels, and not one more', () => {
    const nested = (depth: number) =>
      `{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)},"result":{}}`
    assert.equal(outcome(nested(1_000)), nested(1_000))
    assert.equal(outcome(nested(1_001)), '! text is nested too deeply')
  })

  test('a scalar has letters, digits and the signs of numbers, and nothing else', () => {
    for (let byte = 0; byte < 128; byte++) {
      const char = String.fromCharCode(byte)
      if (/[\s"[{\]},\0]/.test(char)) continue
      const text = `{"a":${char}}`
      const expected = /[-+.0-9a-zE]/.test(char) ? text : `! ${NONE}`
      assert.equal(outcome(text), expected, JSON.stringify(text))
    }
  })
})

test('a watched name that is too long to be looked at is stopped (T6, T95)', () => {
  const named = (length: number) => `{"result":{"${'n'.repeat(length)}":1}}`
  assert.equal(outcome(named(256)), named(256))
  for (const text of [named(257), named(257).replace('result', 'x'), named(257).slice(0, -3)])
    assert.equal(outcome(text), text.includes('"x"') ? text : BAD_NAME)
  assert.equal(outcome(`{"${'n'.repeat(257)}":1,"result":{}}`), BAD_NAME)
})

describe('where only a result may pass (T101, T102)', () => {
  const only: Options = { cache: undefined, only: 'results' }

  test('a call and an error are stopped', () => {
    assert.equal(outcome('{"method":"x"}', only), '! the message is no answer')
    assert.equal(outcome('{"id":1,"error":{}}', only), '! nobody judged it')
    assert.equal(outcome('{"id":1,"\\u0065rror":{}}', only), '! nobody judged it')
  })

  test('where any answer may, a call is stopped and an error passes (T95)', () => {
    const answers: Options = { cache: undefined, only: 'answers' }
    assert.equal(outcome('{"\\u006dethod":"x"}', answers), '! the message is no answer')
    const error = '{"id":1,"error":{"message":"x"}}'
    assert.equal(outcome(error, answers), error)
  })

  test('a result passes, whatever it holds', () => {
    const text = '{"id":1,"result":{"method":1,"error":{}},"x":{"method":1}}'
    assert.equal(outcome(text, only), text)
  })

  test('unless it is said, calls and errors pass', () => {
    for (const options of [{ cache: undefined }, { cache: undefined, only: undefined }])
      for (const text of ['{"method":"x"}', '{"id":1,"error":{}}'])
        assert.equal(outcome(text, options), text)
  })
})

describe('cache members (R35, T105)', () => {
  const caching: Options = { cache: RULE }

  test('are rewritten in the result alone', () => {
    const texts = [
      '{"params":{"ttlMs":9999,"cacheScope":"public"}}',
      '{"error":{"ttlMs":9999,"data":{"cacheScope":"public"}}}',
      '{"ttlMs":9999,"result":{"a":{"ttlMs":9999},"b":[{"cacheScope":"public"}]}}',
      '{"params":{"cacheScope":{},"ttlMs":[]},"result":{}}',
    ]
    for (const text of texts) assert.equal(outcome(text, caching), text)
  })

  test('that are no scalars are stopped, in the result of a rule alone', () => {
    for (const member of ['"cacheScope":{}', '"ttlMs":[]', '"TTLMS":{}'])
      assert.equal(outcome(`{"result":{${member}}}`, caching), '! a cache member is no scalar')
  })

  test('a type that is too long is stopped, one of 64 bytes is not', () => {
    const typed = (length: number) => `{"result":{"resultType":"${'x'.repeat(length - 2)}"}}`
    assert.equal(outcome(typed(64), caching), typed(64))
    assert.equal(outcome(typed(65), caching), '! the type of the result is too long')
  })

  test('may come one after the other, with others between them', () => {
    const text = '{"id":1,"result":{"ttlMs":9999 ,"a":"x","cacheScope":"public","b":1,"ttlMS":5}}'
    const expected =
      '{"id":1,"result":{"ttlMs":1000 ,"a":"x","cacheScope":"private","b":1,"ttlMS":5}}'
    assert.equal(outcome(text, caching), expected)
  })

  test('are added before the brace that closes the result, and not to another', () => {
    const text = '{"x":{},"result":{"a":{} } ,"y":{"z":{}}}'
    assert.equal(
      outcome(text, { cache: { ttlMs: 7, insert: true } }),
      '{"x":{},"result":{"a":{} ,"ttlMs":7,"cacheScope":"private"} ,"y":{"z":{}}}',
    )
  })
})
