// What a quick and a full run consist of: the contenders, the scenarios, how long and how often.

import { CONTENDERS, type Contender, contendersNamed, lacking } from './contenders.ts'
import type { Effort } from './measure.ts'
import { FULL, QUICK, type Scenario } from './scenarios.ts'

/** What is going to be measured. */
export type Plan = {
  readonly contenders: readonly Contender[]
  /** What is left out, and why. */
  readonly skipped: readonly { readonly contender: string; readonly why: string }[]
  readonly scenarios: readonly Scenario[]
  readonly effort: (scenario: Scenario) => Effort
}

const QUICK_NAMES = [
  ...['nginx', 'nginx + Lua', 'haproxy + JWT', 'http-proxy', 'ours', 'ours, unix socket'],
] as const

/** Plans a run; contenders whose needs this machine does not meet are skipped by name. */
export function plan(isQuick: boolean, lacks = (needs: readonly string[]) => lacking(needs)): Plan {
  const wanted = isQuick ? contendersNamed(QUICK_NAMES) : CONTENDERS
  const missing = new Map(wanted.map((one) => [one, lacks(one.needs)]))
  const skipped = [...missing].flatMap(([{ name }, why]) =>
    why.length === 0 ? [] : [{ contender: name, why: why.join(', ') }],
  )
  const contenders = wanted.filter((one) => missing.get(one)?.length === 0)
  return {
    ...{ contenders, skipped, scenarios: isQuick ? QUICK : FULL },
    effort: (scenario) => {
      const first = scenario.name === 'small'
      if (isQuick) return { rounds: 4, seconds: 1, warm: first ? 2 : 1 }
      return { rounds: 5, seconds: first ? 2 : 1, warm: first ? 3 : 1 }
    },
  }
}
