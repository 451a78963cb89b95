// A short siege in every test run; the long one, with its table, is `npm run test:siege`.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { laySiege } from './siege.ts'
import { faultsOf, tablesOf } from './verdict.ts'

test('T122-T134 good clients beside every attack at once lose nothing, and all is idle again within 10 s', {
  timeout: 120_000,
}, async (t) => {
  const plan = { perSecond: 50, quietSeconds: 1, seconds: 8, only: '' }
  const report = await laySiege(t, plan)
  t.diagnostic(tablesOf(report, plan))
  assert.deepEqual(faultsOf(report, plan), [])
})
