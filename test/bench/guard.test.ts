// The guard: what is worse fails by name, what is not does not, and what cannot be checked fails too.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { faultsOf, lookAgain, RATIOS, ratiosOf } from '../../bench/guard.ts'
import type { Run } from '../../bench/measure.ts'
import { runOf } from './results.ts'

/** The runs that every ratio needs; those of the proxy cost so many times 100 us. */
function runsWith(factor: number): readonly Run[] {
  const cells = RATIOS.flatMap(({ over, under }) => [over, under])
  const names = [...new Map(cells.map((cell) => [cell.join(), cell])).values()]
  return names.map(([contender, scenario]) =>
    runOf(contender, scenario, contender.startsWith('ours') ? 100 * factor : 100),
  )
}

const COMMITTED = { tolerance: 0.15, ratios: ratiosOf(runsWith(1)), bounds: {} }

test('the same ratios pass, and better ones as well', () => {
  assert.deepEqual(faultsOf(runsWith(1), COMMITTED), [])
  assert.deepEqual(faultsOf(runsWith(0.5), COMMITTED), [])
})

test('14 % worse passes, 16 % fails with the name of the ratio', () => {
  assert.deepEqual(faultsOf(runsWith(1.14), COMMITTED), [])
  const faults = faultsOf(runsWith(1.16), COMMITTED)
  assert.ok(faults.some(({ ratio }) => ratio.name === 'ours / nginx: small'))
  assert.match(faults[0]?.why ?? '', /is 1.16, 16 % worse than the committed 1/)
})

test('a bound is never passed, whatever was accepted', () => {
  const bounds = { 'ours / nginx: small': 0.9 }
  const [fault, ...more] = faultsOf(runsWith(1), { ...COMMITTED, bounds })
  assert.equal(fault?.why, 'is 1, and may never pass 0.9')
  assert.deepEqual(more, [])
})

test('a contender that is missing, or a ratio that nobody committed, could not be checked', () => {
  const without = runsWith(1).filter(({ contender }) => contender !== 'nginx + Lua')
  const [fault] = faultsOf(without, COMMITTED)
  assert.match(fault?.why ?? '', /^could not be checked: .*nginx \+ Lua/)
  const none = faultsOf(runsWith(1), { ...COMMITTED, ratios: {} })
  assert.equal(none.length, RATIOS.length)
})

test('what fails is measured again, and only what fails twice is a fault', async () => {
  const noisy = runsWith(1).map((run) =>
    run.contender === 'ours' && run.scenario === 'denied' ? runOf('ours', 'denied', 130) : run,
  )
  const asked: (readonly [string, readonly string[]])[] = []
  const measuring = (factor: number) => async (scenario: string, names: readonly string[]) => {
    asked.push([scenario, names])
    const cost = (name: string) => (scenario === 'denied' && name === 'ours' ? 100 * factor : 100)
    return names.map((name) => runOf(name, scenario, cost(name)))
  }
  assert.deepEqual(await lookAgain(noisy, COMMITTED, measuring(1)), [])
  assert.deepEqual(asked, [
    ['denied', ['ours']],
    ['small', ['ours']],
  ])
  const faults = await lookAgain(noisy, COMMITTED, measuring(1.3))
  assert.deepEqual(
    faults.map(({ ratio }) => ratio.name),
    ['ours: denied / small'],
  )
})

test('every ratio is committed, and every bound is that of a ratio', () => {
  const url = new URL('../../bench/ratios.json', import.meta.url)
  const { ratios, bounds } = JSON.parse(readFileSync(url, 'utf8'))
  const names = RATIOS.map(({ name }) => name)
  assert.deepEqual(Object.keys(ratios), names)
  assert.deepEqual(
    Object.keys(bounds).filter((name) => !names.includes(name)),
    [],
  )
})
