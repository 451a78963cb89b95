// The guard: ratios of CPU per request, within one run on one machine, against the committed ones.
// A ratio that cannot be computed is a fault as well: a guard that checks nothing must not pass.

import type { Run } from './measure.ts'

/** A cell of the table: contender and scenario. */
export type Cell = readonly [contender: string, scenario: string]

/** One ratio: how many times the CPU of `under` a request of `over` costs. */
export type Ratio = { readonly name: string; readonly over: Cell; readonly under: Cell }

/** What is committed in `ratios.json`. */
export type Committed = {
  /** How much worse a ratio may be, 0.15 for 15 %. */
  readonly tolerance: number
  readonly ratios: Readonly<Record<string, number>>
  /** What a ratio may never pass, whatever was accepted. */
  readonly bounds: Readonly<Record<string, number>>
}

/** A ratio that is worse than it may be, or could not be computed. */
export type Fault = { readonly ratio: Ratio; readonly why: string }

/** Every ratio that is guarded. */
export const RATIOS: readonly Ratio[] = [
  against('ours', 'nginx', 'small'),
  against('ours', 'nginx + Lua', 'small'),
  against('ours', 'haproxy + JWT', 'small'),
  against('ours', 'http-proxy', 'small'),
  against('ours, unix socket', 'ours', 'small'),
  against('ours', 'nginx', '42 KB answer'),
  within('ours', '42 KB answer'),
  within('ours', 'denied'),
]

/** The ratios that these runs give, by name. */
export function ratiosOf(runs: readonly Run[]): Readonly<Record<string, number>> {
  const found = RATIOS.flatMap(({ name, over, under }) => {
    const [above, below] = [cost(runs, over), cost(runs, under)]
    if (above === undefined || below === undefined) return []
    return [[name, Number((above / below).toFixed(3))] as const]
  })
  return Object.fromEntries(found)
}

/** What is wrong with these runs, by the committed ratios. */
export function faultsOf(runs: readonly Run[], committed: Committed): readonly Fault[] {
  const now = ratiosOf(runs)
  return RATIOS.flatMap((ratio) => {
    const why = faultOf(ratio, now[ratio.name], committed)
    return why === undefined ? [] : [{ ratio, why }]
  })
}

/** The faults that are left once what failed was measured anew: noise must not fail a build. */
export async function lookAgain(
  runs: readonly Run[],
  committed: Committed,
  measure: (scenario: string, contenders: readonly string[]) => Promise<readonly Run[]>,
): Promise<readonly Fault[]> {
  const suspects = faultsOf(runs, committed)
  const cells = suspects.flatMap(({ ratio }) => [ratio.over, ratio.under])
  const again: Run[] = []
  for (const [scenario, meant] of Map.groupBy(cells, ([, name]) => name))
    again.push(...(await measure(scenario, [...new Set(meant.map(([name]) => name))])))
  // What was measured again comes first, and so it is what counts.
  return faultsOf([...again, ...runs], committed).filter(({ ratio }) =>
    suspects.some((suspect) => suspect.ratio.name === ratio.name),
  )
}

function faultOf(ratio: Ratio, now: number | undefined, committed: Committed): string | undefined {
  const { name, over, under } = ratio
  if (now === undefined) return `could not be checked: ${over} or ${under} was not measured`
  const [accepted, bound] = [committed.ratios[name], committed.bounds[name]]
  if (accepted === undefined) return 'could not be checked: no ratio is committed for it'
  if (bound !== undefined && now > bound) return `is ${now}, and may never pass ${bound}`
  if (now <= accepted * (1 + committed.tolerance)) return undefined
  const worse = Math.round((now / accepted - 1) * 100)
  return `is ${now}, ${worse} % worse than the committed ${accepted}`
}

function cost(runs: readonly Run[], [contender, scenario]: Cell): number | undefined {
  return runs.find(
    (run) => run.contender === contender && run.scenario === scenario && run.cores === 1,
  )?.cpu_us
}

function against(contender: string, other: string, scenario: string): Ratio {
  const name = `${contender} / ${other}: ${scenario}`
  return { name, over: [contender, scenario], under: [other, scenario] }
}

function within(contender: string, scenario: string): Ratio {
  const name = `${contender}: ${scenario} / small`
  return { name, over: [contender, scenario], under: [contender, 'small'] }
}
