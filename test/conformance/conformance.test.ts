// The conformance runner, directly, through the injector, and through the injector and the proxy.
// Every scenario must give the same checks on each way.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { everythingCatalogue } from '../../upstream/everything/catalogue.ts'
import { type Mode, startCatalogue } from '../../upstream/server.ts'
import { type Injector, startInjector } from './injector.ts'
import { differences, type Report, type Requirements, runConformance, tableOf } from './run.ts'

type Proxy = {
  readonly url: string
  token(claims: Record<string, unknown>): Promise<string>
  stop(): Promise<void>
}
type StartProxy = (options: {
  upstream: string
  policy: object
  allowedOrigins?: string[]
}) => Promise<Proxy>

const proxyModule = new URL('../support/proxy.ts', import.meta.url)
const policy = {
  version: 1,
  roles: {},
  tools: { '*': { anyone: true } },
  prompts: { '*': { anyone: true } },
  resources: { '*': { anyone: true } },
}

const sets: readonly { requirements: Requirements; mode: Mode; scenarios: number }[] = [
  { requirements: '2025-11-25', mode: 'sessions', scenarios: 33 },
  { requirements: '2026-07-28', mode: 'modern', scenarios: 50 },
]

for (const { requirements, mode, scenarios } of sets) {
  test(`${requirements} gives the same checks with and without the proxy`, async (t) => {
    // Every way has a server of its own, so that no run hears the notifications of another.
    const upstream = async () => {
      const server = await startCatalogue(everythingCatalogue, { mode, port: 0 })
      t.after(() => server.close())
      return server.url
    }
    const injector = async () => {
      const started = await startInjector()
      t.after(() => started.stop())
      return started
    }

    const direct = async () => (await upstream()).replace('127.0.0.1', 'localhost')
    const injected = async () => {
      const started = await injector()
      started.aim({ url: await upstream(), bearer: 'unused' })
      return started.url
    }
    const proxied = async () => {
      const started = await injector()
      const proxy = await startProxyFor(await upstream(), started)
      t.after(() => proxy.stop())
      started.aim({ url: proxy.url, bearer: await proxy.token({ sub: 'conformance' }) })
      return started.url
    }

    const ways = { direct, injected, ...(existsSync(proxyModule) ? { proxied } : {}) }
    const run = async ([way, start]: [string, () => Promise<string>]): Promise<
      [string, Report]
    > => [way, await runConformance(await start(), requirements)]
    const runs = Object.fromEntries(await Promise.all(Object.entries(ways).map(run)))
    for (const line of tableOf(runs)) t.diagnostic(line)
    const { direct: expected, ...others } = runs
    assert.ok(expected)
    assert.equal(expected.scenarios.size, scenarios)
    assert.ok(expected.isConformant, 'a scored scenario fails without any proxy')
    for (const [way, report] of Object.entries(others)) {
      assert.deepEqual(differences(expected, report), [], way)
    }
    if (!existsSync(proxyModule)) t.diagnostic('test/support/proxy.ts is missing: not compared')
  })
}

test('a check that is lost or changes its status is a difference', () => {
  const report = (checks: string[]): Report => ({
    isConformant: true,
    scenarios: new Map([['ping', { passed: checks.length, failed: 0, checks }]]),
  })
  const whole = report(['a SUCCESS', 'b SUCCESS'])
  assert.deepEqual(differences(whole, report(['a SUCCESS', 'b SUCCESS'])), [])
  assert.equal(differences(whole, report(['a SUCCESS'])).length, 1)
  assert.equal(differences(whole, report(['a SUCCESS', 'b WARNING'])).length, 1)
  assert.equal(differences(whole, { isConformant: true, scenarios: new Map() }).length, 1)
})

async function startProxyFor(upstream: string, injector: Injector): Promise<Proxy> {
  // The module is written with the proxy; this is the signature that was agreed.
  const { startProxy } = (await import(proxyModule.href)) as { startProxy: StartProxy }
  return startProxy({ upstream, policy, allowedOrigins: [injector.origin] })
}
