// From a Config to a running proxy: the parts are made once, wired, and handed to the servers.
// The upstream may be down and the keys not loaded: then it is up, but not ready.

import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import type { Config } from './config.ts'
import { Connections, descriptorBound } from './connections.ts'
import { cut, drain, recorded } from './drain.ts'
import { TokenCache } from './identity/cache.ts'
import { createVerifier, type Identity } from './identity/create.ts'
import type { KeySource, RefreshFacts, RefreshResult } from './identity/keys.ts'
import { metadataPaths, metadataUrl, protectedResource } from './identity/metadata.ts'
import { createSealer } from './identity/session.ts'
import { listen } from './listen.ts'
import type { Log } from './observe/log.ts'
import { createMetrics, type Metrics } from './observe/metrics.ts'
import { createSweep } from './observe/sweep.ts'
import type { Path } from './pipeline.ts'
import { Budget } from './policy/budget.ts'
import type { Policy } from './policy/engine.ts'
import { RememberedLists } from './policy/remembered.ts'
import { PolicySource } from './policy/source.ts'
import { OpenStreams } from './policy/streams.ts'
import { Tally } from './policy/tally.ts'
import { TaskOwners } from './policy/tasks.ts'
import { adminServer, clientServer } from './server.ts'
import { reachable, UpstreamPool } from './upstream/pool.ts'
import { audienceOf } from './values.ts'
import { Watches } from './watch.ts'

/** A proxy that is listening. */
export type Running = {
  readonly port: number
  readonly adminPort: number
  /** What it still waits for; empty when ready. */
  unready(): Promise<readonly string[]>
  reloadPolicy(): void
  /** Not ready, drain, close: resolves within the drain budget (T135). */
  stop(graceMs: number): Promise<void>
}

/**
 * Starts both listeners; rejects with the system's error when a port cannot be had. `alter` lets a
 * bench or a test replace a part of the wired path.
 */
export async function start(
  settings: Config,
  policy: Policy,
  log: Log,
  version: string,
  alter: (path: Path) => Path = (path) => path,
): Promise<Running> {
  const config = withinDescriptors(settings, log)
  const metrics = createMetrics(version)
  const identity = createVerifier(config, reportKeys(log, metrics))
  const { keys } = identity
  const source = policySource(config, policy, log, metrics)
  const streams = new OpenStreams(config.maxStreamsPerCaller, config.maxStreams)
  const pool = new UpstreamPool(config)
  const path = alter(wire(config, log, metrics, { identity, source, streams, pool }))
  scrapeState(metrics, log, keys, streams)
  let draining = false
  const unready = async () => [
    ...(draining ? ['the end of this process'] : []),
    ...(keys === undefined || keys.ready ? [] : ['signing keys']),
    ...((await reachable(config.upstream)) ? [] : ['the upstream']),
  ]
  const resource = audienceOf(config.publicUrl)
  const connections = new Connections(config.maxConnections)
  const client = clientServer(
    {
      mcpPath: config.publicUrl.pathname,
      metadataPaths: new Set(metadataPaths(resource)),
      metadata: () =>
        protectedResource({
          publicUrl: resource,
          issuer: config.issuer,
          scopes: source.current.advertised,
          name: 'toolstile',
        }),
      origins: path.admission.origins,
      draining: () => draining,
      connections,
      limits: config,
    },
    path,
  )
  const admin = adminServer({
    unready,
    metrics: () => metrics.scrape(),
    metricsType: metrics.registry.contentType,
    limits: config,
  })
  keys?.start()
  const close = async () => {
    source.close()
    pool.destroy()
    await Promise.allSettled([keys?.close(), cut(client), cut(admin)])
    await recorded(connections)
  }
  try {
    const port = await listen(client, config.host, config.port)
    const adminPort = await listen(admin, config.adminHost, config.adminPort)
    const stop = async (graceMs: number) => {
      draining = true
      await drain(client, connections, streams, graceMs, config.drainTimeoutMs)
      await close()
    }
    return { port, adminPort, unready, reloadPolicy: () => source.reload(), stop }
  } catch (error) {
    await close()
    throw error
  }
}

/** T137: what the process has no descriptors for is refused by a count, not by a failing call. */
function withinDescriptors(config: Config, log: Log): Config {
  const bound = descriptorBound()
  const { maxConnections, maxInflight, maxStreams } = config
  if (maxConnections <= bound && maxInflight <= bound && maxStreams <= bound) return config
  log.info({ bound }, 'too few file descriptors: MAX_CONNECTIONS, _INFLIGHT, _STREAMS are lowered')
  return {
    ...config,
    maxConnections: Math.min(maxConnections, bound),
    maxInflight: Math.min(maxInflight, bound),
    maxStreams: Math.min(maxStreams, bound),
  }
}

