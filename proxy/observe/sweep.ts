// Keeps the memory of long streams flat: the bytes of a stream live outside the heap, and the engine
// collects them only after some 64 MB. A minor collection every few MB costs a millisecond.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const SWEEP_BYTES = 8 * 1_048_576

/** Makes the wrapper that every streamed body passes through, for the whole process. */
export function createSweep(): (body: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options: { readonly type: 'minor' }) => void
  let passed = 0
  return async function* counted(body) {
    for await (const chunk of body) {
      passed += chunk.length
      if (passed >= SWEEP_BYTES) {
        passed = 0
        collect({ type: 'minor' })
      }
      yield chunk
    }
  }
}
