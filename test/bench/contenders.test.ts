// Every contender that this machine has starts and answers rightly; the others are skipped by name.
// One short run shows the shape of the results.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { CONTENDERS, lacking } from '../../bench/contenders.ts'
import { plan } from '../../bench/plan.ts'
import { probe } from '../../bench/probes.ts'
import { openBench } from '../../bench/run.ts'
import { QUICK, STEADY, small } from '../../bench/scenarios.ts'
import { build, openScene, type Scene } from '../../bench/scene.ts'

const MACHINE = lacking(['taskset', 'nginx'])

describe('contenders', { skip: MACHINE.join(', ') || false }, () => {
  let scene: Scene
  before(async () => {
    scene = await openScene(build())
  })
  after(() => scene[Symbol.asyncDispose]())
  for (const contender of CONTENDERS) {
    const missing = lacking(contender.needs).join(', ')
    test(`${contender.name} answers rightly`, { skip: missing || false }, async () => {
      await probe(await scene.start(contender), scene, QUICK)
    })
  }
  test('one that is wrong is named, with what it got wrong', async () => {
    const [nginx] = CONTENDERS.filter(({ name }) => name === 'nginx')
    assert.ok(nginx)
    const liar = { ...nginx, name: 'liar', checks: ['token'] as const }
    await assert.rejects(
      scene.start(liar).then((running) => probe(running, scene, [])),
      /^Error: liar is wrong on "no token": 200/,
    )
  })
})

test('a run gives a machine, versions, and a row for each contender and scenario', {
  skip: [...MACHINE, ...lacking(['wrk'])].join(', ') || false,
}, async () => {
  const names = ['nginx', 'ours']
  const all = plan(true, 1, () => [])
  const contenders = all.contenders.filter(({ name }) => names.includes(name))
  const effort = () => ({ rounds: 1, seconds: 1, warm: 0 })
  const said: string[] = []
  await using bench = await openBench(
    { ...all, contenders, scenarios: [small(STEADY)], effort },
    (line) => said.push(line),
  )
  const { machine, versions, runs, ...more } = await bench.run()
  assert.ok(machine.cpu !== '' && machine.cores >= 1)
  assert.match(versions['nginx'] ?? '', /^1\./)
  assert.deepEqual(Object.keys(more), ['measured_at', 'skipped', 'curves', 'facts'])
  assert.deepEqual(
    runs.map(({ contender, scenario, connections }) => [contender, scenario, connections]),
    names.map((name) => [name, 'small', 32]),
  )
  for (const run of runs)
    for (const key of ['rps', 'cpu_us', 'p50_ms', 'p99_ms', 'rss_mb'] as const)
      assert.ok(run[key] > 0, key)
  assert.ok(said.some((line) => line.startsWith('right answers: nginx')))
})
