// A few thousand generated requests with a seed of the day: what npm run test:adversarial does at length.

import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import { campaign } from './campaign.ts'
import { generate } from './generate.ts'
import { startRig } from './rig.ts'
import { UPSTREAMS } from './upstreams.ts'

const COUNT = 5_000

test('no generated request gets past the proxy, and all four upstreams would have obeyed (T1-T56, T117)', async (t) => {
  const seed = randomInt(2 ** 31)
  t.diagnostic(
    `seed ${seed}; repeat with: npm run test:adversarial -- --seed ${seed} --count ${COUNT}`,
  )
  const rig = await startRig({ directly: 'one' })
  t.after(() => rig.stop())
  const tally = await campaign(rig, seed, COUNT)
  const found = tally.failures.map(({ index, violations }) => ({
    index,
    changes: generate(seed, index).changes,
    violations,
  }))
  assert.deepEqual(
    { seed, found: found.slice(0, 5), rest: tally.rest },
    { seed, found: [], rest: [] },
  )
  assert.equal(tally.requests, COUNT)
  assert.ok(tally.forwarded > COUNT / 20, `only ${tally.forwarded} were forwarded`)
  for (const name of UPSTREAMS)
    assert.ok(tally.teeth[name] > COUNT / 200, `${name} obeyed too rarely`)
})

test('the same seed makes the same requests', () => {
  for (let index = 0; index < 200; index++) assert.deepEqual(generate(7, index), generate(7, index))
  const lines = new Set(
    Array.from({ length: 200 }, (_, index) => JSON.stringify(generate(7, index))),
  )
  assert.ok(lines.size > 150)
})
