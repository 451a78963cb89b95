// Capabilities: what is cut out of an announcement, and that nothing else changes.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { cutCapabilities, offersTasks } from '../../proxy/wire/capabilities.ts'

const TASKS = '"io.modelcontextprotocol/tasks":{}'
const UI = '"io.modelcontextprotocol/ui": {"mimeTypes":["text/html"]}'
const answer = (capabilities: string) =>
  `{"jsonrpc":"2.0","id":1,"result":{"capabilities":${capabilities},"serverInfo":{}}}`

describe('cutting (R61)', () => {
  const cases: [name: string, from: string, to: string][] = [
    ['the first', `{"extensions":{"x":{}, ${TASKS}}}`, `{"extensions":{${TASKS}}}`],
    ['the last', `{"extensions":{ ${TASKS} , "x":{"a":[1]} }}`, `{"extensions":{ ${TASKS} }}`],
    ['the middle', `{"extensions":{${TASKS},"x":1,${UI}}}`, `{"extensions":{${TASKS},${UI}}}`],
    [
      'all around what is known',
      `{"extensions":{"a":1,"b":2,${TASKS},"c":3,"d":4,${UI},"e":5}}`,
      `{"extensions":{${TASKS},${UI}}}`,
    ],
    [
      'all of it',
      '{"extensions":{ "x":{} , "y":{} },"tools":{}}',
      '{"extensions":{  },"tools":{}}',
    ],
    ['what is experimental', '{"experimental":{"x":{},"y":1}}', '{"experimental":{}}'],
    [
      'a known name that is experimental',
      `{"experimental":{${TASKS}},"extensions":{${TASKS},"x":1}}`,
      `{"experimental":{},"extensions":{${TASKS}}}`,
    ],
    [
      'an escaped name, by what it means (T3)',
      '{"extensions":{"\\u0069o.modelcontextprotocol/ui":1,"\\u0078":2}}',
      '{"extensions":{"\\u0069o.modelcontextprotocol/ui":1}}',
    ],
  ]
  for (const [name, from, to] of cases) {
    test(`${name} is cut`, () => assert.equal(cutCapabilities(answer(from)), answer(to)))
  }

  test('every extension whose methods are known stays', () => {
    const known = ['tasks', 'ui', 'oauth-client-credentials', 'enterprise-managed-authorization']
    const members = known.map((name) => `"io.modelcontextprotocol/${name}":{}`)
    const text = answer(`{"extensions":{${members.join(',')}}}`)
    assert.equal(cutCapabilities(text), text)
  })

  const kept = [
    answer('{}'),
    answer('{"tools":{"listChanged":true},"x":{"extensions":{"x":1}}}'),
    answer('{"extensions":{},"experimental":{}}'),
    answer('{"extensions":["x"],"experimental":1}'),
    answer('["extensions"]'),
    '{"jsonrpc":"2.0","id":1,"result":{"extensions":{"x":1}}}',
    '{"jsonrpc":"2.0","id":1,"result":[]}',
    '{"jsonrpc":"2.0","id":1,"error":{"capabilities":{"extensions":{"x":1}}}}',
    '{"capabilities":{"extensions":{"x":1}}}',
    '[]',
  ]
  for (const text of kept) {
    test(`${text} stays as it is`, () => assert.equal(cutCapabilities(text), text))
  }

  test('space before the message changes nothing', () => {
    const text = answer('{"experimental":{"x":1}}')
    assert.equal(cutCapabilities(`\n ${text}`), `\n ${answer('{"experimental":{}}')}`)
  })
})

describe('tasks are offered (R61)', () => {
  const cases: [result: unknown, offers: boolean][] = [
    [{ capabilities: { tasks: {} } }, true],
    [{ capabilities: { tasks: { list: {} } } }, true],
    [{ capabilities: { extensions: { 'io.modelcontextprotocol/tasks': {} } } }, true],
    [{ capabilities: { extensions: { 'io.modelcontextprotocol/tasks': null } } }, true],
    [{ capabilities: { tasks: true } }, false],
    [{ capabilities: { tasks: null } }, false],
    [{ capabilities: { tasks: [] } }, false],
    [{ capabilities: { extensions: { x: {} } } }, false],
    [{ capabilities: { extensions: 'io.modelcontextprotocol/tasks' } }, false],
    [{ capabilities: { 'io.modelcontextprotocol/tasks': {} } }, false],
    [{ capabilities: {} }, false],
    [{ capabilities: null }, false],
    [{ tasks: {} }, false],
    [null, false],
    [[], false],
    [undefined, false],
  ]
  for (const [result, offers] of cases) {
    test(`${offers ? 'by' : 'not by'} ${JSON.stringify(result)}`, () => {
      const value = result === undefined ? {} : { result: result as null }
      assert.equal(offersTasks(value), offers)
    })
  }
})
