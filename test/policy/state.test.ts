// The state beside a policy: who owns a task, how many streams are open.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OpenStreams } from '../../proxy/policy/streams.ts'
import { TaskOwners } from '../../proxy/policy/tasks.ts'
import type { Caller } from '../../proxy/types.ts'

const NOBODY = { client: '', scopes: new Set<string>(), roles: new Set<string>(), expiresAt: 0 }
const alice: Caller = { ...NOBODY, iss: 'https://a', sub: 'alice' }
const bob: Caller = { ...NOBODY, iss: 'https://a', sub: 'bob' }
const otherAlice: Caller = { ...NOBODY, iss: 'https://b', sub: 'alice' }
const SLOW = { kind: 'tool', name: 'slow' } as const

test('a task belongs to the caller who made it, by issuer and subject (R31, T121)', () => {
  const tasks = new TaskOwners()
  tasks.remember('t1', alice, SLOW)
  assert.deepEqual(tasks.toolOf('t1', alice), SLOW)
  assert.equal(tasks.toolOf('t1', bob), undefined)
  assert.equal(tasks.toolOf('t1', otherAlice), undefined)
  assert.equal(tasks.toolOf('t2', alice), undefined)
})

test('the first owner of a task id stays its owner', () => {
  const tasks = new TaskOwners()
  tasks.remember('t1', alice, SLOW)
  tasks.remember('t1', bob, SLOW)
  assert.equal(tasks.toolOf('t1', bob), undefined)
})

test('tasks are unknown until the upstream announced or made one (R61)', () => {
  const tasks = new TaskOwners()
  assert.equal(tasks.offered, false)
  tasks.offer()
  assert.equal(tasks.offered, true)
})

test('a caller at the limit may open no further stream until one closes (T125)', () => {
  const streams = new OpenStreams(2, 10)
  const closes = [streams.stand(alice, () => {}), streams.stand(alice, () => {})]
  assert.equal(streams.full(alice), true)
  assert.equal(streams.full(bob), false)
  closes[0]?.()
  closes[0]?.()
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
