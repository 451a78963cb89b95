// One target in a thread of its own: loads it under instrumentation, fuzzes it for its time, and
// tells what came of it. The main thread sees the input that runs, in case it never ends.

import { readdirSync, readFileSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { type Crash, Engine, type Target } from './engine.ts'
import { instrumentFiles } from './instrument.ts'
import { Random } from './random.ts'

/** What the main thread asks for. */
export type Job = {
  readonly name: string
  /** The module of the target. */
  readonly module: string
  readonly corpus: readonly string[]
  readonly seconds: number
  readonly seed: number
  /** Counts the runs, then the length of the input, then its bytes. */
  readonly shared: SharedArrayBuffer
}

/** What came of it. */
export type Result = {
  readonly executions: number
  readonly branches: { readonly reached: number; readonly known: number }
  readonly loaded: number
  readonly added: number
  /** The corpus without what adds nothing. */
  readonly reduced: readonly Uint8Array[]
  readonly crash: Crash | undefined
}

/** What the module of a target has. */
export type TargetModule = {
  readonly target: Target
  readonly words: readonly string[]
  readonly maxBytes: number
}

/** Where the bytes of the running input begin. */
export const HEADER_BYTES = 8

async function work(job: Job): Promise<Result> {
  const coverage = instrumentFiles(/\/proxy\/(wire|policy|identity|stages)\/[\w-]+\.ts$/)
  const { target, words, maxBytes }: TargetModule = await import(job.module)
  const [head, bytes] = [new Int32Array(job.shared, 0, 2), new Uint8Array(job.shared, HEADER_BYTES)]
  const engine = new Engine({
    target,
    coverage,
    random: new Random(job.seed),
    words,
    maxBytes,
    onInput: (input) => {
      const length = Math.min(input.length, bytes.length)
      bytes.set(length === input.length ? input : input.subarray(0, length))
      head[1] = length
      Atomics.add(head, 0, 1)
    },
  })
  coverage.counters.fill(0)
  const inputs = job.corpus.flatMap((folder) =>
    readdirSync(folder).map((file) => new Uint8Array(readFileSync(`${folder}/${file}`))),
  )
  const began = await engine.load(inputs)
  const loaded = engine.corpus.length
  const until = Date.now() + job.seconds * 1_000
  const crash = began ?? (await engine.fuzz(() => Date.now() > until))
  return {
    executions: engine.executions,
    branches: engine.branches,
    loaded,
    added: engine.corpus.length - loaded,
    reduced: crash === undefined ? await engine.reduced() : [],
    crash,
  }
}

// Imported for its types alone, it has no work.
if (parentPort !== null) parentPort.postMessage(await work(workerData as Job)) // the main thread's
