// What a name may be, in a request and in a list alike: what cannot be asked for is not listed.

import type { Target } from '../types.ts'

const MAX_NAME = 128
const MAX_URI = 4_096

/** T21: 1 to 128 characters (URIs and task ids 4,096) without control characters, and in UTF-8. */
export function isNamed(target: Target): boolean {
  const { kind, name } = target
  const max = kind === 'tool' || kind === 'prompt' ? MAX_NAME : MAX_URI
  return (
    name !== '' && name.length <= max && name.isWellFormed() && !/[\x00-\x1f\x7f-\x9f]/.test(name)
  )
}
