// Capabilities of initialize and server/discover whose methods this proxy does not know: they are
// cut out, so that what is announced and what is answered agree (R61). Every other byte stays.

import type { JSONObject } from '../types.ts'
import { isObject, KNOWN_EXTENSIONS, TASKS_EXTENSION } from './eras.ts'
import { cutItems, type Edit, membersIn, splice } from './lists.ts'

/** Cuts unknown extensions and experimental capabilities out of the text of an answer. */
export function cutCapabilities(text: string): string {
  return splice(text, [
    ...cutsIn(text, 'extensions', (name) => KNOWN_EXTENSIONS.has(name)),
    ...cutsIn(text, 'experimental', () => false),
  ])
}

/** True when a result announces tasks, in the form of either era. */
export function offersTasks(value: JSONObject): boolean {
  const result = value['result']
  const capabilities = isObject(result) ? result['capabilities'] : undefined
  if (!isObject(capabilities)) return false
  const { tasks, extensions } = capabilities
  return isObject(tasks) || (isObject(extensions) && Object.hasOwn(extensions, TASKS_EXTENSION))
}

/** The cuts that leave of `result.capabilities[holder]` what is to keep. */
function cutsIn(text: string, holder: string, keep: (name: string) => boolean): readonly Edit[] {
  const members = membersIn(text, 'result', 'capabilities', holder)
  const spans = [...members.values()].map(({ keyStart, end }) => ({ start: keyStart, end }))
  return cutItems(spans, [...members.keys()].map(keep))
}
