// Frames in detail: who is asked about what, what an error still says, and when a result is private.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Target } from '../../proxy/types.ts'
import { type Expect, judgeFrame, type Rules, type Verdict } from '../../proxy/wire/frames.ts'

const call: Expect = { id: 1, list: undefined, era: 'modern' }
const tools: Expect = { id: 1, list: 'tools', era: 'modern' }
const replay: Expect = { id: undefined, list: undefined, era: 'legacy' }
const message = (members: string) => `{"jsonrpc":"2.0",${members}}`

/** Rules that note what they were asked. */
function asking(allow: boolean) {
  const asked: Target[] = []
  const rules: Rules = {
    may: (target) => {
      asked.push(target)
      return allow
    },
    cacheFor: () => undefined,
    privatize: false,
  }
  return { rules, asked }
}

function judged(text: string, expect: Expect, rules = asking(true).rules): Verdict {
  return judgeFrame(text, expect, rules)
}

function outcome(text: string, expect: Expect, rules = asking(true).rules): string {
  const verdict = judged(text, expect, rules)
  if ('drop' in verdict) return `drop ${verdict.drop}`
  return verdict.pass === 'same' ? 'same' : verdict.text
}

describe('shapes that are none (T95)', () => {
  const none: [name: string, text: string][] = [
    ['null', 'null'],
    ['a number', '1'],
    ['no member', '{}'],
    ['another jsonrpc', '{"jsonrpc":"1.0","id":1,"result":{}}'],
    ['a method beside an error', message('"method":"x","error":{"code":1,"message":""}')],
    ['a method beside a null error', message('"method":"x","error":null')],
    ['a method beside a null result', message('"method":"x","result":null')],
    ['a method with null params', message('"method":"x","params":null')],
    ['a method with an odd id', message('"method":"x","id":1.5')],
    ['a method that is null', message('"method":null,"id":1,"result":{}')],
    ['a result that is null', message('"id":1,"result":null')],
    ['a result that is a text', message('"id":1,"result":"x"')],
    ['a result with id null', message('"id":null,"result":{}')],
    ['an error with null params', message('"id":1,"params":null,"error":{"code":1,"message":""}')],
    ['an error that is an array', message('"id":1,"error":[]')],
    ['an error that is null', message('"id":1,"error":null')],
    ['an error with an object as id', message('"id":{},"error":{"code":1,"message":""}')],
    ['an error with a fraction as id', message('"id":1.5,"error":{"code":1,"message":""}')],
    ['an error without a message', message('"id":1,"error":{"code":1}')],
    ['an error whose message is null', message('"id":1,"error":{"code":1,"message":null}')],
    ['an error with a fraction as code', message('"id":1,"error":{"code":1.5,"message":""}')],
    ['an error with a text as code', message('"id":1,"error":{"code":"1","message":""}')],
  ]
  for (const [name, text] of none) {
    test(name, () => assert.equal(outcome(text, call), 'drop bad_shape'))
  }

  test('a text may be 128 levels deep', () => {
    const nested = (depth: number) =>
      message(`"id":1,"result":{"a":${'['.repeat(depth - 2)}${']'.repeat(depth - 2)}}`)
    assert.equal(outcome(nested(128), call), 'same')
    assert.equal(outcome(nested(129), call), 'drop too_deep')
  })

  test('what passes as it came is given as it was read', () => {
    const text = message('"id":1,"result":{"a":[1]}')
    assert.deepEqual(judged(text, call), { pass: 'same', value: JSON.parse(text) })
    const note = message('"method":"x","params":{}')
    assert.deepEqual(judged(note, call), { pass: 'same', value: JSON.parse(note) })
    const error = message('"id":1,"error":{"code":1,"message":"x"}')
    assert.deepEqual(judged(error, call), { pass: 'same', value: JSON.parse(error) })
  })
})

