// What is measured once and in its own way: a cold start, an answer of 1 GB, two replicas, half of
// the highest rate, and the share of the proxy in front of real servers.

import { rmSync } from 'node:fs'
import { request } from 'node:http'
import { contendersNamed } from './contenders.ts'
import { alternate, type Effort, median, prepare, rounded } from './measure.ts'
import { ask } from './probes.ts'
import { quantile } from './quantile.ts'
import { choosing, STEADY, small } from './scenarios.ts'
import { apart, type Running, type Scene } from './scene.ts'
import { openSession } from './session.ts'
import { HUGE, writeHuge } from './stub.ts'
import { shares } from './upstreams.ts'
import { cpuMicros, memoryMB } from './usage.ts'

/** Some values of one contender, by a label that names the unit. */
export type Fact = {
  readonly scenario: string
  readonly contender: string
  readonly values: Readonly<Record<string, number>>
}

/** What a measurement works with: only what this machine has is in `names`. */
export type Means = {
  readonly scene: Scene
  readonly names: readonly string[]
  readonly built: string
  readonly effort: Effort
}

const CALL = small(STEADY)
const COLD_STARTS = 5

/** Measures all of it; `say` hears of each. */
export async function facts(means: Means, say: (line: string) => void): Promise<readonly Fact[]> {
  const found: Fact[] = []
  for (const take of [coldStarts, hugeAnswers, replicas, halfLoad, shares]) {
    const taken = await take(means)
    for (const { scenario, contender, values } of taken)
      say(`${scenario}: ${contender} ${JSON.stringify(values)}`)
    found.push(...taken)
  }
  return found
}

/** From the start of the process to the first right answer. */
async function coldStarts({ scene, names }: Means): Promise<readonly Fact[]> {
  const token = await scene.issuer.sign(scene.iss)
  const found: Fact[] = []
  for (const contender of contendersNamed(names)) {
    if (contender.programs === undefined || contender.name.startsWith('ours without')) continue
    const times: number[] = []
    const memory: number[] = []
    for (let i = 0; i < COLD_STARTS; i++) {
      const begun = performance.now()
      const running = await scene.start(contender)
      const url = `http://127.0.0.1:${running.port}/mcp`
      while (!CALL.isRight(await ask(url, CALL, token), contender));
      times.push(performance.now() - begun)
      memory.push(memoryMB(running.pids).now)
      await running.stop()
    }
    const values = { 'ready ms': rounded(median(times)), 'RSS MB': rounded(median(memory)) }
    found.push({ scenario: 'cold start', contender: contender.name, values })
  }
  return found
}

/** One answer of 1 GB, read to its end as fast as it comes. */
async function hugeAnswers({ scene, names }: Means): Promise<readonly Fact[]> {
  const token = await scene.issuer.sign(scene.iss)
  const file = writeHuge(scene.folder)
  const meant = ['nginx', 'haproxy + JWT', 'http-proxy', 'ours'].filter((name) =>
    names.includes(name),
  )
  const found: Fact[] = []
  try {
    for (const contender of contendersNamed(meant)) {
      const running = await scene.start(contender)
      await ask(`http://127.0.0.1:${running.port}/mcp`, CALL, token)
      const [before, cpu, begun] = [
        memoryMB(running.pids),
        cpuMicros(running.pids),
        performance.now(),
      ]
      const bytes = await download(running.port, token)
      if (bytes < HUGE)
        throw new Error(`${contender.name} cut the answer of 1 GB at ${bytes} bytes`)
      const seconds = (performance.now() - begun) / 1_000
      const values = {
        'MB/s': rounded(bytes / 1e6 / seconds),
        'CPU ms': rounded((cpuMicros(running.pids) - cpu) / 1_000),
        'RSS MB before': rounded(before.now),
        'RSS MB at its highest': rounded(memoryMB(running.pids).peak),
      }
      found.push({ scenario: '1 GB answer', contender: contender.name, values })
      await running.stop()
    }
  } finally {
    rmSync(file)
  }
  return found
}

