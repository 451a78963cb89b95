// The tables of the two eras: which methods each has, and what a method names or lists (R20).

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Era } from '../../proxy/types.ts'
import {
  envelopeOf,
  isObject,
  KNOWN_EXTENSIONS,
  METHODS,
  MODERN_VERSION,
  TASKS_EXTENSION,
  VERSION_KEY,
} from '../../proxy/wire/eras.ts'

const tool = { names: { kind: 'tool', member: 'name' } }
const prompt = { names: { kind: 'prompt', member: 'name' } }
const resource = { names: { kind: 'resource', member: 'uri' } }
const task = { names: { kind: 'task', member: 'taskId' } }
const both: readonly Era[] = ['legacy', 'modern']
const legacy: readonly Era[] = ['legacy']
const modern: readonly Era[] = ['modern']

// protocol.md section 3, row by row.
const rows: [method: string, eras: readonly Era[], row: object][] = [
  ['tools/list', both, { list: 'tools' }],
  ['tools/call', both, tool],
  ['prompts/list', both, { list: 'prompts' }],
  ['prompts/get', both, prompt],
  ['resources/list', both, { list: 'resources' }],
  ['resources/templates/list', both, { list: 'resourceTemplates' }],
  ['resources/read', both, resource],
  ['completion/complete', both, { special: 'completion' }],
  ['tasks/get', both, task],
  ['tasks/cancel', both, task],
  ['notifications/cancelled', both, {}],
  ['notifications/progress', both, {}],
  ['initialize', legacy, {}],
  ['ping', legacy, {}],
  ['logging/setLevel', legacy, {}],
  ['resources/subscribe', legacy, resource],
  ['resources/unsubscribe', legacy, resource],
  ['tasks/result', legacy, task],
  ['tasks/list', legacy, { list: 'tasks' }],
  ['notifications/initialized', legacy, {}],
  ['notifications/roots/list_changed', legacy, {}],
  ['notifications/tasks/status', legacy, {}],
  ['server/discover', modern, {}],
  ['subscriptions/listen', modern, { special: 'listen', stream: true }],
  ['tasks/update', modern, task],
]

describe('methods (R20)', () => {
  for (const [method, eras, row] of rows) {
    test(`${method} is known in ${eras.join(' and ')} alone`, () => {
      for (const era of both)
        assert.deepEqual(METHODS[era].get(method), eras.includes(era) ? row : undefined)
    })
  }

  test('there is no further method', () => {
    for (const era of both) {
      const known = rows.filter(([, eras]) => eras.includes(era)).map(([method]) => method)
      assert.deepEqual([...METHODS[era].keys()].sort(), known.sort())
    }
  })
})

test('the constants are those of the specification', () => {
  assert.equal(MODERN_VERSION, '2026-07-28')
  assert.equal(VERSION_KEY, 'io.modelcontextprotocol/protocolVersion')
  assert.equal(TASKS_EXTENSION, 'io.modelcontextprotocol/tasks')
  assert.deepEqual(
    [...KNOWN_EXTENSIONS],
    [
      'io.modelcontextprotocol/tasks',
      'io.modelcontextprotocol/ui',
      'io.modelcontextprotocol/oauth-client-credentials',
      'io.modelcontextprotocol/enterprise-managed-authorization',
    ],
  )
})

test('an envelope is a _meta that names a revision, whatever the revision is', () => {
  for (const version of [MODERN_VERSION, '1', null, 7]) {
    const _meta = { [VERSION_KEY]: version, other: 1 }
    assert.equal(envelopeOf({ _meta }), _meta)
  }
  for (const params of [{}, { _meta: {} }, { _meta: null }, { _meta: 'x' }, { _meta: [] }])
    assert.equal(envelopeOf(params), undefined)
  assert.equal(envelopeOf({ [VERSION_KEY]: MODERN_VERSION }), undefined)
})

test('an object is neither null, nor an array, nor a scalar', () => {
  for (const value of [{}, { a: 1 }]) assert.equal(isObject(value), true)
  for (const value of [null, [], 'x', 1, true, undefined]) assert.equal(isObject(value), false)
})
