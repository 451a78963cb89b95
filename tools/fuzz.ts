// `npm run test:fuzz`: coverage-guided fuzzing of what decides. Each target of test/fuzz/ starts from
// its corpus and runs for its time; a broken property ends the command with 1 and the input that broke
// it. Why this engine and not jazzer.js: docs/decisions/0006-a-fuzzer-of-our-own.md.

import { createHash, randomInt } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { HEADER_BYTES, type Job, type Result, type TargetModule } from './fuzz/worker.ts'

const MAX_INPUT = 1 << 20
/** No input of a few kilobytes takes this long, whatever else the machine does. */
const HANG_MS = 30_000
const CHECK_MS = 3_000
const QUIET = ['--disable-warning=ExperimentalWarning']

const USAGE = `usage: npm run test:fuzz -- [--target json,sse] [--seconds 60] [--seed 7] [--jobs 2]
  [--save]         writes the corpus of the targets anew, without what adds nothing
  [--from folder]  reads more inputs from a folder
  [--home folder]  has the targets, and their inputs below corpus/; default test/fuzz
  [--replay file]  runs one input through one --target and shows what it throws`

const { values } = parseArgs({
  options: {
    target: { type: 'string' },
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string' },
    jobs: { type: 'string', default: '2' },
    from: { type: 'string' },
    replay: { type: 'string' },
    home: { type: 'string', default: fileURLToPath(new URL('../test/fuzz', import.meta.url)) },
    save: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

const HOME = `${values.home}/`
const KNOWN = readdirSync(`${HOME}corpus`).toSorted()
const chosen = values.target?.split(',') ?? KNOWN
const unknown = chosen.filter((name) => !KNOWN.includes(name))
const [seconds, jobs] = [Number(values.seconds), Number(values.jobs)]
const seed = values.seed === undefined ? randomInt(1, 2 ** 31) : Number(values.seed)

if (
  values.help ||
  unknown.length > 0 ||
  !(seconds > 0) ||
  !(jobs >= 1) ||
  !Number.isInteger(seed)
) {
  console.error(unknown.length > 0 ? `no target ${unknown.join(', ')}\n${USAGE}` : USAGE)
  process.exit(values.help ? 0 : 64)
}
if (values.replay !== undefined) await replay(chosen[0] ?? '', values.replay)
else process.exitCode = (await fuzzAll()) ? 0 : 1

/** Runs one input in this thread, without instrumentation, so that a debugger can follow. */
async function replay(name: string, file: string): Promise<void> {
  const { target }: TargetModule = await import(moduleOf(name))
  await target(new Uint8Array(readFileSync(file)))
  console.log(`${name}: ${file} breaks nothing`)
}

/** Runs the targets, a few at a time; true when no property broke. */
async function fuzzAll(): Promise<boolean> {
  console.log(`seed ${seed}, ${seconds} s for each of ${chosen.join(', ')}`)
  const waiting = [...chosen]
  let isWhole = true
  const lane = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift())
      if (!(await fuzzOne(name))) isWhole = false
  }
  await Promise.all(Array.from({ length: Math.min(jobs, waiting.length) }, lane))
  return isWhole
}

async function fuzzOne(name: string): Promise<boolean> {
  const shared = new SharedArrayBuffer(HEADER_BYTES + MAX_INPUT)
  const folders = [`${HOME}corpus/${name}`, ...(values.from === undefined ? [] : [values.from])]
  const job: Job = { name, module: moduleOf(name), corpus: folders, seconds, seed, shared }
  const started = Date.now()
  const result = await run(job)
  const took = Math.max(1, (Date.now() - started) / 1_000)
  if (typeof result === 'string') return broken(name, inputIn(shared), result)
  const { executions, branches, loaded, added, crash, reduced } = result
  console.log(
    `${name.padEnd(8)} ${executions} executions, ${Math.round(executions / took)}/s, branches ` +
      `${branches.reached} of ${branches.known} loaded, corpus ${loaded} + ${added} new, ` +
      `crashes ${crash === undefined ? 0 : 1}`,
  )
  if (crash !== undefined) return broken(name, crash.input, crash.error)
  if (values.save) save(name, reduced)
  return true
}

function moduleOf(name: string): string {
  return pathToFileURL(`${HOME}${basename(name)}.ts`).href
}

/** The result, or why there is none: the thread ended, or one input did not. */
function run(job: Job): Promise<Result | string> {
  const worker = new Worker(new URL('./fuzz/worker.ts', import.meta.url), {
    workerData: job,
    execArgv: [...process.execArgv, ...QUIET],
  })
  const head = new Int32Array(job.shared, 0, 1)
  return new Promise((resolve) => {
    let [last, since] = [-1, Date.now()]
    const watch = setInterval(() => {
      const count = Atomics.load(head, 0)
      if (count !== last) [last, since] = [count, Date.now()]
      else if (Date.now() - since > HANG_MS) settle(`Error: hangs for ${HANG_MS} ms`)
    }, CHECK_MS)
    const settle = (result: Result | string) => {
      clearInterval(watch)
      resolve(result)
      void worker.terminate()
    }
    worker.once('message', settle)
    worker.once('error', (error) => settle(`Error: the thread broke: ${String(error)}`))
    worker.once('exit', () => settle('Error: the thread ended without a word'))
  })
}

function inputIn(shared: SharedArrayBuffer): Uint8Array {
  const length = new Int32Array(shared, 4, 1)[0] ?? 0
  return new Uint8Array(shared, HEADER_BYTES, length).slice()
}

/** Keeps the input for the replay, and says how. */
function broken(name: string, input: Uint8Array, error: string): false {
  const folder = `${HOME}crashes/${name}`
  mkdirSync(folder, { recursive: true })
  const file = `${folder}/${digest(input)}`
  writeFileSync(file, input)
  const shown = relative(process.cwd(), file)
  console.error(`\n${name} broke a property:\n${error}\n`)
  console.error(
    `input (${input.length} bytes): ${JSON.stringify(Buffer.from(input).toString('latin1'))}`,
  )
  console.error(`replay: npm run test:fuzz -- --target ${name} --replay ${shown}\n`)
  return false
}

/** Seeds and regressions stay as somebody wrote them; the rest of the corpus is written anew. */
function save(name: string, inputs: readonly Uint8Array[]): void {
  const folder = `${HOME}corpus/${name}`
  for (const file of existsSync(folder) ? readdirSync(folder) : [])
    if (!/^(seed|regression)-/.test(file)) rmSync(`${folder}/${file}`)
  for (const input of inputs)
    if (input.length > 0) writeFileSync(`${folder}/${digest(input)}`, input)
}

function digest(input: Uint8Array): string {
  return createHash('sha256').update(input).digest('hex').slice(0, 12)
}
