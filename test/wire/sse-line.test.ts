// What each line of an event stream may carry: every field, and the bounds of its value (T99).

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { classifyLine } from '../../proxy/wire/sse-line.ts'

const classify = (line: string) => classifyLine(Buffer.from(line, 'latin1'))

describe('data', () => {
  const cases: [line: string, at: number][] = [
    ['data', 4],
    ['data:', 5],
    ['data: ', 6],
    ['data:x', 5],
    ['data: x', 6],
    ['data:  x', 6],
    ['data:\tx', 5],
    [`data: ${'x'.repeat(10_000)}`, 6],
  ]
  for (const [line, at] of cases) {
    test(`"${line.slice(0, 12)}" has its payload at ${at}`, () =>
      assert.deepEqual(classify(line), { kind: 'data', at }))
  }

  for (const line of [
    'dat',
    'dat:x',
    'datax',
    'data x',
    'data\t:x',
    'xata:x',
    'dxta:x',
    'daxa:x',
    'datx:x',
    ' data:x',
    'Data:x',
    'dataa:x',
  ])
    test(`"${line}" is no data`, () => assert.deepEqual(classify(line), { kind: 'cut' }))
})

describe('comments (R4)', () => {
  const kept = [
    ':',
    ': ',
    ':ping',
    ': ping',
    ':  ping',
    ': PING',
    ': keepalive',
    ': keep-alive',
    ': heartbeat',
    ': connected',
    ': ok',
    ': 1',
    ': ping 42',
    ': ping - 2026-01-01T10:00:00.1Z',
    ': 2026-01-01 10:00:00+00:00',
    ':\tok',
    `:${' '.repeat(63)}`,
  ]
  for (const line of kept)
    test(`"${line}" stays`, () => assert.deepEqual(classify(line), { kind: 'keep' }))

  const hushed = [
    ': {"tools":[]}',
    ': pong',
    ': ping pong',
    ': pingx',
    ': x ping',
    ': a',
    ': keep alive',
    ': ok!',
    ':: ping',
    ': \u00e9',
    `:${' '.repeat(64)}`,
    `: ${'1'.repeat(100)}`,
  ]
  for (const line of hushed)
    test(`"${line.slice(0, 20)}" is emptied`, () =>
      assert.deepEqual(classify(line), { kind: 'hush' }))
})

describe('event types', () => {
  for (const type of ['message', 'ping', 'error', 'endpoint', 'heartbeat', 'keepalive', ''])
    test(`"${type}" stays`, () => {
      assert.deepEqual(classify(`event:${type}`), { kind: 'keep' })
      assert.deepEqual(classify(`event: ${type}`), { kind: 'keep' })
    })

  test('none stays', () => assert.deepEqual(classify('event'), { kind: 'keep' }))

  for (const type of ['tools', 'Message', 'message ', ' message', 'mess', '{', 'x'.repeat(700)])
    test(`"${type.slice(0, 12)}" is refused`, () =>
      assert.deepEqual(classify(`event: ${type}`), { kind: 'refuse' }))
})

describe('ids', () => {
  for (const id of ['', '1', 'a_b-c/d+e=', '!~', 'x'.repeat(512)])
    test(`"${id.slice(0, 12)}" of ${id.length} stays`, () => {
      assert.deepEqual(classify(`id:${id}`), { kind: 'keep' })
      assert.deepEqual(classify(`id: ${id}`), { kind: 'keep' })
    })

  test('none stays', () => assert.deepEqual(classify('id'), { kind: 'keep' }))

  const cut = [
    '{',
    '}',
    '[',
    ']',
    '"',
    'a"b',
    '{"tools":[]}',
    'a b',
    ' a',
    'a\0',
    '\x7f',
    'é',
    'x'.repeat(513),
    'x'.repeat(5_000),
  ]
  for (const id of cut)
    test(`"${id.slice(0, 12)}" of ${id.length} is cut`, () =>
      assert.deepEqual(classify(`id: ${id}`), { kind: 'cut' }))
})

describe('retries', () => {
  for (const time of ['0', '3000', '9'.repeat(16)])
    test(`${time} stays`, () => {
      assert.deepEqual(classify(`retry:${time}`), { kind: 'keep' })
      assert.deepEqual(classify(`retry: ${time}`), { kind: 'keep' })
    })

  for (const time of ['', ' 1', '1 ', '1s', 'x1', '-1', '1.5', '1'.repeat(17), '\u0661'])
    test(`"${time}" is cut`, () => assert.deepEqual(classify(`retry: ${time}`), { kind: 'cut' }))

  test('none is cut', () => assert.deepEqual(classify('retry'), { kind: 'cut' }))
})

describe('any other field is cut', () => {
  for (const line of [
    '',
    'x',
    'x:',
    'tools: []',
    'EVENT: message',
    'Id: 1',
    'event : message',
    'eventx',
    'ids:1',
    'retry2: 1',
    ' id: 1',
    'x'.repeat(5_000),
  ])
    test(`"${line.slice(0, 20)}"`, () => assert.deepEqual(classify(line), { kind: 'cut' }))
})
