// One message of MCP out of strict JSON: what it becomes, and which fact a refusal rests on.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { VERSION_KEY } from '../../proxy/wire/eras.ts'
import { toMessage } from '../../proxy/wire/jsonrpc.ts'

const MAX_DEPTH = 8
const toBytes = (text: string) => new TextEncoder().encode(text)
const read = (text: string) => toMessage(toBytes(text), MAX_DEPTH)
/** A request with these further members. */
const asked = (members: string) => `{"jsonrpc":"2.0","id":1,"method":"m"${members}}`

describe('what is a message', () => {
  const text = ' \n{"jsonrpc":"2.0", "id" : 7 ,"method":"m","params":{"a":[1]}}'

  test('a request keeps its id, its method, its params and the very bytes (law 1)', () => {
    const bytes = toBytes(text)
    const message = toMessage(bytes, MAX_DEPTH)
    assert.ok('kind' in message)
    assert.deepEqual(message, {
      kind: 'request',
      bytes,
      text,
      id: 7,
      method: 'm',
      params: { a: [1] },
    })
    assert.equal(message.bytes, bytes)
  })

  test('without an id it is a notification, and without params they are empty', () => {
    const note = '{"jsonrpc":"2.0","method":"notifications/x"}'
    assert.deepEqual(read(note), {
      kind: 'notification',
      bytes: toBytes(note),
      text: note,
      method: 'notifications/x',
      params: {},
    })
  })

  for (const answer of ['"result":1', '"result":null', '"error":{"code":1}']) {
    test(`with an id and ${answer} it is a response (T18)`, () => {
      const text = `{"jsonrpc":"2.0","id":"a",${answer}}`
      assert.deepEqual(read(text), {
        kind: 'response',
        bytes: toBytes(text),
        text,
        id: 'a',
        params: {},
      })
    })
  }

  const ids: [written: string, id: string | number][] = [
    ['0', 0],
    ['-1', -1],
    ['9007199254740991', 9_007_199_254_740_991],
    ['-9007199254740991', -9_007_199_254_740_991],
    ['""', ''],
    ['"1"', '1'],
    ['"\\u0061"', 'a'],
    [`"${'x'.repeat(256)}"`, 'x'.repeat(256)],
  ]
  for (const [written, id] of ids) {
    test(`the id ${written.slice(0, 20)} is read as it is written (T13)`, () => {
      const message = read(`{"jsonrpc":"2.0","id": ${written} ,"method":"m"}`)
      assert.equal('kind' in message && message.kind === 'request' && message.id, id)
    })
  }

  test('every member that MCP knows may stand beside the others', () => {
    const nested = {
      ref: { type: 't', name: 'n', uri: 'u' },
      _meta: { [VERSION_KEY]: 'v', other: 1 },
      notifications: { resourceSubscriptions: [], taskIds: [] },
    }
    const params = {
      name: 'n',
      uri: 'u',
      arguments: { Name: 1, NAME: 2 },
      taskId: 't',
      task: {},
      cursor: 'c',
      inputResponses: {},
      requestState: 's',
      unknown: 1,
      ...nested,
    }
    const message = read(asked(`,"params":${JSON.stringify(params)}`))
    assert.deepEqual('params' in message && message.params, params)
  })

  test('the depth bound is the one that was given (T14)', () => {
    const deep = asked(`,"params":{"a":${'['.repeat(7)}${']'.repeat(7)}}`)
    assert.ok('fault' in read(deep))
    assert.ok('kind' in toMessage(toBytes(deep), MAX_DEPTH + 1))
  })
})