describe('who is asked', () => {
  const lists = [
    ['tools', 'tool', 'name'],
    ['prompts', 'prompt', 'name'],
    ['resources', 'resource', 'uri'],
    ['resourceTemplates', 'template', 'uriTemplate'],
    ['tasks', 'task', 'taskId'],
  ] as const
  for (const [list, kind, key] of lists) {
    const text = message(`"id":1,"result":{"${list}":[{"${key}":"a"},{"${key}":"b"}]}`)

    test(`the entries of ${list} are judged as ${kind}`, () => {
      const { rules, asked } = asking(true)
      assert.equal(outcome(text, { ...tools, list }, rules), 'same')
      assert.deepEqual(asked, [
        { kind, name: 'a' },
        { kind, name: 'b' },
      ])
    })

    test(`${list} that lose every entry say how many`, () => {
      const { rules } = asking(false)
      const verdict = judged(text, { ...tools, list }, rules)
      assert.deepEqual(verdict, {
        pass: 'changed',
        text: message(`"id":1,"result":{"${list}":[]}`),
        hidden: { [list]: 2 },
        value: JSON.parse(text),
      })
    })
  }

  const updates: [method: string, params: string, target: Target][] = [
    ['notifications/Resources/updated', '{"uri":"u"}', { kind: 'resource', name: 'u' }],
    ['notifications/resources/updated', '{"uri":"u","title":"x"}', { kind: 'resource', name: 'u' }],
    ['notifications/tasks/status', '{"taskId":"t","x":1}', { kind: 'task', name: 't' }],
    ['notifications/tasks', '{"taskId":"t"}', { kind: 'task', name: 't' }],
  ]
  for (const [method, params, target] of updates) {
    test(`${method} is judged by what it names (R28, R31, T101)`, () => {
      const text = message(`"method":"${method}","params":${params}`)
      const { rules, asked } = asking(true)
      assert.equal(outcome(text, replay, rules), 'same')
      assert.deepEqual(asked, [target])
      assert.equal(outcome(text, replay, asking(false).rules), 'drop target_denied')
    })

    test(`${method} that names nothing is dropped without asking`, () => {
      const { rules, asked } = asking(true)
      assert.equal(outcome(message(`"method":"${method}"`), replay, rules), 'drop target_denied')
      assert.deepEqual(asked, [])
    })
  }

  test('any other call passes without asking', () => {
    const { rules, asked } = asking(false)
    for (const method of ['notifications/message', 'ping', 'notifications/task', 'x'])
      assert.equal(
        outcome(message(`"method":"${method}","params":{"uri":"u"}`), replay, rules),
        'same',
      )
    assert.deepEqual(asked, [])
  })
})

describe('lists that are held nowhere', () => {
  const cases: [name: string, text: string, expect: Expect, expected: string][] = [
    ['null on a replay', message('"id":1,"result":{"tools":null}'), replay, 'same'],
    ['null where asked for', message('"id":1,"result":{"tools":null}'), tools, 'drop list_missing'],
    [
      'a text where asked for',
      message('"id":1,"result":{"tools":"x"}'),
      tools,
      'drop list_missing',
    ],
    ['null beside the result', message('"id":1,"tools":null,"result":{}'), call, 'same'],
    ['null in params', message('"method":"x","params":{"tools":null}'), call, 'same'],
    [
      'a folded list in params',
      message('"method":"x","params":{"TOOLS":[]}'),
      call,
      'drop misplaced_list',
    ],
    [
      'another list where tools are asked for',
      message('"id":1,"result":{"prompts":[]}'),
      tools,
      'drop misplaced_list',
    ],
    [
      'data of an error that is an array',
      message('"id":1,"error":{"code":1,"message":"","data":[{"tools":[]}]}'),
      call,
      'same',
    ],
    [
      'data of an error that is null',
      message('"id":1,"error":{"code":1,"message":"","data":null}'),
      call,
      'same',
    ],
  ]
  for (const [name, text, expect, expected] of cases) {
    test(`${name}: ${expected}`, () => assert.equal(outcome(text, expect), expected))
  }
})

