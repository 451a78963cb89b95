// Capabilities of initialize and server/discover whose methods this proxy does not know: they are
// cut out, so that what is announced and what is answered agree (R61). Every other byte stays.

import type { JSONObject } from '../types.ts'
import { isObject, KNOWN_EXTENSIONS, TASKS_EXTENSION } from './eras.ts'
import { membersAt, valueStart } from './json.ts'

/** Cuts unknown extensions and experimental capabilities out of a result's text. */
export function cutCapabilities(text: string, value: JSONObject): string {
  const result = value['result']
  const capabilities = isObject(result) ? result['capabilities'] : undefined
  if (!isObject(capabilities)) return text
  const root = membersAt(text, valueStart(text, 0)).get('result')
  const at = root && membersAt(text, root.start).get('capabilities')
  if (at === undefined) return text
  const inside = membersAt(text, at.start)
  const extensions = inside.get('extensions')
  const experimental = inside.get('experimental')
  const cuts = [
    ...(isObject(capabilities['extensions']) && extensions !== undefined
      ? cutsIn(text, extensions.start, (name) => KNOWN_EXTENSIONS.has(name))
      : []),
    ...(isObject(capabilities['experimental']) && experimental !== undefined
      ? cutsIn(text, experimental.start, () => false)
      : []),
  ].sort((a, b) => b.start - a.start)
  return cuts.reduce((left, cut) => left.slice(0, cut.start) + left.slice(cut.end), text)
}

/** True when a result announces tasks, in the form of either era. */
export function offersTasks(value: JSONObject): boolean {
  const result = value['result']
  const capabilities = isObject(result) ? result['capabilities'] : undefined
  if (!isObject(capabilities)) return false
  const { tasks, extensions } = capabilities
  return isObject(tasks) || (isObject(extensions) && Object.hasOwn(extensions, TASKS_EXTENSION))
}

type Span = { readonly start: number; readonly end: number }

/** The spans of the members to cut, each with exactly the commas that become superfluous. */
function cutsIn(text: string, start: number, keep: (name: string) => boolean): readonly Span[] {
  const members = [...membersAt(text, start)]
  const kept = members.filter(([name]) => keep(name)).map(([, span]) => span)
  const last = members.at(-1)?.[1]
  if (kept.length === members.length || last === undefined) return []
  const first = members[0]?.[1]
  if (kept.length === 0 && first !== undefined) return [{ start: first.keyStart, end: last.end }]
  const cuts: Span[] = []
  members.forEach(([name, span], index) => {
    if (keep(name)) return
    const next = members[index + 1]?.[1]
    const keptBefore = kept.some((other) => other.end < span.keyStart)
    const keptAfter = kept.some((other) => other.keyStart > span.end)
    const previous = members[index - 1]?.[1]
    if (next !== undefined && keptAfter) cuts.push({ start: span.keyStart, end: next.keyStart })
    else if (previous !== undefined && keptBefore) cuts.push({ start: previous.end, end: span.end })
  })
  return cuts
}
