// Writes the tables of docs/ from the tables of the code, between marks in the pages: settings,
// denials and metrics are said once. `--check` writes nothing and exits 1 naming what has drifted.

import { readFileSync, writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SETTINGS } from '../proxy/config.ts'
import { DENIALS, type DenialRow } from '../proxy/denials.ts'
import { createMetrics } from '../proxy/observe/metrics.ts'
import { refuse } from '../proxy/refuse.ts'
import type { Denial } from '../proxy/types.ts'
import type { Setting } from '../proxy/values.ts'
import { countsTable, threatTables } from './ledger.ts'
import { filled, table } from './marks.ts'
import { claimsOf, faultsOf, readCatalogue, readSources } from './threats.ts'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
type Lockfile = {
  readonly packages: Readonly<
    Record<string, { readonly version?: string; readonly license?: string; readonly dev?: boolean }>
  >
}
const FACTS = {
  metadataUrl: 'https://mcp.example.com/.well-known/oauth-protected-resource/mcp',
  scopes: ['public:read'],
}
const TOOL = { kind: 'tool', name: 'get_confidential_info' } as const
const NAMED = { id: 7, target: TOOL, rule: '' } as const

/** One refusal of each shape, by the title of its example. */
const EXAMPLES: readonly (readonly [string, Partial<Denial> & Pick<Denial, 'denied'>])[] = [
  ['No token', { denied: 'token_missing' }],
  ['A token that does not verify', { denied: 'token_invalid' }],
  [
    'A name that is not allowed or does not exist, `deny: error`',
    { denied: 'target_denied', ...NAMED },
  ],
  ['The same, `deny: hide`', { denied: 'target_hidden', ...NAMED }],
  [
    'The same, `deny: challenge`, and a scope would help',
    { denied: 'scope_insufficient', ...NAMED, scopes: ['confidential:read'] },
  ],
  ['An unknown method, 2025 revisions', { denied: 'method_unknown', id: 7, era: 'legacy' }],
  ['An unknown method, 2026-07-28', { denied: 'method_unknown', id: 7, era: 'modern' }],
  [
    'A header that disagrees with the body, 2026-07-28',
    {
      denied: 'header_mismatch',
      id: 7,
      detail: 'the mcp-name header is not params.name of the body',
      got: 'get_public_info',
      body: 'get_confidential_info',
    },
  ],
  ['A revision that is not supported', { denied: 'version_unsupported', id: 7, got: '2099-01-01' }],
  ['An unknown session, or the session of another caller', { denied: 'session_unknown' }],
  ['Keys that cannot be loaded', { denied: 'keys_unavailable' }],
]

const THREATS = readCatalogue(readFileSync(`${ROOT}tools/threats.yaml`, 'utf8'))
const CLAIMS = claimsOf(readSources(ROOT))

/** Every generated part: its page, its mark, its text. */
const PARTS: readonly (readonly [page: string, mark: string, make: () => string])[] = [
  ['docs/configuration.md', 'settings', settingsTable],
  ['docs/denials.md', 'denials', denialsTable],
  ['docs/denials.md', 'answers', answers],
  ['docs/metrics.md', 'metrics', metricsTable],
  ['docs/licences.md', 'licences', licencesTable],
  ['docs/threats.md', 'counts', () => countsTable(THREATS, CLAIMS)],
  ['docs/threats.md', 'threats', () => threatTables(THREATS, CLAIMS)],
]

function settingsTable(): string {
  const rows = Object.values<Setting<unknown>>(SETTINGS).map((setting) => [
    `\`${setting.name}\``,
    `\`--${setting.name.toLowerCase().replaceAll('_', '-')}\``,
    setting.shown ?? (setting.value === undefined ? 'required' : `\`${setting.value}\``),
    setting.meaning,
  ])
  return table(['name', 'flag', 'default', 'meaning'], rows)
}

function denialsTable(): string {
  const rows = Object.entries<DenialRow>(DENIALS).map(([reason, row]) => [
    `\`${reason}\``,
    reason === 'method_unknown' ? '200, or 404' : String(row.status),
    row.code === undefined ? '' : `\`${row.code}\``,
    row.challenge === undefined ? '' : `\`${row.challenge}\``,
    row.sentence,
    row.when,
    [
      row.retryAfter === undefined ? '' : `\`Retry-After: ${row.retryAfter}\``,
      row.close === true ? 'closes' : '',
    ]
      .filter((part) => part !== '')
      .join(', '),
  ])
  const heads = ['reason', 'HTTP', 'JSON-RPC', 'challenge', 'public sentence', 'when', 'also']
  return table(heads, rows)
}

function answers(): string {
  return EXAMPLES.map(([title, denial]) => {
    const { status, headers, body } = refuse({ detail: '', ...denial }, FACTS)
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
    return `${title}:\n\n\`\`\`http\nHTTP/1.1 ${status}\n${lines.join('\n')}\n\n${body}\n\`\`\``
  }).join('\n\n')
}

function metricsTable(): string {
  const { registry } = createMetrics('0')
  const rows = registry
    .getMetricsAsArray()
    .filter(({ name }) => /^(toolstile|mcp)_/.test(name) || name.endsWith('_utilization_ratio'))
    .map((metric) => {
      // prom-client keeps the label names of a metric on it, and leaves them out of its types.
      const { labelNames = [] } = metric as { readonly labelNames?: readonly string[] }
      const { name } = metric.constructor
      const type = name === 'Timings' ? 'histogram' : name.toLowerCase()
      return [`\`${metric.name}\``, type, labelNames.map((l) => `\`${l}\``).join(' '), metric.help]
    })
  registry.clear()
  return table(['name', 'type', 'labels', 'meaning'], rows)
}

/** Every package of the lockfile that a release can hold, by licence; what only builds and tests stays out. */
function licencesTable(): string {
  const { packages } = JSON.parse(readFileSync(`${ROOT}package-lock.json`, 'utf8')) as Lockfile
  const shipped = Object.entries(packages).filter(([path, { dev }]) => path !== '' && dev !== true)
  const byLicence = Map.groupBy(shipped, ([, { license }]) => license ?? 'none stated')
  const rows = [...byLicence].sort().map(([licence, entries]) => {
    const names = entries.map(
      ([path, { version }]) => `${path.replace(/^.*node_modules\//, '')} ${version}`,
    )
    return [licence, String(names.length), names.sort().join(', ')]
  })
  return table(['licence', 'packages', 'names'], rows)
}

const isCheck = process.argv.includes('--check')
const drifted = new Set<string>()
for (const [page, mark, make] of PARTS) {
  const path = `${ROOT}${page}`
  const before = readFileSync(path, 'utf8')
  const after = filled(before, mark, make())
  if (after === before) continue
  if (after === undefined || isCheck) drifted.add(page)
  else writeFileSync(path, after)
}
for (const page of drifted)
  process.stderr.write(`${relative(process.cwd(), ROOT + page)} has drifted; run npm run docs\n`)
const faults = faultsOf(THREATS, CLAIMS)
for (const fault of faults) process.stderr.write(`tools/threats.yaml: ${fault}\n`)
process.exitCode = drifted.size + faults.length > 0 ? 1 : 0
