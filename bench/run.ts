// One run of the bench: contenders started and found right, every scenario measured, and in a full
// run the curves and what is measured once.

import { type Curve, growth } from './curves.ts'
import { type Fact, facts } from './facts.ts'
import { machine, versions } from './machine.ts'
import { type Effort, measure, type Run } from './measure.ts'
import { type Plan, type Skipped, TWO_CORES } from './plan.ts'
import { probe } from './probes.ts'
import type { Scenario } from './scenarios.ts'
import { apart, build, openScene, type Running, type Scene } from './scene.ts'

/** All that a run found; the shape of `--json` and of results.json. */
export type Results = {
  readonly machine: ReturnType<typeof machine>
  readonly versions: Readonly<Record<string, string>>
  /** RFC 3339. */
  readonly measured_at: string
  readonly runs: readonly Run[]
  readonly skipped: readonly Skipped[]
  readonly curves: readonly Curve[]
  readonly facts: readonly Fact[]
}

/** A bench that is set up. */
export type Bench = {
  /** Measures all that is planned. */
  run(): Promise<Results>
  /** Measures one scenario again, with new processes of the contenders of these names. */
  again(scenario: string, names: readonly string[], effort: Effort): Promise<readonly Run[]>
  [Symbol.asyncDispose](): Promise<void>
}

/** Starts what is planned; rejects, naming the contender, when one does not answer rightly. */
export async function openBench(plan: Plan, say: (line: string) => void): Promise<Bench> {
  for (const { contender, why } of plan.skipped) say(`skipped: ${contender}, ${why}`)
  const built = build()
  const scene = await openScene(built)
  try {
    const running: Running[] = []
    for (const contender of plan.contenders) {
      const one = await scene.start(contender)
      await probe(one, scene, plan.scenarios)
      running.push(one)
    }
    say(`right answers: ${running.map(({ contender }) => contender.name).join('; ')}`)
    return {
      run: async () => {
        const runs = await everyRun(plan, scene, running, say)
        if (!plan.isQuick) await Promise.all(running.map((one) => one.stop()))
        const names = plan.contenders.map(({ name }) => name)
        const effort = { rounds: runs[0]?.rounds ?? 1, seconds: 1, warm: 2 }
        return {
          ...{ machine: machine(), versions: versions() },
          measured_at: new Date().toISOString(),
          ...{ runs, skipped: plan.skipped },
          curves: plan.isQuick ? [] : await growth(scene, effort, say),
          facts: plan.isQuick ? [] : await facts({ scene, names, built, effort }, say),
        }
      },
      again: async (name, names, effort) => {
        const scenario = plan.scenarios.find((one) => one.name === name)
        if (scenario === undefined) throw new TypeError(`there is no scenario "${name}"`)
        const meant = plan.contenders.filter((contender) => names.includes(contender.name))
        // A program that is compiled as it runs is not the same twice: new processes decide.
        const fresh: Running[] = []
        try {
          for (const contender of meant) fresh.push(await scene.start(contender))
          return await measure(scene, scenario, fresh, effort, scene.cores[0])
        } finally {
          await Promise.all(fresh.map((one) => one.stop()))
        }
      },
      [Symbol.asyncDispose]: () => scene[Symbol.asyncDispose](),
    }
  } catch (error) {
    await scene[Symbol.asyncDispose]()
    throw error
  }
}

async function everyRun(
  plan: Plan,
  scene: Scene,
  running: readonly Running[],
  say: (line: string) => void,
): Promise<readonly Run[]> {
  const runs: Run[] = []
  const take = async (scenario: Scenario, effort: Effort, loadCore: number) => {
    const meant = running.filter(({ contender }) => scenario.isFor(contender))
    for (const run of await measure(scene, scenario, meant, effort, loadCore)) {
      runs.push(run)
      const { contender, rps, cpu_us, p99_ms, rss_mb, cores } = run
      say(
        `${scenario.name}, ${cores} core: ${contender} ${rps}/s, ${cpu_us} us, p99 ${p99_ms} ms, ${rss_mb} MB`,
      )
    }
  }
  for (const scenario of plan.scenarios)
    await take(scenario, plan.effort(scenario, 1), scene.cores[0])
  if (plan.isQuick || scene.cores[1] === undefined) return runs
  for (const scenario of TWO_CORES)
    await apart(scene, (loadCore) => take(scenario, plan.effort(scenario, 2), loadCore))
  return runs
}
