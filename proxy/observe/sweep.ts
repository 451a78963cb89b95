// Keeps the memory of long streams flat: the bytes of a stream live outside the heap, and the engine
// collects them only after some 64 MB. A minor collection every few MB costs a millisecond.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const SWEEP_BYTES = 8 * 1_048_576

/** Makes what is told of all bytes that pass in streams, for the whole process. */
export function createSweep(): (bytes: number) => void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options: { readonly type: 'minor' }) => void
  let passed = 0
  return (bytes) => {
    passed += bytes
    if (passed < SWEEP_BYTES) return
    passed = 0
    collect({ type: 'minor' })
  }
}
