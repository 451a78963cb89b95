// What is counted against a bound: requests under way, and bytes that are held.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Budget } from '../../proxy/policy/budget.ts'
import { Tally } from '../../proxy/policy/tally.ts'
import type { Caller } from '../../proxy/types.ts'
import { Release } from '../../proxy/watch.ts'

const NOBODY = { client: '', scopes: new Set<string>(), roles: new Set<string>(), expiresAt: 0 }
const alice: Caller = { ...NOBODY, iss: 'https://a', sub: 'alice' }
const bob: Caller = { ...NOBODY, iss: 'https://a', sub: 'bob' }
const otherAlice: Caller = { ...NOBODY, iss: 'https://b', sub: 'alice' }

test('a tally is full for a caller first, then for all, and what leaves twice leaves once (T133)', () => {
  const tally = new Tally(2, 3)
  const leaves = [tally.enter(alice), tally.enter(alice)]
  assert.equal(tally.full(alice), 'caller')
  assert.equal(tally.full(otherAlice), undefined)
  leaves.push(tally.enter(bob))
  assert.equal(tally.count, 3)
  assert.equal(tally.full(bob), 'all')
  leaves[0]?.release()
  leaves[0]?.release()
  assert.equal(tally.count, 2)
  assert.equal(tally.full(alice), undefined)
  for (const leave of leaves) leave.release()
  assert.equal(tally.count, 0)
})

test('a tally forgets callers that have left, and none that is still there (law 10)', () => {
  const tally = new Tally(1, 10_000)
  const stays = tally.enter(alice)
  for (let i = 0; i < 5_000; i++)
    tally.enter({ ...NOBODY, iss: 'https://c', sub: `${i}` }).release()
  assert.ok(tally.callers <= 1_025, String(tally.callers))
  assert.equal(tally.full(alice), 'caller')
  stays.release()
  assert.equal(tally.full(alice), undefined)
})

test('leases share one budget of bytes, and give back what they held (T126)', () => {
  const budget = new Budget(100)
  const [first, second] = [budget.lease(), budget.lease()]
  assert.equal(first.hold(60), true)
  assert.equal(second.hold(41), false)
  assert.equal(second.hold(40), true)
  assert.equal(budget.held, 100)
  assert.equal(first.hold(61), false)
  assert.equal(budget.held, 100)
  assert.equal(first.hold(10), true)
  assert.equal(budget.held, 50)
  first.release()
  first.release()
  second.release()
  assert.equal(budget.held, 0)
})

test('a lease is given back when its exchange is over', () => {
  const budget = new Budget(10)
  const over = new Release()
  const lease = budget.lease()
  over.add(lease)
  lease.hold(10)
  over.release()
  assert.equal(budget.held, 0)
})
