// What a quick and a full run consist of: the contenders, the scenarios, how long and how often.

import { CONTENDERS, type Contender, contendersNamed, lacking } from './contenders.ts'
import type { Effort } from './measure.ts'
import { FULL, QUICK, type Scenario, STEADY, small } from './scenarios.ts'

/** A contender that is left out, and why. */
export type Skipped = { readonly contender: string; readonly why: string }

/** What is measured once more with the contender on a core of its own. */
export const TWO_CORES: readonly Scenario[] = [small(STEADY)]

/** What is going to be measured. */
export type Plan = {
  readonly isQuick: boolean
  readonly contenders: readonly Contender[]
  readonly skipped: readonly Skipped[]
  readonly scenarios: readonly Scenario[]
  readonly effort: (scenario: Scenario, cores: 1 | 2) => Effort
}

/** Seconds before the first timed run of a contender. */
export const WARM_S = 6
const QUICK_NAMES = [
  ...['nginx', 'nginx + Lua', 'haproxy + JWT', 'http-proxy', 'ours', 'ours, unix socket'],
] as const

/** Plans a run; contenders whose needs this machine does not meet are skipped by name. */
export function plan(
  isQuick: boolean,
  rounds = isQuick ? 4 : 5,
  lacks = (needs: readonly string[]) => lacking(needs),
): Plan {
  const wanted = isQuick ? contendersNamed(QUICK_NAMES) : CONTENDERS
  const missing = new Map(wanted.map((one) => [one, lacks(one.needs)]))
  const skipped = [...missing].flatMap(([{ name }, why]) =>
    why.length === 0 ? [] : [{ contender: name, why: why.join(', ') }],
  )
  const contenders = wanted.filter((one) => missing.get(one)?.length === 0)
  return {
    ...{ isQuick, contenders, skipped, scenarios: isQuick ? QUICK : FULL },
    effort: (scenario, cores) => {
      const isFirst = scenario.name === 'small' && cores === 1
      const seconds = isFirst ? 2 : 1
      // A program compiled as it runs takes tens of thousands of calls to be at its best.
      return { rounds, seconds, warm: isFirst ? WARM_S : 1 }
    },
  }
}