describe('what is none', () => {
  const NAMED = '"id" is neither a string nor a plain integer'
  const cases: [name: string, text: string, fault: string, detail: string, id?: unknown][] = [
    ['text that is not JSON (T19)', '{', 'not_json', 'text is not JSON'],
    ['a byte order mark (T8)', '\ufeff{}', 'not_json', 'text starts with a byte order mark'],
    [
      'a member that comes twice (T1)',
      asked(',"id":2'),
      'duplicate_key',
      'a member name appears twice in one object',
    ],
    [
      'text that is too deep (T14)',
      '['.repeat(9) + ']'.repeat(9),
      'too_deep',
      'text is nested too deeply',
    ],
    [
      'a member named __proto__ (T5)',
      asked(',"__proto__":1'),
      'invalid_message',
      'a member is named "__proto__"',
    ],
    [
      'an object of too many members (T20)',
      asked(Array.from({ length: 1_000 }, (_, n) => `,"k${n}":0`).join('')),
      'invalid_message',
      'an object has too many members',
    ],
    ['a batch (T15, R9)', `[${asked('')}]`, 'batch', 'the body is an array'],
    ['a string', '"x"', 'invalid_message', 'the body is not an object'],
    ['null', 'null', 'invalid_message', 'the body is not an object'],
    ['an id that is null (T13)', '{"jsonrpc":"2.0","id":null}', 'invalid_message', NAMED],
    ['an id that is true (T13)', '{"jsonrpc":"2.0","id":true}', 'invalid_message', NAMED],
    ['an id that is an object (T13)', '{"jsonrpc":"2.0","id":{}}', 'invalid_message', NAMED],
    ['an id with a fraction (T13)', '{"jsonrpc":"2.0","id":1.5}', 'invalid_message', NAMED],
    ['an id written as a fraction (T13)', '{"jsonrpc":"2.0","id":1.0}', 'invalid_message', NAMED],
    ['an id with an exponent (T13)', '{"jsonrpc":"2.0","id":1e2}', 'invalid_message', NAMED],
    ['an id of minus zero (T13)', '{"jsonrpc":"2.0","id":-0}', 'invalid_message', NAMED],
    [
      'an id beyond 2^53 - 1 (T13)',
      '{"jsonrpc":"2.0","id":9007199254740992}',
      'invalid_message',
      NAMED,
    ],
    [
      'an id of 257 characters (T13)',
      `{"jsonrpc":"2.0","id":"${'x'.repeat(257)}","method":"m"}`,
      'invalid_message',
      '"id" is longer than 256 characters',
    ],
    ['no jsonrpc', '{"id":1,"method":"m"}', 'invalid_message', '"jsonrpc" is not "2.0"', 1],
    [
      'another jsonrpc',
      '{"jsonrpc":"1.0","id":1,"method":"m"}',
      'invalid_message',
      '"jsonrpc" is not "2.0"',
      1,
    ],
    [
      'neither a method nor an answer',
      '{"jsonrpc":"2.0","id":1}',
      'invalid_message',
      'neither a method nor exactly one of result, error',
      1,
    ],
    [
      'a result beside an error',
      '{"jsonrpc":"2.0","id":1,"result":1,"error":{}}',
      'invalid_message',
      'neither a method nor exactly one of result, error',
      1,
    ],
    [
      'an answer without an id (T18)',
      '{"jsonrpc":"2.0","result":1}',
      'invalid_message',
      'a response without an id',
    ],
    [
      'an error that is no object',
      '{"jsonrpc":"2.0","id":1,"error":"x"}',
      'invalid_message',
      '"error" is not an object',
      1,
    ],
    [
      'a method beside a result',
      asked(',"result":1'),
      'invalid_message',
      'a method beside a result or an error',
      1,
    ],
    [
      'a method beside an error',
      asked(',"error":null'),
      'invalid_message',
      'a method beside a result or an error',
      1,
    ],
    [
      'a method that is no string (T16)',
      '{"jsonrpc":"2.0","id":1,"method":["m"]}',
      'invalid_message',
      '"method" is not a string',
      1,
    ],
    [
      'params that are an array (T17)',
      asked(',"params":[]'),
      'invalid_message',
      '"params" is not an object',
      1,
    ],
    [
      'params that are null (T17)',
      asked(',"params":null'),
      'invalid_message',
      '"params" is not an object',
      1,
    ],
    [
      'a _meta that is no object',
      asked(',"params":{"_meta":"x"}'),
      'invalid_message',
      '"params._meta" is not an object',
      1,
    ],
  ]
  for (const [name, text, fault, detail, id] of cases) {
    test(`${name} is refused`, () => assert.deepEqual(refusalOf(read(text)), { fault, detail, id }))
  }

  test('bytes that are not UTF-8 are refused (T11)', () => {
    const refused = toMessage(new Uint8Array([0x22, 0xff, 0x22]), MAX_DEPTH)
    assert.deepEqual(refusalOf(refused), {
      fault: 'not_json',
      detail: 'text is not UTF-8',
      id: undefined,
    })
  })
})

describe('members that another reader could take for ours (T6)', () => {
  const envelope = ['jsonrpc', 'id', 'method', 'params', 'result', 'error']
  const params = [
    'name',
    'uri',
    'arguments',
    '_meta',
    'ref',
    'taskId',
    'task',
    'cursor',
    'notifications',
    'inputResponses',
    'requestState',
  ]
  const nested: [holder: string, members: string[]][] = [
    ['ref', ['type', 'name', 'uri']],
    ['_meta', [VERSION_KEY]],
    ['notifications', ['resourceSubscriptions', 'taskIds']],
  ]
  const places: [twin: string, wrap: (name: string) => string][] = [
    ...envelope.map((name) => [name, (key: string) => asked(`,${key}:1`)] as const),
    ...params.map((name) => [name, (key: string) => asked(`,"params":{${key}:1}`)] as const),
    ...nested.flatMap(([holder, members]) =>
      members.map(
        (name) => [name, (key: string) => asked(`,"params":{"${holder}":{${key}:1}}`)] as const,
      ),
    ),
  ].map(([twin, wrap]) => [twin, wrap])
  for (const [twin, wrap] of places) {
    const wide = String.fromCharCode(twin.charCodeAt(0) + 0xfee0) + twin.slice(1)
    for (const spelling of [twin.toUpperCase(), wide]) {
      test(`${wrap(JSON.stringify(spelling))} is refused`, () => {
        assert.deepEqual(refusalOf(read(wrap(JSON.stringify(spelling)))), {
          fault: 'invalid_message',
          detail: `a member name differs from "${twin}" only by case or form`,
          id: undefined,
        })
      })
    }
  }

  test('an escaped name is compared by what it means (T3)', () => {
    assert.ok('fault' in read(asked(',"M\\u0065thod":1')))
  })

  test('arguments may hold what they like', () => {
    assert.ok('kind' in read(asked(',"params":{"arguments":{"URI":1,"Name":1}}')))
  })
})

/** The refusal with its id spelt out, or the message that was not refused. */
function refusalOf(read: ReturnType<typeof toMessage>) {
  return 'fault' in read ? { ...read, id: read.id } : read
}
