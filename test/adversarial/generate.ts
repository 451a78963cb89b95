// From a seed and an index to one shot: a well-formed message and up to four changes, each with a source
// of choices of its own, so that leaving one out does not change the others.

import { base } from './messages.ts'
import { BYTE_MUTATORS } from './mutate-bytes.ts'
import { FRAMING_MUTATORS } from './mutate-framing.ts'
import { HEADER_MUTATORS } from './mutate-headers.ts'
import { JSON_MUTATORS, type Mutator } from './mutate-json.ts'
import { type Random, random } from './random.ts'
import type { Shot } from './shot.ts'
import { printed } from './spelling.ts'

/** A generated shot and the names of the changes that made it. */
export type Generated = { readonly shot: Shot; readonly changes: readonly string[] }

/** The kinds in the order in which they can be applied; the message is printed after the first. */
const KINDS = [
  { mutators: JSON_MUTATORS, percent: 48 },
  { mutators: BYTE_MUTATORS, percent: 20 },
  { mutators: HEADER_MUTATORS, percent: 24 },
  { mutators: FRAMING_MUTATORS, percent: 8 },
] as const

/** Makes the shot of that seed and index, without the changes at the places of `left`. */
export function generate(
  seed: number,
  index: number,
  left: ReadonlySet<number> = new Set(),
): Generated {
  const draft = base(random(seed, index, 1))
  const chosen = choose(random(seed, index, 2))
  const kept = chosen
    .map((one, place) => ({ ...one, place }))
    .filter(({ place }) => !left.has(place))
  const source = (place: number) => random(seed, index, 3 + place)
  const run = (kind: number) => {
    for (const one of kept) if (one.kind === kind) one.mutator.apply(draft, source(one.place))
  }
  run(0)
  // A GET has no body to print.
  if (draft.shot.framing !== 'raw')
    draft.shot.body = Buffer.from(printed(draft, random(seed, index, 99)))
  for (const kind of [1, 2, 3]) if (kind !== 1 || draft.shot.body.length > 0) run(kind)
  return { shot: draft.shot, changes: kept.map(({ mutator }) => mutator.name) }
}

type Chosen = { readonly kind: number; readonly mutator: Mutator }

function choose(source: Random): readonly Chosen[] {
  // One in twenty stays whole: what is allowed must still pass.
  const count = source.chance(5) ? 0 : source.pick([1, 1, 1, 2, 2, 3, 4])
  return Array.from({ length: count }, () => {
    let left = source.below(100)
    const kind = KINDS.findIndex(({ percent }) => {
      left -= percent
      return left < 0
    })
    return { kind, mutator: weighted(source, KINDS[kind]?.mutators ?? JSON_MUTATORS) }
  })
}

function weighted(source: Random, mutators: readonly Mutator[]): Mutator {
  let left = source.below(mutators.reduce((sum, { weight }) => sum + weight, 0))
  for (const mutator of mutators) {
    left -= mutator.weight
    if (left < 0) return mutator
  }
  throw new TypeError('the weights do not add up')
}
