// The siege: good clients at a steady rate, first alone and then beside every attack at once, each
// side in a process of its own, against the program as its users run it.

import { type ChildProcess, spawn } from 'node:child_process'
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { PUBLIC_URL } from '../hazards/program.ts'
import { type CleanUp, spawnChild } from '../support/child.ts'
import { type IssuerProcess, spawnIssuer } from '../support/issuer.ts'
import type { Assault, Ends } from './attacker.ts'
import type { Order, Tally } from './good.ts'
import { settingsOf } from './settings.ts'

/** How hard and how long. */
export type Plan = {
  readonly perSecond: number
  readonly quietSeconds: number
  /** At least; it goes on until every attack has shown that it ran. */
  readonly seconds: number
  /** Only the attacks whose name holds this. */
  readonly only: string
}

/** One phase as it went. */
export type Phase = Tally & {
  /** Peak resident memory of the proxy up to the end of this phase. */
  readonly rssBytes: number
  readonly loopP99Ms: number
  readonly loopMaxMs: number
  /** Share of one core. */
  readonly cpu: number
}

/** All that was seen. */
export type Report = {
  readonly quiet: Phase
  readonly siege: Phase
  readonly after: Phase
  readonly ends: Ends
  readonly unauthorized: readonly string[]
  readonly keyLoads: number
  readonly siegeSeconds: number
  /** Seconds until the proxy had nothing under way, and its sockets back. */
  readonly recoveredSeconds: number
  readonly sockets: { readonly before: number; readonly after: number }
}

const MAIN = fileURLToPath(new URL('../../proxy/main.ts', import.meta.url))
const POLICY = `version: 1
tools:
  echo: { scopes: ['good'] }
  ticks: { scopes: ['good'] }
  bad_*: { scopes: ['bad'] }
`
const SYBILS = 12
const GOOD = 8
const names = (count: number, kind: string) =>
  Array.from({ length: count }, (_, i) => `${kind}${i}`)
const RECOVERY_S = 10
/** Descriptors that the proxy may keep: its own way to the issuer, and a probe of the upstream. */
const SPARE_SOCKETS = 4

/** Lays siege; everything it starts is registered for clean-up. */
export async function laySiege(t: CleanUp, plan: Plan): Promise<Report> {
  const issuer = await spawnIssuer()
  t.after(issuer.stop)
  const upstream = spawnChild(t, new URL('upstream.ts', import.meta.url))
  const { url: upstreamUrl } = (await upstream.next()) as { url: string }
  const unauthorized: string[] = []
  upstream.hear((line) => void unauthorized.push((line as { unauthorized: string }).unauthorized))
  const proxy = await startProgram(t, upstreamUrl, issuer.url)
  const good = spawnChild(t, new URL('good.ts', import.meta.url))
  const attacker = spawnChild(t, new URL('attacker.ts', import.meta.url))

  const mint = minter(issuer)
  const order: Order = {
    url: `http://127.0.0.1:${proxy.port}/mcp`,
    tokens: await Promise.all(names(GOOD, 'good').map((name) => mint(name, 'good'))),
    perSecond: plan.perSecond,
  }
  const assault: Assault = {
    port: proxy.port,
    mallory: await mint('mallory', 'bad'),
    sybils: await Promise.all(names(SYBILS, 'sybil').map((name) => mint(name, 'bad'))),
    seconds: plan.seconds,
    only: plan.only,
  }
  const before = socketsOf(proxy.pid)
  const phase = async (meanwhile: () => Promise<unknown>): Promise<Phase> => {
    // The histogram of the loop begins anew with each look.
    const cpuBefore = (await proxy.metrics())('process_cpu_seconds_total')
    const begun = performance.now()
    good.tell(order)
    await meanwhile()
    good.tell({ stop: true })
    const tally = (await good.next()) as Tally
    const metrics = await proxy.metrics()
    return {
      ...tally,
      rssBytes: peakRss(proxy.pid),
      loopP99Ms: metrics('nodejs_eventloop_lag_p99_seconds') * 1_000,
      loopMaxMs: metrics('nodejs_eventloop_lag_max_seconds') * 1_000,
      cpu:
        (metrics('process_cpu_seconds_total') - cpuBefore) / ((performance.now() - begun) / 1_000),
    }
  }

  // The first requests of a process are its slowest, and say nothing about either phase.
  await phase(() => sleep(1_000))
  const quiet = await phase(() => sleep(plan.quietSeconds * 1_000))
  const loads = await keyLoads(proxy)
  let ends: Ends = {}
  let over = 0
  const begun = performance.now()
  const siege = await phase(async () => {
    attacker.tell(assault)
    ends = (await attacker.next()) as Ends
    over = performance.now()
  })
  const loaded = (await keyLoads(proxy)) - loads
  const after = await phase(() => sleep(2_000))
  good.tell({ end: true })
  await good.next()
  const idle = await recovery(proxy, before)
  return {
    quiet,
    siege,
    after,
    ends,
    unauthorized,
    keyLoads: loaded,
    siegeSeconds: (over - begun) / 1_000,
    recoveredSeconds: (performance.now() - over) / 1_000,
    sockets: { before, after: idle },
  }
}

