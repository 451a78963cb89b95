// `npm run test:siege -- --seconds 20 --rate 100 --only slow`: lays siege, prints what happened, exits
// 1 when the proxy did not hold.

import { parseArgs } from 'node:util'
import { laySiege } from './siege.ts'
import { faultsOf, tablesOf } from './verdict.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    only: { type: 'string', default: '' },
    // Holds on a machine that does nothing else; one that does needs more.
    'loop-ms': { type: 'string', default: '150' },
    rate: { type: 'string', default: '100' },
  },
})
const seconds = Number(values.seconds)
const plan = {
  perSecond: Number(values.rate),
  quietSeconds: Math.min(seconds, 10),
  seconds,
  only: values.only,
}
const undo: (() => unknown)[] = []
let code = 1
try {
  const report = await laySiege({ after: (run) => undo.unshift(run) }, plan)
  const { loopP99Ms } = report.siege
  const slow =
    loopP99Ms > Number(values['loop-ms']) ? [`the loop p99 is ${loopP99Ms.toFixed(0)} ms`] : []
  const faults = [...faultsOf(report, plan), ...slow]
  process.stdout.write(`${tablesOf(report, plan)}\n\n`)
  process.stdout.write(
    faults.length === 0 ? 'it held\n' : `it did not hold:\n${faults.join('\n')}\n`,
  )
  code = faults.length === 0 ? 0 : 1
} finally {
  for (const run of undo) await run()
}
process.exit(code)
