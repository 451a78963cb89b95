// Every request that once fooled a product is fired again, at every upstream.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isShut, judge, judgeRest, passed } from './judge.ts'
import { regressions } from './regression.ts'
import { startRig } from './rig.ts'
import { copyOf } from './shot.ts'
import { UPSTREAMS } from './upstreams.ts'

test('what once got past a proxy does not get past this one', async (t) => {
  const kept = regressions()
  assert.ok(kept.length >= 30, `only ${kept.length} are kept`)
  const rig = await startRig({ patienceMs: 5_000 })
  t.after(() => rig.stop())
  for (const [file, { what, refused, fools }, shot] of kept) {
    await t.test(`${what} (${file})`, async () => {
      const volley = await rig.fire(UPSTREAMS.map((against) => ({ shot: copyOf(shot), against })))
      assert.deepEqual([...volley.seen.flatMap(judge), ...judgeRest(volley)], [])
      if (refused) assert.deepEqual(volley.seen.flatMap(passed), [])
      const fooled = UPSTREAMS.filter((name) =>
        volley.seen.some(({ notes }) =>
          notes.some(
            (note) => note.via === 'direct' && note.upstream === name && note.deeds.some(isShut),
          ),
        ),
      )
      assert.deepEqual(
        fooled.filter((name) => fools.includes(name)),
        fools,
      )
      assert.ok(volley.seen.some(({ records, front }) => records.length + front.replies.length > 0))
    })
  }
})
