// List answers that were judged before. A server gives the same list to everybody, time and again, and
// callers with the same permissions see the same part of it: only the id and the caching differ.

import { LRUCache } from 'lru-cache'
import type { Intent, JSONValue, RequestId } from '../types.ts'
import { fold } from '../wire/fold.ts'
import type { Hidden } from '../wire/frames.ts'
import type { Remembered } from '../wire/judged.ts'
import { capTtl, membersIn } from '../wire/lists.ts'

const MAX_BYTES = 16_777_216
const MAX_LISTS = 256

/** A value that differs from one answer to the next. */
type Cut = { readonly start: number; readonly end: number; readonly is: 'id' | 'ttl' }
type Known = {
  /** What the upstream sent, around the id. */
  readonly before: string
  readonly after: string
  /** What was sent on: the parts between the cuts. */
  readonly parts: readonly string[]
  readonly cuts: readonly Cut['is'][]
  /** The upstream's own `ttlMs`; undefined when it is ours alone. */
  readonly ttl: JSONValue | undefined
  readonly hidden: Hidden
}

/** The answer judged last for each list and set of permissions; bounded in number and bytes. */
export class RememberedLists {
  readonly #known = new LRUCache<string, Known>({
    max: MAX_LISTS,
    maxSize: MAX_BYTES,
    sizeCalculation: ({ before, after, parts }) =>
      2 * parts.reduce((sum, part) => sum + part.length, before.length + after.length + 1),
  })

  /** What is remembered for one question of callers with these permissions; none for tasks, which have owners. */
  of({ list, id, era }: Intent, permissions: string): Remembered | undefined {
    if (list === undefined || list === 'tasks' || id === undefined) return undefined
    const key = JSON.stringify([list, era, permissions])
    return {
      recall: (text, ttlMs) => {
        const known = this.#known.get(key)
        return known && recall(known, text, id, ttlMs)
      },
      keep: (text, sent) => {
        const known = knownOf(text, sent.text, sent.hidden, id)
        if (known !== undefined) this.#known.set(key, known)
      },
    }
  }
}

/** The judgement of a text that differs from the known one in its id alone, which is the one asked with. */
function recall(known: Known, text: string, asked: RequestId, ttlMs: number) {
  const { before, after, parts, cuts, ttl, hidden } = known
  const id = JSON.stringify(asked)
  const end = before.length + id.length
  if (text.length !== end + after.length) return undefined
  // Slices are compared as memory; to look for a prefix takes one character after the other.
  if (text.slice(before.length, end) !== id || text.slice(end) !== after) return undefined
  if (text.slice(0, before.length) !== before) return undefined
  const cap = ttl === undefined ? ttlMs : capTtl(ttl, ttlMs)
  let sent = parts[0] ?? ''
  for (const [n, cut] of cuts.entries()) sent += (cut === 'id' ? id : cap) + (parts[n + 1] ?? '')
  return { text: sent, hidden }
}

/** Both texts are strictly parsed answers to the same request. */
function knownOf(text: string, sent: string, hidden: Hidden, asked: RequestId): Known | undefined {
  const id = JSON.stringify(asked)
  const given = membersIn(text).get('id')
  const cuts = cutsOf(sent, id)
  if (given === undefined || text.slice(given.start, given.end) !== id || cuts === undefined)
    return undefined
  const said = membersIn(text, 'result').get('ttlMs')
  const parts = cuts.map(({ start }, n) => sent.slice(cuts[n - 1]?.end ?? 0, start))
  return {
    before: text.slice(0, given.start),
    after: text.slice(given.end),
    parts: [...parts, sent.slice(cuts.at(-1)?.end ?? 0)],
    cuts: cuts.map(({ is }) => is),
    // The text between these indices is one JSON value.
    ttl: said && (JSON.parse(text.slice(said.start, said.end)) as JSONValue),
    hidden,
  }
}

/** Where the id and the `ttlMs` of an answer lie; undefined when they cannot be told for sure. */
function cutsOf(text: string, id: string): readonly Cut[] | undefined {
  const span = membersIn(text).get('id')
  if (span === undefined || text.slice(span.start, span.end) !== id) return undefined
  const cuts: Cut[] = [{ start: span.start, end: span.end, is: 'id' }]
  for (const [name, { start, end }] of membersIn(text, 'result')) {
    if (fold(name) !== 'ttlms') continue
    if (name !== 'ttlMs') return undefined
    cuts.push({ start, end, is: 'ttl' })
  }
  return cuts.sort((a, b) => a.start - b.start)
}
