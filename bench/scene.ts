// One bench at work: a folder for all it writes, keys, the stub upstream, and the contenders that run.
// Everything ends and the folder is removed when the scene is left.

import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Contender, Place } from './contenders.ts'
import { freePort, pin, type Started, startProgram, usableCores } from './launch.ts'
import { writeStub } from './stub.ts'
import { AUDIENCE, createIssuer, type Issuer } from './tokens.ts'

/** A contender that runs: where, and as which processes. */
export type Running = {
  readonly contender: Contender
  readonly port: number
  readonly adminPort: number
  readonly pids: readonly number[]
  stop(): Promise<void>
}

/** What the measurements share. */
export type Scene = {
  readonly folder: string
  readonly stubPort: number
  readonly stubPid: number
  /** The issuer of the tokens, a URL. */
  readonly iss: string
  readonly issuer: Issuer
  /** The core of the contenders, and the other one where there are two. */
  readonly cores: readonly [number, number | undefined]
  start(contender: Contender, how?: Altered): Promise<Running>
  /** The path of a file that nobody has. */
  newFile(extension: string): string
  /** The path of a file with that name; `make` is asked for its text the first time. */
  once(name: string, make: () => Promise<string>): Promise<string>
  [Symbol.asyncDispose](): Promise<void>
}

/** What differs from the ordinary place of a contender. */
export type Altered = { readonly upstreamPort?: number; readonly policyFile?: string }

const ROOT = fileURLToPath(new URL('../', import.meta.url))

/** Scopes by tool, for the contenders that check them. */
const TOOLS = { get_public_info: 'public:read', get_confidential_info: 'confidential:read' }
const POLICY = `version: 1
tools:
  get_public_info: { scopes: ['public:read'] }
  get_confidential_info: { scopes: ['confidential:read'] }
  'tool_a_*': { scopes: ['public:read'] }
  'tool_b_*': { scopes: ['confidential:read'] }
`

/** The policy that all contenders have in common, with so many further rules that match nothing. */
export function policyWith(rules: number): string {
  return `${POLICY}${Array.from({ length: rules }, (_, i) =>
    i % 2 === 0
      ? `  rule_${i}: { scopes: ['public:read'] }\n`
      : `  'prefix_${i}_*': { scopes: ['public:read'] }\n`,
  ).join('')}`
}

/** Emits the proxy and what the bench wires of it into the git-ignored folder `out`. */
export function build(): string {
  const out = join(ROOT, 'out/bench')
  const tsc = join(ROOT, 'node_modules/.bin/tsc')
  execFileSync(tsc, ['-p', join(ROOT, 'bench/tsconfig.json'), '--outDir', out], {
    stdio: ['ignore', 2, 2],
  })
  return out
}

/** Starts the upstream; `built` is the folder that `build` made. */
export async function openScene(built: string): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'toolstile-bench-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  process.once('exit', remove)
  const running = new Set<Started>()
  const allowed = usableCores()
  const core = allowed.at(-1) ?? 0
  const issuer = await createIssuer()
  const [stubPort, streamsPort] = [await freePort(), await freePort()]
  const iss = `http://127.0.0.1:${stubPort}`
  const files = writeCommon(folder, issuer, iss)
  const begin = async (program: Parameters<typeof startProgram>[0], log: string) => {
    const started = await startProgram(program, core, log)
    running.add(started)
    const stop = () => {
      running.delete(started)
      return started.stop()
    }
    return { pid: started.pid, stop }
  }
  const stubFile = writeStub(folder, stubPort, streamsPort, issuer.jwks)
  const stub = await begin(
    { command: ['nginx', '-p', folder, '-e', 'stderr', '-c', stubFile], port: stubPort },
    join(folder, 'stub'),
  )
  const streams = join(import.meta.dirname, 'streams.ts')
  const held = [process.execPath, streams, 'stub', String(streamsPort)]
  await begin({ command: held, port: streamsPort }, join(folder, 'streams'))
  let count = 0
  const newFile = (extension: string) => join(folder, `file-${++count}.${extension}`)
  const once = async (name: string, make: () => Promise<string>) => {
    const path = join(folder, name)
    if (!existsSync(path)) writeFileSync(path, await make())
    return path
  }
  const start = async (contender: Contender, how: Altered = {}): Promise<Running> => {
    if (contender.programs === undefined)
      return { contender, port: stubPort, adminPort: 0, pids: [stub.pid], stop: async () => {} }
    const own = newFile('contender')
    mkdirSync(own)
    const place: Place = {
      ...{ folder: own, port: await freePort(), other: await freePort(), upstreamPort: stubPort },
      ...{ issuer: iss, audience: AUDIENCE, built, upstreamSocket: `${folder}/stub.sock` },
      ...files,
      ...how,
    }
    const started: Started[] = []
    for (const [index, program] of contender.programs(place).entries())
      started.push(await begin(program, join(own, `program-${index}`)))
    const pids = started.map(({ pid }) => pid)
    const stop = async () => void (await Promise.all(started.map((one) => one.stop())))
    return { contender, port: place.port, adminPort: place.other, pids, stop }
  }
  return {
    ...{ folder, stubPort, stubPid: stub.pid, iss, issuer, start, newFile, once },
    cores: [core, allowed.length > 1 ? allowed[0] : undefined],
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...running].map((one) => one.stop()))
      remove()
      process.off('exit', remove)
    },
  }
}

/** Runs with the stub on the core of the load while the contenders stay where they are. */
export async function apart<T>(scene: Scene, run: (loadCore: number) => Promise<T>): Promise<T> {
  const [core, other] = scene.cores
  if (other === undefined) throw new TypeError('there is one core')
  pin([scene.stubPid], other)
  try {
    return await run(other)
  } finally {
    pin([scene.stubPid], core)
  }
}

function writeCommon(folder: string, issuer: Issuer, iss: string) {
  const gateFile = join(folder, 'gate.json')
  const pemFile = join(folder, 'issuer.pem')
  const policyFile = join(folder, 'policy.yaml')
  const sessionKeyFile = join(folder, 'session.key')
  const jwks = `${iss}/jwks.json`
  const gate = { iss, aud: AUDIENCE, jwks, pem: issuer.pem, tools: TOOLS }
  writeFileSync(gateFile, JSON.stringify(gate))
  writeFileSync(pemFile, issuer.pem)
  writeFileSync(sessionKeyFile, randomBytes(32))
  writeFileSync(policyFile, policyWith(0))
  return { gateFile, pemFile, policyFile, sessionKeyFile }
}