function download(port: number, token: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { ...choosing('huge'), authorization: `Bearer ${token}` }
    const options = { host: '127.0.0.1', port, path: '/mcp', method: 'POST', headers, agent: false }
    request(options, (response) => {
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
      })
      response.once('end', () => resolve(bytes)).once('error', reject)
    })
      .once('error', reject)
      .end(CALL.body)
  })
}

/** Two processes with one session key, each with half of the connections. */
async function replicas({ scene, effort }: Means): Promise<readonly Fact[]> {
  const [ours] = contendersNamed(['ours'])
  if (ours === undefined) return []
  const token = await scene.issuer.sign(scene.iss)
  const pair: readonly Running[] = [await scene.start(ours), await scene.start(ours)]
  const [first, second] = pair
  if (first === undefined || second === undefined) return []
  const headers = { ...CALL.headers, 'mcp-session-id': await openSession(first.port, token) }
  const seen = await ask(`http://127.0.0.1:${second.port}/mcp`, { ...CALL, headers }, token)
  if (!CALL.isRight(seen, ours))
    throw new Error(`a session of one replica got ${seen.status} from the other`)
  const core = scene.cores[0]
  const [all, half] = [await prepare(scene, CALL), await prepare(scene, small(STEADY / 2))]
  const one = await alternate([(seconds) => all(first, seconds, core)], effort)
  const both = async (seconds: number) => {
    const samples = await Promise.all(pair.map((replica) => half(replica, seconds, core)))
    const [a, b] = samples
    if (a === undefined || b === undefined) throw new TypeError('there are two replicas')
    const rps = a.rps + b.rps
    return {
      ...a,
      rps,
      cpu_us: (a.cpu_us * a.rps + b.cpu_us * b.rps) / rps,
      rss_mb: a.rss_mb + b.rss_mb,
    }
  }
  const two = await alternate([both], effort)
  await Promise.all(pair.map((replica) => replica.stop()))
  return [...one, ...two].map(({ rps, cpu_us, rss_mb }, i) => ({
    scenario: 'replicas on one core',
    contender: i === 0 ? 'one' : 'two, a session of one used at the other',
    values: { 'requests/s': rps, 'CPU us/request': cpu_us, 'RSS MB in all': rss_mb },
  }))
}

const PACED_SECONDS = 5

/** At half of the highest rate, what the proxy itself adds, by its own histogram. */
async function halfLoad({ scene, effort }: Means): Promise<readonly Fact[]> {
  const [ours] = contendersNamed(['ours'])
  if (ours === undefined) return []
  const running = await scene.start(ours)
  const paced = async (loadCore: number) => {
    const full = await prepare(scene, CALL)
    const [highest] = await alternate([(seconds) => full(running, seconds, loadCore)], effort)
    const delayMs = (1_000 * STEADY) / ((highest?.rps ?? 0) / 2)
    const half = await prepare(scene, CALL, { delayMs })
    await half(running, 2, loadCore)
    const before = await scrape(running.adminPort)
    const { rps, p50_ms, p99_ms, cpu_us } = await half(running, PACED_SECONDS, loadCore)
    const after = await scrape(running.adminPort)
    const own = (share: number) =>
      rounded(1_000 * quantile(before, after, 'toolstile_overhead_seconds', share))
    return {
      'requests/s': rounded(rps),
      ...{ 'own p50 ms': own(0.5), 'own p99 ms': own(0.99) },
      ...{ 'client p50 ms': rounded(p50_ms), 'client p99 ms': rounded(p99_ms) },
      'CPU us/request': rounded(cpu_us),
    }
  }
  const scenario = 'half load'
  const found: Fact[] = [
    { scenario, contender: 'ours, one core for all', values: await paced(scene.cores[0]) },
  ]
  if (scene.cores[1] !== undefined)
    found.push({
      ...{ scenario, contender: 'ours on a core of its own' },
      values: await apart(scene, paced),
    })
  await running.stop()
  return found
}

async function scrape(adminPort: number): Promise<string> {
  return (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text()
}
