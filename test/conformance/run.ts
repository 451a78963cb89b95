// Runs the conformance runner against a URL and compares two runs scenario by scenario.
// Exit codes are not enough: several faults of a proxy only change counts that are not scored.
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A requirement set of the runner. */
export type Requirements = '2025-11-25' | '2026-07-28'

/** The outcome of one scenario: the runner's own counts, and every check as `id status`, sorted. */
export type Scenario = {
  readonly passed: number
  readonly failed: number
  readonly checks: readonly string[]
}

/** The outcome of one run; `isConformant` says whether every scored scenario passed. */
export type Report = {
  readonly isConformant: boolean
  readonly scenarios: ReadonlyMap<string, Scenario>
}

const RUNNER = fileURLToPath(import.meta.resolve('@modelcontextprotocol/conformance/dist/index.js'))
const TIMEOUT_MS = 120_000
const SUMMARY = /^[✓✗] (?<name>\S+): (?<passed>\d+) passed, (?<failed>\d+) failed/gmu

/** Runs one requirement set against a server; the URL must name localhost. */
export async function runConformance(url: string, requirements: Requirements): Promise<Report> {
  const directory = await mkdtemp(join(tmpdir(), 'conformance-'))
  try {
    const args = ['server', '--url', url, '--requirements', requirements, '-o', directory]
    const { code, output } = await execute([RUNNER, ...args])
    const counts = [...output.matchAll(SUMMARY)]
    if (counts.length === 0) throw new Error(`The runner gave no summary:\n${output}`)
    const scenarios = new Map<string, Scenario>()
    for (const { groups = {} } of counts) {
      const name = String(groups['name'])
      const checks = await readChecks(directory, name)
      scenarios.set(name, {
        passed: Number(groups['passed']),
        failed: Number(groups['failed']),
        checks,
      })
    }
    return { isConformant: code === 0, scenarios }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Lists every difference between two runs as a sentence; an empty list means none. */
export function differences(direct: Report, other: Report): string[] {
  const names = new Set([...direct.scenarios.keys(), ...other.scenarios.keys()])
  return [...names].flatMap((name) => {
    const expected = direct.scenarios.get(name)
    const actual = other.scenarios.get(name)
    if (expected === undefined || actual === undefined) return [`${name} ran on one side only`]
    const same =
      expected.passed === actual.passed &&
      expected.failed === actual.failed &&
      expected.checks.join('\n') === actual.checks.join('\n')
    if (same) return []
    const lost = without(expected.checks, actual.checks)
    const gained = without(actual.checks, expected.checks)
    return [
      `${name}: ${count(expected)} became ${count(actual)}, lost [${lost}], gained [${gained}]`,
    ]
  })
}

/** Draws the runs side by side, one line for each scenario. */
export function tableOf(runs: Readonly<Record<string, Report>>): string[] {
  const [first] = Object.values(runs)
  const names = [...(first?.scenarios.keys() ?? [])]
  const width = Math.max(...names.map((name) => name.length))
  const line = (title: string, cells: string[]) =>
    [title.padEnd(width), ...cells.map((cell) => cell.padStart(9))].join(' ')
  const rows = names.map((name) =>
    line(
      name,
      Object.values(runs).map(({ scenarios }) => {
        const scenario = scenarios.get(name)
        return scenario === undefined ? '-' : count(scenario)
      }),
    ),
  )
  return [line('passed/failed', Object.keys(runs)), ...rows]
}

function count({ passed, failed }: Scenario): string {
  return `${passed}/${failed}`
}

function without(all: readonly string[], taken: readonly string[]): string {
  const rest = [...taken]
  const left = all.filter((item) => {
    const at = rest.indexOf(item)
    if (at >= 0) rest.splice(at, 1)
    return at < 0
  })
  return left.join(', ')
}

async function readChecks(directory: string, scenario: string): Promise<string[]> {
  const prefix = `server-${scenario}-20`
  const folder = (await readdir(directory)).find((name) => name.startsWith(prefix))
  if (folder === undefined) throw new Error(`The runner left no checks of ${scenario}`)
  const text = await readFile(join(directory, folder, 'checks.json'), 'utf8')
  const checks: readonly { id: string; status: string }[] = JSON.parse(text)
  return checks.map(({ id, status }) => `${id} ${status}`).sort()
}

function execute(args: readonly string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const options = { timeout: TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024 }
    const child = execFile(process.execPath, args, options, (error, stdout, stderr) => {
      if (error !== null && child.exitCode === null) reject(error)
      else resolve({ code: child.exitCode ?? 1, output: `${stdout}\n${stderr}` })
    })
  })
}