/** An eighth of the shortest bound, between 5 and 250 ms. */
function tickFor(config: Config): number {
  const shortest = Math.min(
    config.bodyTimeoutMs,
    config.connectTimeoutMs,
    config.upstreamTimeoutMs,
    config.upstreamIdleMs,
    config.stallTimeoutMs,
  )
  return Math.max(5, Math.min(250, shortest / 8))
}

type Parts = {
  readonly identity: Identity
  readonly source: PolicySource
  readonly streams: OpenStreams
  readonly pool: UpstreamPool
}

function wire(config: Config, log: Log, metrics: Metrics, parts: Parts): Path {
  const clockSkewS = config.clockSkewMs / 1_000
  const { verifier, keys } = parts.identity
  const cache = new TokenCache({
    verifier,
    keys,
    now: () => Date.now(),
    clockSkewS,
    maxEntries: config.tokenCache,
    onLookup: (result) => metrics.tokenCache.inc(result),
  })
  const metadata = metadataUrl(audienceOf(config.publicUrl))
  const named = config.allowedHosts.map((host) => host.toLowerCase())
  return {
    admission: {
      hosts: new Set(named.length > 0 ? named : [config.publicUrl.host, config.publicUrl.hostname]),
      origins: new Set(config.allowedOrigins),
      loopback: named.length === 0,
    },
    verify: (credentials) => cache.identify(credentials),
    limits: {
      maxBytes: config.maxBody,
      maxDepth: config.maxDepth,
      timeoutMs: config.bodyTimeoutMs,
    },
    answers: {
      maxBytes: config.maxAnswer,
      maxEventBytes: config.maxEvent,
      timeoutMs: config.upstreamTimeoutMs,
      idleMs: config.upstreamIdleMs,
    },
    stallMs: config.stallTimeoutMs,
    inflight: new Tally(config.maxInflightPerCaller, config.maxInflight),
    budget: new Budget(config.maxBuffered),
    policy: () => parts.source.current,
    tasks: new TaskOwners(config.maxTasks, config.taskTtlMs),
    remembered: new RememberedLists(),
    streams: parts.streams,
    sealer: createSealer(config.sessionKey ?? randomBytes(32)),
    leg: {
      pool: parts.pool,
      host: new URL(config.upstream.origin).host,
      path: config.upstream.path,
      connectTimeoutMs: config.connectTimeoutMs,
      headTimeoutMs: config.upstreamTimeoutMs,
    },
    watches: new Watches(tickFor(config)),
    challenge: () => ({ metadataUrl: metadata, scopes: parts.source.current.advertised }),
    clockSkewS,
    passed: createSweep(),
    recorder: { log, metrics, replica: hostname(), logSubject: config.logSubject },
  }
}

function reportKeys(log: Log, metrics: Metrics) {
  return (result: RefreshResult, facts: RefreshFacts) => {
    metrics.jwksRefresh.inc({ result })
    if (result === 'error') log.warn({ detail: facts.detail }, 'the key set could not be loaded')
    if (result === 'ok') log.info({ thumbprints: facts.thumbprints }, 'the key set changed')
  }
}

function policySource(config: Config, policy: Policy, log: Log, metrics: Metrics): PolicySource {
  metrics.policyInfo.set({ version: policy.version }, 1)
  const source: PolicySource = new PolicySource(
    policy,
    config.policyFile,
    config.deny,
    (loaded) => {
      if ('problems' in loaded) {
        metrics.policyReload.inc({ result: 'error' })
        log.error({ problems: loaded.problems }, 'the policy file is bad; the last good one stays')
        return
      }
      metrics.policyReload.inc({ result: 'ok' })
      metrics.policyInfo.reset()
      metrics.policyInfo.set({ version: loaded.policy.version }, 1)
      const { version } = loaded.policy
      log.info({ policy_version: version, warnings: loaded.warnings }, 'the policy was reloaded')
    },
    config.policyPollMs,
  )
  return source
}

function scrapeState(
  metrics: Metrics,
  log: Log,
  keys: KeySource | undefined,
  streams: OpenStreams,
): void {
  metrics.onScrape(() => {
    metrics.logDropped.reset()
    metrics.logDropped.inc(log.dropped())
    metrics.openStreams.set(streams.open)
    const age = keys?.ageSeconds() ?? 0
    metrics.jwksAge.set(Number.isFinite(age) ? age : -1)
  })
}
