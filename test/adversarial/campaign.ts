// Many generated shots in volleys, judged, counted, and kept when they fail. The same seed fires the
// same shots; what a campaign found is the sum of what it saw, never an estimate.

import { generate } from './generate.ts'
import { isShut, judge, judgeRest, passed, type Violation } from './judge.ts'
import type { Rig, Seen, Volley } from './rig.ts'
import { UPSTREAMS, type UpstreamName } from './upstreams.ts'

/** A generated shot that broke a rule. */
export type Failure = {
  readonly index: number
  readonly seen: Seen
  readonly violations: readonly Violation[]
}

/** What was seen so far. */
export type Tally = {
  requests: number
  forwarded: number
  /** Forwarded, but the answer was none that may be passed on. */
  failed: number
  /** By the reason of the record; several requests in one shot are under `several`. */
  readonly refused: Map<string, number>
  /** Shots for which the upstream did what this caller may not ask for, when it got them directly. */
  readonly teeth: Record<UpstreamName, number>
  /** Shots that at least one of the upstreams was fooled by. */
  fooled: number
  readonly failures: Failure[]
  readonly rest: Violation[]
}

const VOLLEY = 2_048

/** An empty tally. */
export function newTally(): Tally {
  return {
    requests: 0,
    forwarded: 0,
    failed: 0,
    refused: new Map(),
    teeth: { sessions: 0, stateless: 0, modern: 0, express: 0 },
    fooled: 0,
    failures: [],
    rest: [],
  }
}

/** Fires `count` shots from `from` on; `after` sees the tally between volleys and may end it. */
export async function campaign(
  rig: Rig,
  seed: number,
  count: number,
  after: (tally: Tally) => 'go on' | 'stop' = () => 'go on',
): Promise<Tally> {
  const tally = newTally()
  for (let from = 0; from < count; from += VOLLEY) {
    const indices = Array.from({ length: Math.min(VOLLEY, count - from) }, (_, at) => from + at)
    const volley = await rig.fire(
      indices.map((index) => ({ shot: generate(seed, index).shot, against: targetOf(index) })),
    )
    add(tally, volley, from)
    if (after(tally) === 'stop') break
  }
  return tally
}

/** The upstream behind the front that a shot goes to. */
export function targetOf(index: number): UpstreamName {
  return UPSTREAMS[index % UPSTREAMS.length] ?? 'stateless'
}

/** Adds one volley. */
export function add(tally: Tally, volley: Volley, from: number): void {
  tally.rest.push(...judgeRest(volley))
  for (const [at, seen] of volley.seen.entries()) {
    tally.requests++
    if (seen.records.some(({ outcome }) => outcome === 'failed')) tally.failed++
    if (passed(seen).length > 0) tally.forwarded++
    else count(tally.refused, reasonOf(seen))
    const did = UPSTREAMS.filter((name) =>
      seen.notes.some(
        ({ upstream, via, deeds }) => upstream === name && via === 'direct' && deeds.some(isShut),
      ),
    )
    for (const name of did) tally.teeth[name]++
    if (did.length > 0) tally.fooled++
    const violations = judge(seen)
    if (violations.length > 0) tally.failures.push({ index: from + at, seen, violations })
  }
}

function reasonOf({ records }: Seen): string {
  const [first] = records
  if (first === undefined) return 'not HTTP'
  return records.length === 1 ? first.reason : 'several'
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
