// The buffer that doubles: what it holds, what it forgets, and how large it becomes.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Growing } from '../../proxy/wire/growing.ts'

const bytes = (text: string) => Buffer.from(text)
const text = (view: Uint8Array) => Buffer.from(view).toString()

test('an empty buffer has room, no length and no last byte', () => {
  const buffer = new Growing(4)
  assert.equal(buffer.length, 0)
  assert.equal(buffer.capacity, 4)
  assert.equal(buffer.last, undefined)
  assert.equal(buffer.view(0).length, 0)
})

test('bytes are kept in their order, beyond the first capacity as well', () => {
  const buffer = new Growing(4)
  for (const part of ['ab', 'cd', 'e', '', 'fghij']) buffer.add(bytes(part))
  assert.equal(text(buffer.view(0)), 'abcdefghij')
  assert.equal(text(buffer.view(3)), 'defghij')
  assert.equal(text(buffer.view(3, 5)), 'de')
  assert.equal(buffer.length, 10)
  assert.equal(buffer.last, 'j'.charCodeAt(0))
})

test('it grows when it must, to twice its size or to what it needs', () => {
  const buffer = new Growing(4)
  buffer.add(bytes('abcd'))
  assert.equal(buffer.capacity, 4)
  buffer.add(bytes('e'))
  assert.equal(buffer.capacity, 8)
  buffer.add(bytes('f'.repeat(20)))
  assert.equal(buffer.capacity, 25)
  assert.equal(text(buffer.view(0)), `abcde${'f'.repeat(20)}`)
})

test('what is cut is gone and is written over, and a cut never makes it longer', () => {
  const buffer = new Growing(4)
  buffer.add(bytes('abcd'))
  buffer.cut(2)
  assert.equal(buffer.length, 2)
  assert.equal(buffer.last, 'b'.charCodeAt(0))
  buffer.cut(3)
  assert.equal(buffer.length, 2)
  buffer.add(bytes('x'))
  assert.equal(text(buffer.view(0)), 'abx')
  buffer.cut(0)
  assert.equal(buffer.last, undefined)
})

test('what is cleared is empty, and as small as at first when it had grown too large', () => {
  const buffer = new Growing(4)
  buffer.add(bytes('x'.repeat(16)))
  buffer.clear(16)
  assert.equal(buffer.length, 0)
  assert.equal(buffer.capacity, 16)
  buffer.add(bytes('y'.repeat(17)))
  buffer.clear(16)
  assert.equal(buffer.length, 0)
  assert.equal(buffer.capacity, 4)
  buffer.add(bytes('abcde'))
  assert.equal(text(buffer.view(0)), 'abcde')
})
