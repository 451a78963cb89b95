// The oracle is held to its purpose: before fronts with the faults of real products it must find them.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { campaign, type Tally, targetOf } from './campaign.ts'
import { forwarder, readsBody, readsHeaders } from './forwarders.ts'
import { keepRegression, regressions } from './regression.ts'
import { startRig } from './rig.ts'
import { failsBy, shrink, shrinkChanges } from './shrink.ts'

const COUNT = 512
const SEED = 20_260_728

function broken(tally: Tally, rule: string) {
  return tally.failures.filter(({ violations }) => violations.some((one) => one.rule === rule))
}

test('a front that forwards everything is found out, and the first failure shrinks to a file', async (t) => {
  const rig = await startRig({ makeFront: forwarder(readsBody, 'nothing') })
  t.after(() => rig.stop())
  const tally = await campaign(rig, SEED, COUNT)
  for (const rule of ['executed', 'revealed', 'unauthorized', 'reading', 'headers'])
    assert.ok(broken(tally, rule).length > 10, `${rule}: ${broken(tally, rule).length}`)
  const [failure] = broken(tally, 'executed')
  assert.ok(failure)
  const { index, violations } = failure
  const fails = failsBy(rig, targetOf(index), 'executed')
  const small = await shrink(await shrinkChanges(SEED, index, fails), fails)
  assert.ok(small.body.length <= failure.seen.shot.body.length)
  assert.ok(await fails(small), 'it does not fail any more')
  const folder = mkdtempSync(join(tmpdir(), 'toolstile-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const url = pathToFileURL(`${folder}/`)
  const file = keepRegression(small, violations, 'a plain forwarder', url)
  const [kept] = regressions(url)
  assert.equal(kept?.[0], file)
  assert.deepEqual(kept?.[2], small)
})

test('a filter that reads bodies as most programs do is found out (T8, T15, L1)', async (t) => {
  const rig = await startRig({ makeFront: forwarder(readsBody, 'secret') })
  t.after(() => rig.stop())
  const tally = await campaign(rig, SEED, COUNT)
  assert.ok((tally.refused.get('target_denied') ?? 0) > 10)
  assert.ok(broken(tally, 'executed').length > 0)
  assert.ok(broken(tally, 'reading').length > 0)
})

test('a filter that believes the Mcp headers is found out (T117, L5)', async (t) => {
  const rig = await startRig({ makeFront: forwarder(readsHeaders, 'secret') })
  t.after(() => rig.stop())
  const tally = await campaign(rig, SEED, COUNT)
  const lied = broken(tally, 'executed').filter(({ seen }) =>
    /\nmcp-(method|name):/i.test(seen.sent.toString()),
  )
  assert.ok(lied.length > 0)
})
