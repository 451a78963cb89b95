// Who owns a task, and how long that is remembered.

import assert from 'node:assert/strict'
import { test } from 'node:test'
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
  const made = new TaskOwners()
  made.remember('t1', alice, SLOW)
  assert.equal(made.offered, true)
})

test('10,000 tasks are remembered, the oldest is forgotten first', () => {
  const tasks = new TaskOwners()
  for (let n = 0; n < 10_000; n++) tasks.remember(`t${n}`, alice, SLOW)
  assert.deepEqual(tasks.toolOf('t0', alice), SLOW)
  tasks.remember('one more', alice, SLOW)
  assert.equal(tasks.toolOf('t0', alice), undefined)
  assert.deepEqual(tasks.toolOf('t1', alice), SLOW)
  assert.deepEqual(tasks.toolOf('one more', alice), SLOW)
})

test('a task is forgotten after a day', (t) => {
  let clock = 1_000
  t.mock.method(performance, 'now', () => clock)
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const tasks = new TaskOwners()
  tasks.remember('t1', alice, SLOW)
  const later = (ms: number) => {
    t.mock.timers.tick(10)
    clock = 1_000 + ms
    return tasks.toolOf('t1', alice)
  }
  assert.deepEqual(later(24 * 3_600_000), SLOW)
  assert.equal(later(24 * 3_600_000 + 1), undefined)
})
