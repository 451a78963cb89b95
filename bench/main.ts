// `npm run bench`: measures the proxy against its alternatives on this machine. `--quick` for the
// little of it that a change needs, `--json` for one object on stdout; progress goes to stderr.

import { parseArgs } from 'node:util'
import { lacking } from './contenders.ts'
import { machine, versions } from './machine.ts'
import { measure, type Run } from './measure.ts'
import { plan } from './plan.ts'
import { probe } from './probes.ts'
import { build, openScene } from './scene.ts'

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})
const say = (line: string) => void process.stderr.write(`${line}\n`)

const unmet = lacking(['taskset', 'wrk', 'nginx'])
if (unmet.length > 0) {
  say(`the bench cannot run: ${unmet.join(', ')}; bench/install installs them`)
  process.exit(69)
}
const { contenders, skipped, scenarios, effort } = plan(flags.quick)
for (const { contender, why } of skipped) say(`skipped: ${contender}, ${why}`)
await using scene = await openScene(build())
const running = []
for (const contender of contenders) {
  const one = await scene.start(contender)
  await probe(one, scene, scenarios)
  say(`right answers: ${contender.name}`)
  running.push(one)
}
const runs: Run[] = []
for (const scenario of scenarios) {
  const meant = running.filter(({ contender }) => scenario.isFor(contender))
  const measured = await measure(scene, scenario, meant, effort(scenario), scene.cores[0])
  runs.push(...measured)
  for (const run of measured)
    say(
      `${run.scenario}: ${run.contender} ${run.rps.toFixed(0)}/s ${run.cpu_us} us p99 ${run.p99_ms} ms ${run.rss_mb} MB`,
    )
}
const result = { machine: machine(), versions: versions(), runs, skipped }
if (flags.json) process.stdout.write(`${JSON.stringify(result, undefined, 1)}\n`)
