// How the cost of a call grows with what there is much of: tools, scopes, rules, streams, sessions.
// Each curve is judged: from one point to the next the cost may not grow faster than its cause.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { contendersNamed } from './contenders.ts'
import { alternate, type Effort, type Loaded, prepare, type Spread, type Take } from './measure.ts'
import { list, type Scenario, STEADY, small } from './scenarios.ts'
import { policyWith, type Running, type Scene } from './scene.ts'
import { openSession } from './session.ts'
import { LISTS } from './stub.ts'

/** One point: how much of the cause, CPU microseconds per call, MB. */
export type Point = {
  readonly x: number
  readonly cpu_us: number
  readonly rss_mb: number
  readonly spread: Spread
}

/** A curve, and its steepest step: growth of the cost over growth of the cause, 1 is linear. */
export type Curve = {
  readonly name: string
  readonly cause: string
  readonly points: readonly Point[]
  readonly steepest: number
  readonly isLinear: boolean
}

/** What noise may add to a step. */
const TOLERANCE = 0.15
const CALL = small(STEADY)
/** Of lists of 2 MB a few at a time are enough, and fewer are cut when the time is over. */
const FEW = 4
/** In the stub: one to the proxy, one to the program behind it. */
const DESCRIPTORS_PER_STREAM = 2

/** One load of a curve, and what must end after it. */
type Step = { readonly x: number; readonly running: Running } & {
  readonly scenario: Scenario
  readonly more?: Loaded
}
type Means = { readonly scene: Scene; readonly ours: Running; readonly own: () => Promise<Running> }

const CURVES: readonly (readonly [string, string, (means: Means) => Promise<readonly Step[]>])[] = [
  [
    'Tools in the list',
    'tools',
    async ({ ours }) =>
      LISTS.map((x) => ({ x, running: ours, scenario: { ...list(x), connections: FEW } })),
  ],
  ['Scopes in the token', 'scopes', scopes],
  ['Rules in the policy', 'rules', rules],
  ['Open streams', 'streams', streams],
  ['Sessions', 'sessions', sessions],
]

/** Measures every curve; `say` hears of each. */
export async function growth(
  scene: Scene,
  effort: Effort,
  say: (line: string) => void,
): Promise<readonly Curve[]> {
  const curves: Curve[] = []
  for (const [name, cause, make] of CURVES) {
    const started: Running[] = []
    const own = async () => {
      const running = await startOurs(scene)
      started.push(running)
      return running
    }
    const steps = await make({ scene, ours: await own(), own })
    const takes: Take[] = []
    for (const { running, scenario, more } of steps) {
      const load = await prepare(scene, scenario, more)
      takes.push((seconds) => load(running, seconds, scene.cores[0]))
    }
    const summaries = await alternate(takes, effort)
    const points = summaries.map(({ cpu_us, rss_mb, spread }, i) => ({
      ...{ x: steps[i]?.x ?? 0, cpu_us, rss_mb, spread: spread.cpu_us },
    }))
    const curve = { name, cause, points, ...judge(points) }
    say(`${name}: ${points.map(({ x, cpu_us }) => `${x} ${cpu_us} us`).join(', ')}`)
    curves.push(curve)
    await Promise.all([...steps.map(({ running }) => running), ...started].map((one) => one.stop()))
  }
  return curves
}

/** The steepest step of a curve, and whether it is one that only more than linear growth explains. */
export function judge(points: readonly Pick<Point, 'x' | 'cpu_us'>[]) {
  const steps = points.slice(1).map(({ x, cpu_us }, i) => {
    const before = points[i]
    return before === undefined ? 0 : cpu_us / before.cpu_us / (x / before.x)
  })
  const steepest = Number(Math.max(0, ...steps).toFixed(3))
  return { steepest, isLinear: steepest <= 1 + TOLERANCE }
}

async function startOurs(scene: Scene, policyFile?: string): Promise<Running> {
  const [ours] = contendersNamed(['ours'])
  if (ours === undefined) throw new TypeError('the proxy is no contender')
  return scene.start(ours, policyFile === undefined ? {} : { policyFile })
}

async function scopes({ scene, ours }: Means): Promise<readonly Step[]> {
  return Promise.all(
    [1, 10, 50, 200].map(async (x) => {
      const more = Array.from({ length: x - 1 }, (_, i) => `scope:${i}`)
      const token = await scene.issuer.sign(scene.iss, {
        scope: ['public:read', ...more].join(' '),
      })
      return { x, running: ours, scenario: CALL, more: { token } }
    }),
  )
}

async function rules({ scene }: Means): Promise<readonly Step[]> {
  const steps: Step[] = []
  for (const x of [10, 100, 1_000, 10_000]) {
    const file = scene.newFile('yaml')
    writeFileSync(file, policyWith(x))
    steps.push({ x, running: await startOurs(scene, file), scenario: CALL })
  }
  return steps
}

/** All stand at once, at a proxy for each point: they are idle, and cost the other points nothing. */
async function streams({ scene, own }: Means): Promise<readonly Step[]> {
  const steps: Step[] = []
  let room = (descriptors() - 1_000) / DESCRIPTORS_PER_STREAM
  for (const x of [1, 1_000, 2_000, 5_000]) {
    room -= x
    if (room < 0) break
    const running = await own()
    const stop = await hold(scene, running.port, x)
    const ending = async () => {
      await stop()
      await running.stop()
    }
    steps.push({ x, running: { ...running, stop: ending }, scenario: CALL })
  }
  return steps
}

/** How many files one process may have open. */
function descriptors(): number {
  const limits = readFileSync('/proc/self/limits', 'utf8')
  return Number(/^Max open files\s+\S+\s+(\d+)/m.exec(limits)?.[1])
}

async function hold(scene: Scene, port: number, count: number): Promise<() => Promise<void>> {
  const program = join(import.meta.dirname, 'streams.ts')
  const args = [program, 'hold', `http://127.0.0.1:${port}/mcp`, String(count)]
  const TOKEN = await scene.issuer.sign(scene.iss)
  const child = spawn(process.execPath, args, {
    env: { ...process.env, TOKEN },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const opened = await Promise.race([once(child.stdout, 'data'), exited.then(() => undefined)])
  if (opened === undefined) throw new Error(`${count} streams could not be opened`)
  return async () => {
    child.kill('SIGKILL')
    await exited
  }
}

async function sessions({ scene, ours }: Means): Promise<readonly Step[]> {
  const counts = [1, 100, 1_000, 10_000]
  const token = await scene.issuer.sign(scene.iss)
  const ids: string[] = []
  while (ids.length < Math.max(...counts))
    ids.push(
      ...(await Promise.all(Array.from({ length: 50 }, () => openSession(ours.port, token)))),
    )
  return counts.map((x) => {
    const file = scene.newFile('sessions')
    writeFileSync(file, ids.slice(0, x).join('\n'))
    const walk = { header: 'mcp-session-id', prefix: '', file }
    return { x, running: ours, scenario: CALL, more: { token, walk } }
  })
}
