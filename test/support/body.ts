// The body of an answer made of parts, told as the leg to the upstream tells it; and what an exchange
// is bounded by, with real timers.

import type { AnswerBody, Sink } from '../../proxy/types.ts'
import { Release, Watch, Watches } from '../../proxy/watch.ts'

/** What became of a body. */
export type BodyWorld = { destroyed: number; readonly pauses: string[] }

/** A body of these parts; after them it ends, or breaks with what `until` rejects with. */
export function bodyOf(
  parts: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  until: (destroyed: Promise<void>) => Promise<unknown> = async () => undefined,
): { readonly body: AnswerBody; readonly world: BodyWorld } {
  const gone = Promise.withResolvers<void>()
  const world: BodyWorld = { destroyed: 0, pauses: [] }
  const tell = async (sink: Sink) => {
    try {
      for await (const part of parts) {
        if (world.destroyed > 0) break
        sink.data(part)
      }
      await until(gone.promise)
      sink.end()
    } catch (error) {
      sink.fail(error as Error) // what tests reject with
    }
  }
  const body: AnswerBody = {
    whole: () => undefined,
    read: (sink) => void tell(sink),
    pause: () => void world.pauses.push('pause'),
    resume: () => void world.pauses.push('resume'),
    destroy: () => {
      world.destroyed++
      gone.resolve()
    },
  }
  return { body, world }
}

/** The bounds of an exchange that a test runs alone, looked at every few milliseconds. */
export function boundsOf(): { readonly watch: Watch; readonly over: Release } {
  const watch = new Watch({ writableLength: 0, destroy: () => undefined }, 60_000)
  new Watches(5).add(watch)
  return { watch, over: new Release() }
}
