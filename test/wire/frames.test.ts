// Frames: which messages of the upstream pass, pass filtered, or are dropped.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Target } from '../../proxy/types.ts'
import { type Expect, judgeFrame, type Rules } from '../../proxy/wire/frames.ts'

const call: Expect = { id: 1, list: undefined, era: 'modern' }
const tools: Expect = { id: 1, list: 'tools', era: 'modern' }
const replay: Expect = { id: undefined, list: undefined, era: 'legacy' }
const rules: Rules = {
  may: ({ name }: Target) => name.startsWith('public'),
  cacheFor: () => undefined,
  privatize: false,
}

function outcome(text: string, expect: Expect, by: Rules = rules): string {
  const verdict = judgeFrame(text, expect, by)
  if ('drop' in verdict) return `drop ${verdict.drop}`
  return verdict.pass === 'same' ? 'same' : verdict.text
}

function message(members: string): string {
  return `{"jsonrpc":"2.0",${members}}`
}

describe('shapes (T95)', () => {
  const cases: [string, string, string][] = [
    ['a result', message('"id":1,"result":{"a":1}'), 'same'],
    ['an error', message('"id":1,"error":{"code":-1,"message":"x"}'), 'same'],
    ['an error without an id', message('"error":{"code":-1,"message":"x"}'), 'same'],
    ['an error with id null', message('"id":null,"error":{"code":-1,"message":"x"}'), 'same'],
    ['a request', message('"id":"s1","method":"ping"'), 'same'],
    ['a notification', message('"method":"notifications/tools/list_changed"'), 'same'],
    ['a result that is also a call', message('"id":1,"result":{},"method":"x"'), 'drop bad_shape'],
    ['a result and an error', message('"id":1,"result":{},"error":null'), 'drop bad_shape'],
    ['a result with params', message('"id":1,"result":{},"params":{}'), 'drop bad_shape'],
    ['a result without an id', message('"result":{}'), 'drop bad_shape'],
    ['a result with an object as id', message('"id":{},"result":{}'), 'drop bad_shape'],
    ['a result with a fraction as id', message('"id":1.5,"result":{}'), 'drop bad_shape'],
    ['a result that is an array', message('"id":1,"result":[]'), 'drop bad_shape'],
    ['a request with id null', message('"id":null,"method":"x"'), 'drop bad_shape'],
    [
      'a request with a list as params',
      message('"id":1,"method":"x","params":[]'),
      'drop bad_shape',
    ],
    ['a method that is no string', message('"method":["x"]'), 'drop bad_shape'],
    ['an error without a code', message('"id":1,"error":{"message":"x"}'), 'drop bad_shape'],
    ['no jsonrpc', '{"id":1,"result":{}}', 'drop bad_shape'],
    ['nothing in it', message('"id":1'), 'drop bad_shape'],
    ['a string', '"x"', 'drop bad_shape'],
    ['a batch', `[${message('"id":1,"result":{}')}]`, 'drop batch'],
    ['another id', message('"id":2,"result":{}'), 'drop wrong_id'],
    ['the same id as a string', message('"id":"1","result":{}'), 'drop wrong_id'],
    [
      'an error with another id',
      message('"id":2,"error":{"code":1,"message":""}'),
      'drop wrong_id',
    ],
    ['bad JSON (T94)', '{bad', 'drop syntax'],
    ['a repeated member (T96)', message('"id":1,"result":{"a":1,"a":2}'), 'drop duplicate_key'],
    ['a folded result (T6)', message('"id":1,"result":{},"Result":{}'), 'drop look_alike'],
    ['a folded method (T6)', message('"\uff4dethod":"x","id":1,"result":{}'), 'drop look_alike'],
    [
      'a hundred and thirty levels',
      message(`"id":1,"result":{"a":${'['.repeat(130)}${']'.repeat(130)}}`),
      'drop too_deep',
    ],
  ]
  for (const [name, text, expected] of cases) {
    test(`${name}: ${expected}`, () => assert.equal(outcome(text, call), expected))
  }
})

