// Makes a failing shot small: fewer changes, then fewer headers, then fewer bytes, as long as the same
// rule still breaks. Every attempt is fired for real; their number is bounded.

import { generate } from './generate.ts'
import { judge, type Violation } from './judge.ts'
import type { Rig } from './rig.ts'
import { copyOf, type Shot } from './shot.ts'
import type { UpstreamName } from './upstreams.ts'

const MAX_ATTEMPTS = 300

/** Whether a shot still fails as it should. */
export type Fails = (shot: Shot) => Promise<boolean>

/** Fires a shot at one front and says whether it breaks that rule. */
export function failsBy(rig: Rig, against: UpstreamName, rule: Violation['rule']): Fails {
  return async (shot) => {
    const { seen } = await rig.fire([{ shot: copyOf(shot), against }])
    return seen.some((one) => judge(one).some((violation) => violation.rule === rule))
  }
}

/** The smallest shot found that still fails; the given one when nothing can be left out. */
export async function shrink(shot: Shot, fails: Fails): Promise<Shot> {
  let left = MAX_ATTEMPTS
  const still: Fails = async (candidate) => left-- > 0 && (await fails(candidate))
  const lean = await shrinkHeaders(shot, still)
  return shrinkBody(lean, still)
}

/** Leaves out every change of a generated shot that the failure does not need. */
export async function shrinkChanges(seed: number, index: number, fails: Fails): Promise<Shot> {
  const all = generate(seed, index)
  const left = new Set<number>()
  for (let place = 0; place < all.changes.length; place++) {
    left.add(place)
    if (!(await fails(generate(seed, index, left).shot))) left.delete(place)
  }
  return generate(seed, index, left).shot
}

async function shrinkHeaders(shot: Shot, fails: Fails): Promise<Shot> {
  let best = shot
  for (const line of shot.headers) {
    // Without its trace nobody could tell what became of it.
    if (line.includes('{trace}')) continue
    const at = best.headers.indexOf(line)
    const lean = { ...best, headers: best.headers.filter((_, place) => place !== at) }
    if (at >= 0 && (await fails(lean))) best = lean
  }
  return best
}

/** Takes away pieces, half of the body at first, then ever smaller ones. */
async function shrinkBody(shot: Shot, fails: Fails): Promise<Shot> {
  let best = shot
  for (let size = best.body.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at < best.body.length; ) {
      const body = Buffer.concat([best.body.subarray(0, at), best.body.subarray(at + size)])
      const lean = { ...best, body }
      if (await fails(lean)) best = lean
      else at += size
    }
  }
  return best
}