function minter(issuer: IssuerProcess) {
  return (sub: string, scope: string) => issuer.mint({ aud: PUBLIC_URL, sub, scope })
}

type Program = {
  readonly pid: number
  readonly port: number
  /** The sum of all series of a metric. */
  metrics(): Promise<(name: string) => number>
}

async function startProgram(t: CleanUp, upstream: string, issuer: string): Promise<Program> {
  const folder = mkdtempSync(join(tmpdir(), 'toolstile-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const policyFile = join(folder, 'policy.yaml')
  writeFileSync(policyFile, POLICY)
  const child = spawn(process.execPath, [MAIN, 'serve'], {
    env: { PATH: process.env['PATH'] ?? '', ...settingsOf(upstream, issuer, policyFile) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  const { port, admin_port: admin } = await firstUp(child)
  const metrics = async () => {
    const answer = await fetch(`http://127.0.0.1:${admin}/metrics`)
    const lines = (await answer.text()).split('\n')
    return (name: string) =>
      lines
        .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
        .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
  }
  while ((await fetch(`http://127.0.0.1:${admin}/ready`)).status !== 200) await sleep(20)
  return { pid: child.pid ?? 0, port, metrics }
}

/** Its log goes on to be read, as whoever collects it would, but nothing of it is kept. */
function firstUp(child: ChildProcess): Promise<{ port: number; admin_port: number }> {
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the proxy ended with ${code}`)))
    if (child.stdout === null) return
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.includes('"msg":"up"')) resolve(JSON.parse(line))
    })
  })
}

async function keyLoads(proxy: Program): Promise<number> {
  return (await proxy.metrics())('toolstile_jwks_refresh_total')
}

/** Waits until nothing is under way and the sockets are back; gives how many there are then. */
async function recovery(proxy: Program, before: number): Promise<number> {
  const deadline = performance.now() + RECOVERY_S * 1_000
  for (;;) {
    const metrics = await proxy.metrics()
    const busy = metrics('toolstile_inflight_requests') + metrics('toolstile_open_streams')
    const sockets = socketsOf(proxy.pid)
    if (busy === 0 && sockets <= before + SPARE_SOCKETS) return sockets
    if (performance.now() > deadline)
      throw new Error(`${RECOVERY_S} s later: ${busy} under way, ${sockets} sockets`)
    await sleep(100)
  }
}

function socketsOf(pid: number): number {
  const folder = `/proc/${pid}/fd`
  return readdirSync(folder).filter((fd) => {
    try {
      return readlinkSync(join(folder, fd)).startsWith('socket:')
    } catch {
      return false // closed between the two looks
    }
  }).length
}

function peakRss(pid: number): number {
  const kB = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kB) * 1_024
}