describe('errors (T100, T102)', () => {
  const error = (code: number, id = '"id":1,') =>
    message(`${id}"error":{"code":${code},"message":"secret","data":{"a": 1}}`)
  const clean = (code: number, sentence: string, data = '', id = '"id":1,') =>
    message(`${id}"error":{"code":${code},"message":"${sentence}"${data}}`)
  const sentences: [code: number, sentence: string][] = [
    [-32700, 'Parse error'],
    [-32600, 'Invalid Request'],
    [-32601, 'Method not found'],
    [-32602, 'Invalid params'],
    [-32603, 'Internal error'],
    [-32000, 'Upstream error'],
    [32601, 'Upstream error'],
    [0, 'Upstream error'],
  ]
  for (const [code, sentence] of sentences) {
    test(`${code} on a list request says ${sentence} and no more`, () =>
      assert.equal(outcome(error(code), tools), clean(code, sentence)))
  }

  for (const code of [-32020, -32021, -32022]) {
    test(`${code} keeps its data, byte for byte`, () =>
      assert.equal(outcome(error(code), tools), clean(code, 'Upstream error', ',"data":{"a": 1}')))
  }

  for (const code of [-32019, -32023, 32020, 32021, 32022]) {
    test(`${code} does not`, () =>
      assert.equal(outcome(error(code), tools), clean(code, 'Upstream error')))
  }

  test('that lack data get none', () => {
    const text = message('"id":1,"error":{"code":-32022,"message":"x"}')
    assert.equal(outcome(text, tools), clean(-32022, 'Upstream error'))
  })

  test('with space before them are read at the right place', () => {
    assert.equal(
      outcome(` \n${error(-32020)}`, tools),
      clean(-32020, 'Upstream error', ',"data":{"a": 1}'),
    )
  })

  test('on a replay are cleaned, for any id they may answer a list request', () => {
    const text = error(-32602, '"id":"q",')
    assert.deepEqual(judged(text, replay), {
      pass: 'changed',
      text: clean(-32602, 'Invalid params', '', '"id":"q",'),
      hidden: {},
      value: JSON.parse(text),
    })
  })

  test('without an id pass on a replay and on a call, and are cleaned on a list request', () => {
    for (const id of ['', '"id":null,']) {
      assert.equal(outcome(error(1, id), replay), 'same')
      assert.equal(outcome(error(1, id), call), 'same')
      assert.equal(outcome(error(1, id), tools), clean(1, 'Upstream error', '', id))
    }
  })

  test('of a call pass as they came', () => assert.equal(outcome(error(-32602), call), 'same'))
})

describe('privacy (R34, R35, T105)', () => {
  const rule = { ttlMs: 10, insert: true }
  const caching: Rules = { ...asking(true).rules, cacheFor: () => rule }
  const gated: Rules = { ...caching, privatize: true }
  const PUBLIC = '"ttlMs":99,"cacheScope":"public"'
  const PRIVATE = '"ttlMs":10,"cacheScope":"private"'
  const result = (members: string) => message(`"id":1,"result":{${members}}`)
  const cases: [name: string, from: string, expect: Expect, rules: Rules, to: string][] = [
    ['the answer of a call keeps what it says', PUBLIC, call, caching, 'same'],
    ['a gated answer is private', PUBLIC, call, gated, PRIVATE],
    ['a gated answer gets what is absent', '', call, gated, PRIVATE],
    ['a replay is private where it says so', PUBLIC, replay, caching, PRIVATE],
    ['a replay that says nothing stays', '"x":1', replay, caching, 'same'],
    ['a list is private', `"tools":[],${PUBLIC}`, tools, caching, `"tools":[],${PRIVATE}`],
    [
      'a replayed list is private and gets what is absent',
      '"tools":[]',
      replay,
      caching,
      `${PRIVATE},"tools":[]`,
    ],
    [
      'a replay of several lists gets it once',
      '"tools":[],"prompts":[]',
      replay,
      caching,
      `${PRIVATE},"tools":[],"prompts":[]`,
    ],
    [
      'nothing is done without a rule',
      PUBLIC,
      call,
      { ...gated, cacheFor: () => undefined },
      'same',
    ],
    [
      'nothing is done to a list without a rule',
      `"tools":[],${PUBLIC}`,
      tools,
      { ...gated, cacheFor: () => undefined },
      'same',
    ],
  ]
  for (const [name, from, expect, rules, to] of cases) {
    test(name, () =>
      assert.equal(outcome(result(from), expect, rules), to === 'same' ? to : result(to)),
    )
  }

  test('a list that only became private hides nothing', () => {
    const verdict = judged(result(`"tools":[],${PUBLIC}`), tools, caching)
    assert.deepEqual('hidden' in verdict && verdict.hidden, {})
  })

  test('the rule is asked for the era of the request', () => {
    const eras: string[] = []
    const cacheFor = (era: string) => {
      eras.push(era)
      return undefined
    }
    judged(result(''), call, { ...caching, cacheFor })
    judged(result(''), replay, { ...caching, cacheFor })
    assert.deepEqual(eras, ['modern', 'legacy'])
  })
})
