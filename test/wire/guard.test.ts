// The guard: passes every harmless message as it came, and stops a list in any chunking.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ListGuard } from '../../proxy/wire/guard.ts'
import { isListLike, privatize } from '../../proxy/wire/lists.ts'

const LISTED = { code: 'ERR_LIST_IN_STREAM' }
const cache = { ttlMs: 1000, insert: true }

function run(text: string, size: number, rule: typeof cache | undefined = undefined): string {
  const guard = new ListGuard({ cache: rule })
  const bytes = Buffer.from(text)
  const out: Uint8Array[] = []
  for (let i = 0; i < bytes.length; i += size) {
    out.push(...guard.push(bytes.subarray(i, i + size)).map((part) => part.slice()))
  }
  out.push(...guard.end())
  return Buffer.concat(out).toString()
}

function response(result: string): string {
  return `{"jsonrpc":"2.0","id":1,"result":${result}}`
}

describe('ListGuard', () => {
  const trips: [string, string][] = [
    ['a list in the result', response('{"content":[],"tools":[{"name":"s"}]}')],
    ['a list that is an object', response('{"tools":{}}')],
    ['an escaped list (T96)', response('{"to\\u006fls" : [1]}')],
    ['a folded list (T6)', response('{"Tool\u017f":[]}')],
    [
      'a long escaped list (T96)',
      response(
        `{"${[...'resourceTemplates'].map((c) => `\\u00${c.charCodeAt(0).toString(16)}`).join('')}":[]}`,
      ),
    ],
    ['a list beside the result (T95)', '{"prompts":[],"result":{}}'],
    ['a list in params', '{"method":"x","params":{"resources":[]}}'],
    ['a list in an error', '{"error":{"tasks":[]}}'],
    ['a list in the data of an error', '{"error":{"code":1,"data":{"tools":[]}}}'],
    ['a batch (T95)', `[${response('{}')}]`],
    ['a byte order mark', `\ufeff${response('{}')}`],
    ['a folded result (T6)', '{"Result":{"x":1}}'],
    ['two results (T96)', '{"result":{},"re\\u0073ult":{}}'],
    ['a result that is no object', '{"result":[{"tools":[]}]}'],
    ['a notification of a resource (T101)', '{"method":"x","params":{"uri":"a"}}'],
    ['an escaped task of a notification (R31)', '{"params":{"t\\u0061skId":1},"method":"x"}'],
    ['a second message', `${response('{}')}{}`],
    ['an incomplete message', '{"result":{}'],
    ['brackets that do not match', '{"result":{"a":[}]}'],
    ['a name that is not JSON', '{"result":{"to\\xols":1}}'],
    ['a missing colon', '{"result" {}}'],
    ['a missing comma', '{"a":1 "b":2}'],
    ['a bare word', '{"a":NaN}'.replace('NaN', '%')],
    ['too many levels', `{"a":${'['.repeat(1_000)}${']'.repeat(1_000)}}`],
    ['nothing', ''],
  ]
  for (const [name, text] of trips) {
    test(`${name} is stopped in every chunking`, () => {
      for (const size of [1, 2, 3, 7, 1 << 20]) assert.throws(() => run(text, size), LISTED)
    })
  }

  const passes: [string, string][] = [
    ['a scalar with the name of a list', response('{"tools":3,"tasks":"x","prompts":null}')],
    ['a list further down', response('{"structuredContent":{"tools":[1]},"a":[{"tools":[]}]}')],
    ['strings that look like lists', response('{"a":"\\"tools\\":[{","b":"\\\\","c":"\\\\\\""}')],
    ['space everywhere', ' \n{ "result" : { "a" : [ 1 , -2.5e+7 , true ] , "b" : { } } } \r\n'],
  ]
  for (const [name, text] of passes) {
    test(`${name} passes as it came in every chunking`, () => {
      for (const size of [1, 2, 3, 7, 1 << 20]) {
        assert.equal(run(text, size), text)
        assert.equal(run(text, size, { ...cache, insert: false }), text)
      }
    })
  }

  test('any result without a list passes as it came', () => {
    const result = fc
      .dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue())
      .filter((object) => !Object.keys(object).some(isListLike))
    fc.assert(
      fc.property(
        result,
        fc.integer({ min: 1, max: 40 }),
        fc.constantFrom('', ' '),
        (o, n, space) => {
          const text = JSON.stringify({ jsonrpc: '2.0', id: 1, result: o }, undefined, space)
          assert.equal(run(text, n), text)
        },
      ),
    )
  })

  test('without a cache rule the chunk itself is passed on, not a copy', () => {
    const chunk = Buffer.from(response('{}'))
    assert.equal(new ListGuard({ cache: undefined }).push(chunk)[0], chunk)
  })

  const rewrites: [string, string, string][] = [
    [
      'what is public becomes private (T105)',
      '{"a":1,"cacheScope":"public","ttlMs":5}',
      '{"a":1,"cacheScope":"private","ttlMs":5}',
    ],
    [
      'a long time is capped (R35)',
      '{"ttlMs": 300000 ,"cacheScope":"private"}',
      '{"ttlMs": 1000 ,"cacheScope":"private"}',
    ],
    [
      'odd values are replaced',
      '{"ttlMs":"5","cacheScope":null}',
      '{"ttlMs":0,"cacheScope":"private"}',
    ],
    [
      'endless values are replaced',
      `{"ttlMs":1${'0'.repeat(200)},"cacheScope":"${'x'.repeat(500)}"}`,
      '{"ttlMs":0,"cacheScope":"private"}',
    ],
    [
      'what is absent is added last',
      '{"a":[1] }',
      '{"a":[1] ,"ttlMs":1000,"cacheScope":"private"}',
    ],
    ['an empty result gets both', '{}', '{"ttlMs":1000,"cacheScope":"private"}'],
    [
      'a complete result gets both',
      '{"resultType":"complete"}',
      '{"resultType":"complete","ttlMs":1000,"cacheScope":"private"}',
    ],
    [
      'an unfinished result gets none (R34)',
      '{"resultType":"input_required"}',
      '{"resultType":"input_required"}',
    ],
    [
      'members further down stay',
      '{"x":{"ttlMs":9999},"ttlMs":1,"cacheScope":"private"}',
      '{"x":{"ttlMs":9999},"ttlMs":1,"cacheScope":"private"}',
    ],
  ]
  for (const [name, from, to] of rewrites) {
    test(`${name} in every chunking`, () => {
      for (const size of [1, 2, 3, 7, 1 << 20]) {
        assert.equal(run(response(from), size, cache), response(to))
      }
    })
  }

  test('it rewrites what is there as the buffered path does', () => {
    const value = fc.oneof(
      fc.integer(),
      fc.double({ min: 0, noNaN: true }),
      fc.constantFrom('public', 'private', null, true),
    )
    const rule = { ttlMs: 1000, insert: false }
    fc.assert(
      fc.property(
        value,
        value,
        fc.jsonValue(),
        fc.integer({ min: 1, max: 9 }),
        (ttlMs, cacheScope, x, n) => {
          const text = JSON.stringify({ id: 1, result: { ttlMs, x, cacheScope } })
          assert.equal(run(text, n, rule), privatize(text, rule))
        },
      ),
    )
  })

  test('a cache member that is no scalar is stopped', () => {
    assert.throws(() => run(response('{"cacheScope":{}}'), 5, cache), LISTED)
    assert.throws(() => run(response(`{"resultType":"${'x'.repeat(99)}"}`), 5, cache), LISTED)
  })
})
