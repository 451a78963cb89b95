// Which names a lenient reader could take for one of ours, and which no reader would.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fold } from '../../proxy/wire/fold.ts'

const SAME: readonly (readonly [form: string, name: string, meant: string])[] = [
  ['capitals', 'METHOD', 'method'],
  ['a long s', 'param\u017f', 'params'],
  ['a Kelvin sign', 'tas\u212aId', 'taskId'],
  ['a dotless i', 'ur\u0131', 'uri'],
  ['a dotted capital I', '\u0130D', 'id'],
  ['an i and a dot of its own', 'I\u0307d', 'id'],
  ['full width', '\uff4eame', 'name'],
  ['separators', 'task_i-d', 'taskId'],
  ['a dash of its own', 'na\u2011me', 'name'],
  ['spaces', ' name\u00a0', 'name'],
  ['what cannot be seen', 'na\u200bm\u00ade\ufeff', 'name'],
  ['a lone surrogate', 'name\ud800', 'name'],
  ['what follows a NUL', 'name\0x', 'name'],
  ['lines after a NUL', 'na\u200bme\0 x\ny\0z', 'name'],
  ['a NUL at its end', 'name\0', 'name'],
  ['a ligature', 'noti\ufb01cations', 'notifications'],
]

for (const [form, name, meant] of SAME)
  test(`a name with ${form} folds into ours (T6)`, () => assert.equal(fold(name), fold(meant)))

test('a name with another letter does not fold into ours (T6)', () => {
  for (const name of ['n\u0430me', 'name.', 'x\0name', 'n\u00e4me', 'nam', 'na\u0307me', ''])
    assert.notEqual(fold(name), 'name')
})
