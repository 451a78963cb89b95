// What a siege must come to, and how it is shown.

import { attacksWith } from './attacks.ts'
import type { Phase, Plan, Report } from './siege.ts'

const MB = 1_000_000
/** MAX_BUFFERED, as much again as the process has alone, and some room (T127). */
const MAX_RSS = 600 * 1_048_576

/** Every way in which the proxy did not hold; empty when it did. */
export function faultsOf(report: Report, plan: Plan): readonly string[] {
  const faults: string[] = []
  for (const name of ['quiet', 'siege', 'after'] as const) {
    const { lost, ticks } = report[name]
    if (lost.length > 0)
      faults.push(`${name}: ${lost.length} lost: ${[...new Set(lost)].join('; ')}`)
    if (ticks === 0) faults.push(`${name}: the standing streams were silent`)
  }
  for (const call of new Set(report.unauthorized)) faults.push(`the upstream was sent ${call}`)
  for (const attack of attacksWith(plan.only)) {
    const ends = report.ends[attack.name] ?? {}
    if (ends[attack.shows] === undefined)
      faults.push(`${attack.name}: never ended with ${attack.shows}: ${JSON.stringify(ends)}`)
    const right = [attack.shows, ...(attack.ends ?? [])]
    const wrong = Object.keys(ends).filter((end) => !right.includes(end) && !end.endsWith('held'))
    if (wrong.length > 0) faults.push(`${attack.name}: ended with ${wrong.join(', ')}`)
  }
  // T77: one load a second, whatever the tokens say, and the one that was due anyway.
  if (report.keyLoads > report.siegeSeconds + 3)
    faults.push(`${report.keyLoads} loads of the key set`)
  const { rssBytes } = report.siege
  if (rssBytes > MAX_RSS) faults.push(`${Math.round(rssBytes / MB)} MB of memory`)
  return faults
}

/** Both tables, as text. */
export function tablesOf(report: Report, plan: Plan): string {
  const phases = (['quiet', 'siege', 'after'] as const).map((name) => phaseRow(name, report[name]))
  const attacks = attacksWith(plan.only).map(({ name }) => {
    const ends = Object.entries(report.ends[name] ?? {}).sort(([, a], [, b]) => b - a)
    const attempts = ends.reduce((sum, [, count]) => sum + count, 0)
    return [name, String(attempts), ends.map(([end, count]) => `${end}: ${count}`).join(', ')]
  })
  return [
    table(
      [
        'phase',
        'good',
        'lost',
        'p50 ms',
        'p99 ms',
        'max ms',
        'peak RSS MB',
        'loop p99 ms',
        'loop max ms',
        'cpu %',
      ],
      phases,
    ),
    table(['attack', 'attempts', 'how they ended'], attacks),
    `siege of ${report.siegeSeconds.toFixed(1)} s; key set loads: ${report.keyLoads}; idle again after ${report.recoveredSeconds.toFixed(1)} s; ` +
      `sockets ${report.sockets.before} before, ${report.sockets.after} after`,
  ].join('\n\n')
}

function phaseRow(name: string, phase: Phase): readonly string[] {
  const { asked, lost, p50, p99, max, rssBytes, loopP99Ms, loopMaxMs, cpu } = phase
  const numbers = [p50, p99, max, rssBytes / MB, loopP99Ms, loopMaxMs, cpu * 100].map((n) =>
    n.toFixed(1),
  )
  return [name, String(asked), String(lost.length), ...numbers]
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i]?.length ?? 0)))
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) =>
        i === 0 || (i === head.length - 1 && head.length < 9)
          ? cell.padEnd(widths[i] ?? 0)
          : cell.padStart(widths[i] ?? 0),
      )
      .join('  ')
      .trimEnd()
  return [line(head), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)].join(
    '\n',
  )
}
