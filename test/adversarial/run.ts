// `npm run test:adversarial`: generated requests, the same bytes at the proxy and at the unmodified
// upstreams, until the count or the time is up. Exit code 1 when anything got past the proxy.
//   --count 100000   --seed <number>   --direct one|all   --minutes 15

import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { campaign, type Failure, type Tally, targetOf } from './campaign.ts'
import { generate } from './generate.ts'
import { keepRegression } from './regression.ts'
import { type Rig, startRig } from './rig.ts'
import { failsBy, shrink, shrinkChanges } from './shrink.ts'
import { UPSTREAMS } from './upstreams.ts'

const MAX_SHRUNK = 5

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '100000' },
    seed: { type: 'string' },
    direct: { type: 'string', default: 'one' },
    minutes: { type: 'string', default: '15' },
  },
})
const seed = Number(values.seed ?? randomInt(2 ** 31))
const count = Number(values.count)
const minutes = Number(values.minutes)
if (![seed, count, minutes].every(Number.isFinite) || !['one', 'all'].includes(values.direct))
  throw new TypeError('--seed, --count and --minutes are numbers, --direct is one or all')

console.log(
  `seed ${seed}, ${count} requests; repeat with: npm run test:adversarial -- --seed ${seed}`,
)
console.log(
  values.direct === 'all'
    ? 'every request also goes directly to all four upstreams'
    : 'directly: what passed goes to all four upstreams, what was refused to one of them in turn',
)
const started = performance.now()
const rig = await startRig({ directly: values.direct === 'all' ? 'all' : 'one' })
let failed = true
try {
  const tally = await campaign(rig, seed, count, follow)
  report(tally)
  for (const failure of tally.failures.slice(0, MAX_SHRUNK)) await save(rig, failure)
  failed =
    tally.failures.length + tally.rest.length > 0 || tally.requests < count || tally.fooled === 0
} finally {
  await rig.stop()
}
process.exitCode = failed ? 1 : 0

function follow({ requests, failures }: Tally): 'go on' | 'stop' {
  const seconds = (performance.now() - started) / 1_000
  if (requests % 10_240 < 2_048)
    console.log(`${requests} requests, ${failures.length} failures, ${seconds.toFixed(0)} s`)
  return failures.length > 1_000 || seconds > minutes * 60 ? 'stop' : 'go on'
}

function report(tally: Tally): void {
  const seconds = ((performance.now() - started) / 1_000).toFixed(0)
  const rows: (readonly [string, number])[] = [
    ['requests', tally.requests],
    ['forwarded', tally.forwarded],
    ['  with an answer that could not be passed on', tally.failed],
    ['refused', tally.requests - tally.forwarded],
    ...[...tally.refused]
      .sort((a, b) => b[1] - a[1])
      .map(([reason, times]) => [`  ${reason}`, times] as const),
    ['sent directly, "secret" was executed for', tally.fooled],
    ...UPSTREAMS.map((name) => [`  by ${name}`, tally.teeth[name]] as const),
    ['bypasses', tally.failures.length + tally.rest.length],
  ]
  console.log(`\nafter ${seconds} s, seed ${seed}`)
  for (const [name, value] of rows) console.log(`${name.padEnd(44)}${String(value).padStart(9)}`)
  if (tally.requests < count)
    console.log(`the ${minutes} minutes ran out before the count: a failure`)
  for (const { rule, detail } of tally.rest) console.log(`beside the shots: ${rule}: ${detail}`)
}

/** Shrinks a failure to a file that the test suite fires from now on. */
async function save(bench: Rig, { index, violations }: Failure): Promise<void> {
  const [first] = violations
  if (first === undefined) return
  const fails = failsBy(bench, targetOf(index), first.rule)
  const small = await shrink(await shrinkChanges(seed, index, fails), fails)
  const changes = generate(seed, index).changes.join(', ')
  const file = keepRegression(
    small,
    violations,
    `seed ${seed} index ${index}: ${changes || 'no change'}`,
  )
  console.log(`${first.rule}: ${first.detail}\n  kept as test/adversarial/regressions/${file}`)
}
