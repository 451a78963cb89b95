// Every metric, declared once. Label values come from closed sets or from the policy file; anything
// else is `_other` (T148). A failing observer is never allowed to fail a request.

import { performance } from 'node:perf_hooks'
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { Counts, Timings } from './series.ts'

// OpenTelemetry semantic conventions: buckets of mcp.server.operation.duration, seconds.
const OPERATION_BUCKETS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300]
const FINE_BUCKETS = [
  0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1,
]

/** The metrics of one process, each with its help text. */
export type Metrics = ReturnType<typeof createMetrics>

/** Declares all metrics on a registry of their own. */
export function createMetrics(version: string) {
  const registry = new Registry()
  const registers = [registry]
  /** What is counted on the path of each exchange. */
  const counts = (name: string, help: string, labelNames: readonly string[]) => {
    const series = new Counts(labelNames)
    new Counter({
      name,
      help,
      labelNames,
      registers,
      collect() {
        series.collect(this)
      },
    })
    return series
  }
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter({ name, help, labelNames, registers })
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge({ name, help, labelNames, registers })
  const histogram = (
    name: string,
    help: string,
    labelNames: readonly string[],
    buckets: readonly number[],
  ) => new Timings(name, help, labelNames, buckets, registry)
  collectDefaultMetrics({ register: registry })
  eventLoopUtilization(registry)
  gauge('toolstile_build_info', 'Version of the running build; always 1', ['version']).set(
    { version },
    1,
  )
  const scrapes: (() => void)[] = []
  const inflight = { count: 0 }
  const posts = gauge('toolstile_inflight_requests', 'POST exchanges under way')
  scrapes.push(() => posts.set(inflight.count))
  return {
    registry,
    /** Runs before each scrape, to set what is read rather than counted. */
    onScrape: (run: () => void) => void scrapes.push(run),
    scrape: () => {
      for (const run of scrapes) run()
      return registry.metrics()
    },
    requests: counts('toolstile_requests_total', 'Exchanges by method, decision and reason', [
      'method',
      'decision',
      'reason',
    ]),
    operation: histogram(
      'mcp_server_operation_duration_seconds',
      'Duration of an MCP operation as the client sees it',
      ['mcp_method_name', 'gen_ai_tool_name', 'error_type'],
      OPERATION_BUCKETS,
    ),
    overhead: histogram(
      'toolstile_overhead_seconds',
      'Own time of an exchange, from the complete head to the request sent upstream',
      [],
      FINE_BUCKETS,
    ),
    upstream: histogram(
      'toolstile_upstream_duration_seconds',
      'Time from the request sent upstream to its response head',
      [],
      OPERATION_BUCKETS,
    ),
    inflight,
    openStreams: gauge('toolstile_open_streams', 'SSE streams open to clients'),
    itemsHidden: counts('toolstile_items_hidden_total', 'List entries cut out, by kind', ['kind']),
    framesDropped: counts(
      'toolstile_frames_dropped_total',
      'Upstream messages dropped because they could not be judged, by reason',
      ['reason'],
    ),
    tokenCache: counts('toolstile_token_cache_total', 'Verified-token cache look-ups', ['result']),
    jwksRefresh: counter('toolstile_jwks_refresh_total', 'Key set loads', ['result']),
    jwksAge: gauge('toolstile_jwks_age_seconds', 'Age of the key set; -1 before the first load'),
    policyDecision: histogram(
      'toolstile_policy_decision_seconds',
      'Time of one policy decision',
      ['engine'],
      FINE_BUCKETS,
    ),
    policyInfo: gauge('toolstile_policy_info', 'The policy in force; always 1', ['version']),
    logDropped: counter(
      'toolstile_log_dropped_total',
      'Log lines dropped because they were not read as fast as they came',
      [],
    ),
    policyReload: counter('toolstile_policy_reload_total', 'Policy reloads', ['result']),
  }
}

function eventLoopUtilization(registry: Registry): void {
  let last = performance.eventLoopUtilization()
  const gauge = new Gauge({
    name: 'nodejs_eventloop_utilization_ratio',
    help: 'Share of time the event loop was busy since the last scrape, 0 to 1',
    registers: [registry],
    collect: () => {
      const now = performance.eventLoopUtilization()
      gauge.set(performance.eventLoopUtilization(now, last).utilization)
      last = now
    },
  })
}