describe('lists', () => {
  const list = '"tools":[{"name":"public"},{"name":"secret"}]'

  test('the list asked for is filtered', () => {
    const verdict = judgeFrame(message(`"id":1,"result":{${list}}`), tools, rules)
    assert.ok('pass' in verdict && verdict.pass === 'changed')
    assert.equal(verdict.text, message('"id":1,"result":{"tools":[{"name":"public"}]}'))
    assert.deepEqual(verdict.hidden, { tools: 1 })
    assert.ok(verdict.value['result'])
  })

  test('on a replay every list is filtered by its own predicate (R30, T100)', () => {
    const text = message(
      `"id":7,"result":{${list},"resources":[{"uri":"secret"}],"tasks":[{"taskId":"x"}]}`,
    )
    const verdict = judgeFrame(text, replay, rules)
    assert.ok('pass' in verdict && verdict.pass === 'changed')
    assert.equal(
      verdict.text,
      message('"id":7,"result":{"tools":[{"name":"public"}],"resources":[],"tasks":[]}'),
    )
    assert.deepEqual(verdict.hidden, { tools: 1, resources: 1, tasks: 1 })
  })

  const cases: [string, string, Expect, string][] = [
    ['a list nobody asked for', `"id":1,"result":{${list}}`, call, 'drop misplaced_list'],
    [
      'another list than asked for',
      '"id":1,"result":{"tools":[],"prompts":[]}',
      tools,
      'drop misplaced_list',
    ],
    ['no list where one was asked for', '"id":1,"result":{}', tools, 'drop list_missing'],
    [
      'an object where a list was asked for',
      '"id":1,"result":{"tools":{}}',
      tools,
      'drop list_missing',
    ],
    ['a folded list (T6)', '"id":1,"result":{"tools":[],"Tools":[]}', tools, 'drop misplaced_list'],
    [
      'a folded list on a replay (T6)',
      '"id":1,"result":{"tool\u017f":[]}',
      replay,
      'drop misplaced_list',
    ],
    ['an object as list on a replay', '"id":1,"result":{"tools":{}}', replay, 'drop list_missing'],
    [
      'a list within another member of a list',
      `"id":1,"result":{"tools":[],"x":[{"_meta":{${list}}}]}`,
      tools,
      'drop misplaced_list',
    ],
    ['a list beside the result', '"id":1,"result":{},"tools":[]', call, 'drop misplaced_list'],
    [
      'a list in a notification',
      `"method":"notifications/message","params":{${list}}`,
      call,
      'drop misplaced_list',
    ],
    [
      'a list in an error',
      `"id":1,"error":{"code":1,"message":"",${list}}`,
      call,
      'drop misplaced_list',
    ],
    [
      'a list in error data',
      `"id":1,"error":{"code":1,"message":"","data":{${list}}}`,
      tools,
      'drop misplaced_list',
    ],
    [
      'tools of sampling (R29)',
      `"id":9,"method":"sampling/createMessage","params":{${list}}`,
      call,
      'same',
    ],
    [
      'prompts of sampling',
      '"id":9,"method":"sampling/createMessage","params":{"prompts":[]}',
      call,
      'drop misplaced_list',
    ],
    [
      'a list in an acknowledged subscription (T95)',
      '"method":"notifications/subscriptions/acknowledged","params":{"tools":{}}',
      call,
      'drop misplaced_list',
    ],
    ['a list further down', '"id":1,"result":{"structuredContent":{"tools":[]}}', call, 'same'],
    ['a scalar with the name of a list', '"id":1,"result":{"tools":1}', call, 'same'],
  ]
  for (const [name, members, expect, expected] of cases) {
    test(`${name}: ${expected}`, () => assert.equal(outcome(message(members), expect), expected))
  }
})

describe('notifications about targets (R28, T101)', () => {
  const cases: [string, string, string][] = [
    ['resources/updated', '{"uri":"public:1"}', 'same'],
    ['resources/updated', '{"uri":"secret:1"}', 'drop target_denied'],
    ['resources/updated', '{"uri":1}', 'drop target_denied'],
    ['resources/updated', '{"uri":"public:1","URI":"secret:1"}', 'drop target_denied'],
    ['tasks/status', '{"taskId":"public"}', 'same'],
    ['tasks/status', '{"taskId":"other"}', 'drop target_denied'],
    ['tasks', '{}', 'drop target_denied'],
  ]
  for (const [method, params, expected] of cases) {
    test(`${method} ${params}: ${expected}`, () => {
      const text = message(`"method":"notifications/${method}","params":${params}`)
      assert.equal(outcome(text, replay), expected)
    })
  }
})

describe('errors for list requests (T102)', () => {
  test('the text of the upstream is replaced and its data is gone', () => {
    const error = '{"code":-32602,"message":"Available: secret","data":"secret"}'
    const text = message(`"id":1,"error":${error},"note":"secret"`)
    const clean = '{"code":-32602,"message":"Invalid params"}'
    assert.equal(outcome(text, tools), message(`"id":1,"error":${clean}`))
  })

  test('an unknown code gets one sentence, and no id stays no id', () => {
    const text = message('"error":{"code":7,"message":"secret"}')
    const clean = '{"code":7,"message":"Upstream error"}'
    assert.equal(outcome(text, tools), message(`"error":${clean}`))
  })

  test('data the client acts on is kept byte for byte', () => {
    const data = '{ "supported": ["2026-07-28"], "n": 12345678901234567890 }'
    const text = message(`"id":1,"error":{"code":-32022,"message":"x","data":${data}}`)
    const clean = `{"code":-32022,"message":"Upstream error","data":${data}}`
    assert.equal(outcome(text, tools), message(`"id":1,"error":${clean}`))
  })
})

describe('cache members (R35, T105)', () => {
  const caching: Rules = { ...rules, cacheFor: () => ({ ttlMs: 10, insert: true }) }

  test('a filtered list becomes private', () => {
    const text = message('"id":1,"result":{"tools":[],"cacheScope":"public","ttlMs":99}')
    const expected = message('"id":1,"result":{"tools":[],"cacheScope":"private","ttlMs":10}')
    assert.equal(outcome(text, tools, caching), expected)
  })

  test('a gated result becomes private only when the rules say so', () => {
    const text = message('"id":1,"result":{"contents":[]}')
    const expected = message('"id":1,"result":{"ttlMs":10,"cacheScope":"private","contents":[]}')
    assert.equal(outcome(text, call, caching), 'same')
    assert.equal(outcome(text, call, { ...caching, privatize: true }), expected)
  })

  test('a replayed result keeps what it has, but private', () => {
    const text = message('"id":1,"result":{"contents":[],"cacheScope":"public"}')
    const expected = message('"id":1,"result":{"contents":[],"cacheScope":"private"}')
    assert.equal(outcome(text, replay, caching), expected)
    assert.equal(outcome(message('"id":1,"result":{}'), replay, caching), 'same')
  })
})
