// Names: what may be asked for, and so what may be listed.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TargetKind } from '../../proxy/types.ts'
import { isNamed } from '../../proxy/wire/names.ts'

const bounds: [kind: TargetKind, max: number][] = [
  ['tool', 128],
  ['prompt', 128],
  ['resource', 4_096],
  ['template', 4_096],
  ['task', 4_096],
]
for (const [kind, max] of bounds) {
  test(`the name of a ${kind} has 1 to ${max} characters (T21)`, () => {
    assert.equal(isNamed({ kind, name: '' }), false)
    assert.equal(isNamed({ kind, name: 'x' }), true)
    assert.equal(isNamed({ kind, name: 'x'.repeat(max) }), true)
    assert.equal(isNamed({ kind, name: 'x'.repeat(max + 1) }), false)
  })
}

test('a name has no control character, wherever it stands (T21)', () => {
  for (const control of ['\0', '\t', '\n', '\x1f', '\x7f', '\x80', '\x85', '\x9f'])
    for (const name of [control, `a${control}`, `${control}a`, `a${control}b`])
      assert.equal(isNamed({ kind: 'tool', name }), false, JSON.stringify(name))
})

test('a name that is no UTF-8 is none: a reader may leave out the half of a pair (T21)', () => {
  for (const name of ['\ud800', 'a\ud800', '\udc00a', 'a\ude00\ud83d'])
    assert.equal(isNamed({ kind: 'tool', name }), false, JSON.stringify(name))
})

test('any other character may stand in a name', () => {
  for (const name of [' ', '!', '~', '\u00a0', 'é', '\u{1f600}', 'get public', 'x'])
    assert.equal(isNamed({ kind: 'tool', name }), true, JSON.stringify(name))
})
