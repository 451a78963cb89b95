// Bounds in time by one timer for all, and what an exchange lets go of at its end.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as later } from 'node:timers/promises'
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Release, Watch, type Watched, Watches } from '../proxy/watch.ts'

function clientOf(writableLength = 0) {
  const client = { writableLength, destroyed: 0, destroy: () => void client.destroyed++ }
  return client
}

describe('a watch', () => {
  test('tells once what is late, and not before', () => {
    const watch = new Watch(clientOf(), 60_000)
    let late = 0
    const now = performance.now()
    watch.set(1_000, () => late++)
    watch.check(now + 900)
    assert.equal(late, 0)
    watch.check(now + 1_100)
    watch.check(now + 2_000)
    assert.equal(late, 1)
  })
  test('tells nothing of what was cleared or set anew', () => {
    const watch = new Watch(clientOf(), 60_000)
    const told: string[] = []
    watch.set(10, () => told.push('first'))
    watch.set(1_000, () => told.push('second'))
    watch.check(performance.now() + 500)
    assert.deepEqual(told, [])
    watch.clear()
    watch.check(performance.now() + 5_000)
    assert.deepEqual(told, [])
  })
  test('may be set again by what it tells', () => {
    const watch = new Watch(clientOf(), 60_000)
    const told: string[] = []
    watch.set(10, () => watch.set(10, () => told.push('again')))
    watch.check(performance.now() + 20)
    watch.check(performance.now() + 50)
    assert.deepEqual(told, ['again'])
  })
  test('drops a client that takes nothing for so long, and no other (T124)', () => {
    const client = clientOf(100)
    const watch = new Watch(client, 1_000)
    for (const [nowMs, waiting] of [
      [0, 100],
      [900, 100],
      [950, 99],
      [1_900, 99],
      [1_940, 0],
      [5_000, 0],
      [5_010, 50],
      [6_000, 50],
    ] as const) {
      client.writableLength = waiting
      watch.check(nowMs)
      assert.equal(client.destroyed, 0, String(nowMs))
    }
    watch.check(6_011)
    assert.equal(client.destroyed, 1)
  })
})

test('all watches are looked at while they are open, and the timer ends with the last', async () => {
  const watches = new Watches(5)
  const seen = { one: 0, two: 0 }
  const one = { place: -1, check: () => void seen.one++ }
  const two = { place: -1, check: () => void seen.two++ }
  watches.add(one)
  watches.add(two)
  while (seen.one < 2 || seen.two < 2) await later(5)
  watches.delete(one)
  const { one: before, two: then } = seen
  while (seen.two < then + 2) await later(5)
  assert.equal(seen.one, before)
  watches.delete(two)
  await later(30)
  watches.add(one)
  while (seen.one === before) await later(5)
  watches.delete(one)
})

test('a tick looks once at each, whoever leaves meanwhile, and at none that has left', async () => {
  const watches = new Watches(5)
  const seen = new Map<string, number>()
  const leavers = new Map([
    ['b', ['a', 'b']],
    ['d', ['e']],
  ])
  const all = new Map<string, Watched>()
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    const check = () => {
      seen.set(name, (seen.get(name) ?? 0) + 1)
      for (const leaver of leavers.get(name) ?? []) watches.delete(all.get(leaver) as Watched)
    }
    all.set(name, { place: -1, check })
  }
  for (const watched of all.values()) watches.add(watched)
  while ((seen.get('c') ?? 0) < 10) await later(1)
  const [c = 0, d = 0] = [seen.get('c'), seen.get('d')]
  assert.ok(Math.abs(c - d) <= 1, `${c} ${d}`)
  for (const name of ['a', 'b', 'e']) assert.ok((seen.get(name) ?? 0) <= 1, name)
  for (const watched of all.values()) watches.delete(watched)
})

test('what is held is let go once, in order, and at once when all is over', () => {
  const over = new Release()
  const told: string[] = []
  over.add({ release: () => told.push('first') })
  over.add({ release: () => told.push('second') })
  assert.equal(over.isDone, false)
  over.release()
  over.release()
  assert.deepEqual(told, ['first', 'second'])
  assert.equal(over.isDone, true)
  over.add({ release: () => told.push('late') })
  assert.deepEqual(told, ['first', 'second', 'late'])
})

test('what has left is not kept alive by those that came after it (T127)', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options: { type: 'minor' | 'major' }) => void
  const oldBytes = () =>
    getHeapSpaceStatistics().find(({ space_name: name }) => name === 'old_space')
      ?.space_used_size ?? 0
  const watches = new Watches(60_000)
  // As with exchanges, some are under way at any time.
  const under: (Watched | undefined)[] = new Array(32).fill(undefined)
  collect({ type: 'major' })
  const before = oldBytes()
  for (let n = 0; n < 5_000; n++) {
    const left = under[n % under.length]
    if (left !== undefined) watches.delete(left)
    const client = { ...clientOf(), bytes: new Array(500).fill(n) }
    const watch = new Watch(client, 60_000)
    watches.add(watch)
    under[n % under.length] = watch
    if (n % 100 === 0) collect({ type: 'minor' })
  }
  const grown = oldBytes() - before
  assert.ok(grown < 2_000_000, `${grown} bytes of ${5_000 * 4_000}`)
  for (const left of under) if (left !== undefined) watches.delete(left)
})
