// What a fault is held to: a program under a steady load, something that breaks and is repaired, and
// what must be true meanwhile and after.

import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import {
  addresses,
  type Launch,
  type Program,
  policyIn,
  readiness,
  run,
} from '../hazards/program.ts'
import { type Child, spawnChild } from '../support/child.ts'
import { type Face, startFace } from './keys.ts'
import { ALLOWED, AUDIENCE, FORBIDDEN, Load, type Seen } from './load.ts'
import type { Mode } from './upstream.ts'

export const POLICY = `version: 1
tools:
  's*': { anyone: true }
  open: { scopes: [read] }
  secret: { scopes: ['secret:read'] }
`

/** Short enough for a fault to show and to be over within seconds. */
const SHORT = {
  UPSTREAM_TIMEOUT: '1s',
  UPSTREAM_IDLE_TIMEOUT: '1s',
  CONNECT_TIMEOUT: '1s',
  JWKS_TIMEOUT: '500ms',
  JWKS_REFRESH: '300ms',
  JWKS_COOLDOWN: '100ms',
  POLICY_POLL: '100ms',
  DRAIN_GRACE: '1s',
  DRAIN_TIMEOUT: '5s',
}

/** The whole, running. */
export type Bench = {
  readonly program: Program
  readonly url: string
  readonly admin: string
  readonly policyFile: string
  readonly face: Face
  readonly load: Load
  readonly upstream: Upstream
  /** The value of a metric, all its series together. */
  metric(name: string): Promise<number>
  /** Waits for so many lines with this `msg` since the row began to break, or to repair. */
  logged(msg: string, count?: number): Promise<void>
  /** From here on lines count. */
  mark(): void
  /** Starts the program once more, where it was, and waits until it is ready. */
  again(): Promise<Program>
}

/** The server behind it: a process that can go and come back where it was. */
export type Upstream = {
  /** Calls that it executed although nobody was allowed to make them. */
  readonly unauthorized: readonly string[]
  readonly executed: () => number
  set(mode: Mode): void
  release(): void
  signal(name: NodeJS.Signals): Promise<void>
  again(): Promise<void>
}

/** Starts all of it, with the load going and everything as usual. */
export async function startBench(
  t: TestContext,
  settings: Readonly<Record<string, string>> = {},
  launch: Launch = {},
): Promise<Bench> {
  let load: Load | undefined
  // First of all, while there is still somebody to ask.
  t.after(() => load?.stop())
  const face = await startFace(t)
  const { upstream, port } = await startUpstream(t)
  const { policyFile } = policyIn(t, POLICY)
  const all = {
    UPSTREAM_URL: `http://127.0.0.1:${port}/mcp`,
    PUBLIC_URL: AUDIENCE,
    HOST: '127.0.0.1',
    PORT: '0',
    ADMIN_HOST: '127.0.0.1',
    ADMIN_PORT: '0',
    ISSUER: face.url,
    POLICY_FILE: policyFile,
    ...SHORT,
    ...settings,
  }
  const program = run(t, ['serve'], all, launch)
  const { url, admin } = await addresses(program)
  await readiness(admin, 200)
  load = new Load(url, face)
  await load.start()
  await load.normal()
  const metric = async (name: string) => {
    const lines = (await (await fetch(`${admin}/metrics`)).text()).split('\n')
    return lines
      .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
  }
  const again = async () => {
    const next = run(t, ['serve'], { ...all, PORT: new URL(url).port }, launch)
    await readiness((await addresses(next)).admin, 200)
    return next
  }
  let begun = 0
  const mark = () => {
    begun = program.lines().length
  }
  const logged = (msg: string, count = 1) => {
    const lines = () => program.lines().slice(begun)
    return until(() => lines().filter((line) => line['msg'] === msg).length >= count, msg)
  }
  return { program, url, admin, policyFile, face, load, upstream, metric, logged, mark, again }
}

async function startUpstream(t: TestContext): Promise<{ upstream: Upstream; port: number }> {
  const unauthorized: string[] = []
  let executed = 0
  const spawn = async (port: number): Promise<{ child: Child; port: number }> => {
    const child = spawnChild(t, new URL('upstream.ts', import.meta.url), [String(port)])
    const told = (await child.next()) as { port: number }
    child.hear((line) => {
      const { tool, subject } = line as { tool: string; subject: string }
      executed++
      if (tool !== 'open' || subject !== 'alice') unauthorized.push(`${tool} for ${subject}`)
    })
    return { child, port: told.port }
  }
  let { child, port } = await spawn(0)
  const upstream: Upstream = {
    unauthorized,
    executed: () => executed,
    set: (mode) => child.tell({ mode }),
    release: () => child.tell({ release: true }),
    signal: async (name) => {
      child.kill(name)
      if (name === 'SIGKILL') await child.exited
    },
    again: async () => {
      ;({ child, port } = await spawn(port))
    },
  }
  return { upstream, port }
}

/** Asserts that allowed calls ended in one of these ways, and the others never with a result. */
export function assertEnds(seen: Seen, allowed: RegExp): void {
  for (const kind of ALLOWED)
    for (const end of seen.get(kind)?.keys() ?? [])
      assert.match(end, allowed, `an allowed ${kind} ended with ${end}`)
  for (const kind of FORBIDDEN)
    for (const end of seen.get(kind)?.keys() ?? []) {
      assert.doesNotMatch(end, /^200($| with)/, `${kind} got a result`)
      assert.notEqual(end, 'hung', `${kind} hung`)
    }
}

/** One row: what breaks, how that shows, how allowed calls may end meanwhile, and the repair. */
export type Row = {
  readonly name: string
  readonly settings?: Readonly<Record<string, string>>
  readonly launch?: Launch
  readonly breaks: (bench: Bench) => unknown
  /** Resolves when the program is in the middle of it. */
  readonly shows?: (bench: Bench) => Promise<unknown>
  readonly allowed: RegExp
  readonly repair: (bench: Bench) => unknown
}

/** Runs one row to its end, on a bench that others share or on one of its own. */
export async function hold(t: TestContext, row: Row, shared?: Bench): Promise<Bench> {
  const bench = shared ?? (await startBench(t, row.settings, row.launch))
  const { load, upstream, program } = bench
  const before = upstream.executed()
  bench.mark()
  await row.breaks(bench)
  await row.shows?.(bench)
  const seen = await load.sample(3)
  t.diagnostic(ALLOWED.map((kind) => `${kind}: ${[...(seen.get(kind)?.keys() ?? [])]}`).join('; '))
  assertEnds(seen, row.allowed)
  assert.equal(program.child.exitCode, null, program.stderr())
  bench.mark()
  const repaired = performance.now()
  await row.repair(bench)
  await load.normal()
  const took = performance.now() - repaired
  t.diagnostic(`normal ${took.toFixed(0)} ms after the repair`)
  assert.ok(took < 10_000, `normal only after ${took.toFixed(0)} ms`)
  if (shared === undefined) await load.stop()
  assert.deepEqual(upstream.unauthorized, [])
  assert.ok(upstream.executed() > before)
  return bench
}

/** Runs rows one after the other on one bench. */
export async function holdAll(
  t: TestContext,
  rows: readonly Row[],
  settings: Readonly<Record<string, string>> = {},
): Promise<void> {
  const bench = await startBench(t, settings)
  for (const row of rows) await t.test(row.name, (t) => hold(t, row, bench).then(() => undefined))
}

/** Waits, 10 s at most, until it holds. */
export async function until(holds: () => Promise<boolean> | boolean, what: string): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!(await holds())) {
    assert.ok(performance.now() < deadline, what)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
