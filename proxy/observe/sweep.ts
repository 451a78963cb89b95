// Keeps the memory of long streams flat: the bytes of a stream live outside the heap, and the engine
// collects them only after some 64 MB. A minor collection every few MB costs a millisecond.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const SWEEP_BYTES = 8 * 1_048_576

type Collect = (options: { readonly type: 'minor' }) => void

/** Makes what is told of all bytes that pass in streams, for the whole process. */
export function createSweep(): (bytes: number) => void {
  let collect: Collect | undefined
  let passed = 0
  return (bytes) => {
    passed += bytes
    if (passed < SWEEP_BYTES) return
    passed = 0
    collect ??= collector()
    collect({ type: 'minor' })
  }
}

/**
 * The collector of a process that was started with `--expose-gc`; else one out of another context,
 * which makes everything that runs afterwards a fifth slower (measured), and so is had when it is needed.
 */
function collector(): Collect {
  if (globalThis.gc !== undefined) return globalThis.gc as Collect // of V8, which takes options
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as Collect
}
