// Results made up for the tests of what reads them.

import type { Run } from '../../bench/measure.ts'
import type { Results } from '../../bench/run.ts'

/** A run in which everything but the CPU is the same. */
export function runOf(contender: string, scenario: string, cpu: number, connections = 32): Run {
  return {
    ...{ contender, scenario, connections, cores: 1, rounds: 3 },
    ...{ rps: 20_000, cpu_us: cpu, p50_ms: 1.5, p99_ms: 4, rss_mb: 90, peak_mb: 95 },
    spread: { rps: [19_000, 21_000], cpu_us: [cpu - 1, cpu + 1], p50_ms: [1, 2], p99_ms: [3, 5] },
  }
}

/** Results with these runs, one curve and one fact. */
export function resultsOf(runs: readonly Run[]): Results {
  const point = (x: number, cpu: number) => ({
    ...{ x, cpu_us: cpu, rss_mb: 100 },
    spread: [cpu, cpu] as const,
  })
  return {
    machine: { cpu: 'a CPU', cores: 2, memory_gb: 8, kernel: '6.1', system: 'a system' },
    versions: { toolstile: '0.1.0', nginx: '1.22.1' },
    measured_at: '2026-01-02T03:04:05Z',
    ...{ runs, skipped: [{ contender: 'express', why: 'express is missing' }] },
    curves: [
      {
        ...{ name: 'Rules in the policy', cause: 'rules', points: [point(10, 50), point(100, 60)] },
        ...{ steepest: 0.12, isLinear: true },
      },
    ],
    facts: [{ scenario: 'cold start', contender: 'nginx', values: { 'ready ms': 20 } }],
  }
}
