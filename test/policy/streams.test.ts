// How many streams are open, for whom, and what a drain ends.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OpenStreams } from '../../proxy/policy/streams.ts'
import type { Caller } from '../../proxy/types.ts'

const NOBODY = { client: '', scopes: new Set<string>(), roles: new Set<string>(), expiresAt: 0 }
const alice: Caller = { ...NOBODY, iss: 'https://a', sub: 'alice' }
const bob: Caller = { ...NOBODY, iss: 'https://a', sub: 'bob' }
const otherAlice: Caller = { ...NOBODY, iss: 'https://b', sub: 'alice' }

test('a caller at the limit may open no further stream until one closes (T125)', () => {
  const streams = new OpenStreams(2, 10)
  const closes = [streams.stand(alice, () => {}), streams.stand(alice, () => {})]
  assert.equal(streams.full(alice), true)
  assert.equal(streams.full(bob), false)
  closes[0]?.release()
  closes[0]?.release()
  assert.equal(streams.full(alice), false)
  assert.equal(streams.open, 1)
})

test('all callers together are bounded as well, answers of calls left out', () => {
  const streams = new OpenStreams(5, 2)
  streams.answer()
  streams.stand(alice, () => {})
  assert.equal(streams.full(bob), false)
  streams.stand(bob, () => {})
  assert.equal(streams.full(bob), true)
  assert.equal(streams.open, 3)
})

test('a drain ends every standing stream and lets no new one begin (T135)', () => {
  const streams = new OpenStreams(5, 10)
  const ended: string[] = []
  streams.stand(alice, () => ended.push('alice'))
  streams.stand(bob, () => ended.push('bob'))
  streams.endStanding()
  assert.deepEqual(ended, ['alice', 'bob'])
  assert.equal(streams.full(otherAlice), true)
})

test('a closed stream is no longer counted, and is not ended by a drain', () => {
  const streams = new OpenStreams(2, 3)
  const ended: string[] = []
  const stand = (caller: Caller, name: string) => streams.stand(caller, () => ended.push(name))
  const first = stand(alice, 'first')
  stand(alice, 'second')
  const third = stand(bob, 'third')
  assert.equal(streams.full(otherAlice), true)
  third.release()
  assert.equal(streams.full(otherAlice), false)
  assert.equal(streams.full(alice), true)
  first.release()
  assert.equal(streams.full(alice), false)
  stand(alice, 'fourth')
  assert.equal(streams.full(alice), true)
  assert.equal(streams.open, 2)
  assert.equal(streams.ending, false)
  streams.endStanding()
  assert.deepEqual(ended, ['second', 'fourth'])
  assert.equal(streams.ending, true)
})

test('who has closed all streams begins anew', () => {
  const streams = new OpenStreams(2, 10)
  for (let turn = 0; turn < 3; turn++) {
    const closes = [streams.stand(alice, () => {}), streams.stand(alice, () => {})]
    assert.equal(streams.full(alice), true)
    for (const close of closes) close.release()
    assert.equal(streams.full(alice), false)
  }
  assert.equal(streams.open, 0)
})

test('the answer of a call is counted until it closes, once', () => {
  const streams = new OpenStreams(1, 1)
  const closes = [streams.answer(), streams.answer()]
  assert.equal(streams.open, 2)
  closes[0]?.release()
  closes[0]?.release()
  assert.equal(streams.open, 1)
  assert.equal(streams.full(alice), false)
})
