// Writes the threat ledger for readers: counts by status, and one table for each class of attack.

import { basename } from 'node:path'
import type { Claim, Class, Threat } from './threats.ts'

const STATUSES = ['tested', 'partly', 'accepted', 'not here yet'] as const
type Status = (typeof STATUSES)[number]

/** Names of one file that a row shows; the others are found by their number. */
const SHOWN = 3
const FROM_DOCS = '..'

/** How many threats of each class have which status. */
export function countsTable(classes: readonly Class[], claims: readonly Claim[]): string {
  const count = (threats: readonly Threat[], status: Status) =>
    String(threats.filter((threat) => statusOf(threat, claims) === status).length)
  const line = (name: string, threats: readonly Threat[]) => [
    name,
    String(threats.length),
    ...STATUSES.map((status) => count(threats, status)),
  ]
  const rows = classes.map(({ name, threats }) => line(link(name), threats))
  const all = line(
    '**all**',
    classes.flatMap(({ threats }) => threats),
  )
  return table(['class', 'threats', ...STATUSES], [...rows, all])
}

/** One table for each class. */
export function threatTables(classes: readonly Class[], claims: readonly Claim[]): string {
  return classes
    .map(({ name, about, threats }) => {
      const rows = threats.map((threat) => [
        `T${threat.number}`,
        threat.title,
        statusOf(threat, claims),
        proof(threat, claims),
      ])
      return `## ${name}\n\n${about}\n\n${table(['T', 'threat', 'status', 'proof'], rows)}`
    })
    .join('\n\n')
}

/** A row that has lost its tests says so, until the check is heard. */
function statusOf(threat: Threat, claims: readonly Claim[]): Status | '**no test**' {
  if (threat.accepted !== undefined) return 'accepted'
  if (threat.later !== undefined) return 'not here yet'
  if (!claims.some(({ numbers }) => numbers.includes(threat.number))) return '**no test**'
  return threat.partly === undefined ? 'tested' : 'partly'
}

function proof(threat: Threat, claims: readonly Claim[]): string {
  const files = Map.groupBy(
    claims.filter(({ numbers }) => numbers.includes(threat.number)),
    ({ file }) => file,
  )
  const cited = [...files].map(([file, names]) => {
    const shown = names.slice(0, SHOWN).map(({ name }) => inCell(name))
    const rest = names.length > SHOWN ? `; and ${names.length - SHOWN} more` : ''
    return `[${title(file)}](${FROM_DOCS}/${file}): ${shown.join('; ')}${rest}`
  })
  const reason = threat.accepted ?? threat.later ?? threat.partly ?? threat.note
  return [...(reason === undefined ? [] : [reason]), ...cited].join('<br>')
}

/** `hazards/framing` for `test/hazards/framing.test.ts`. */
function title(file: string): string {
  const folder = file.split('/').slice(1, -1)
  return [...folder, basename(file).replace(/(\.test)?\.ts$/, '')].join('/')
}

function link(name: string): string {
  const anchor = name
    .toLowerCase()
    .replace(/[^a-z0-9 -]/g, '')
    .replaceAll(' ', '-')
  return `[${name}](#${anchor})`
}

/** Plain text as Markdown of one cell; control characters would break the line. */
function inCell(text: string): string {
  return text
    .replace(/[\p{Cc}\u2028\u2029]/gu, '\u00b7')
    .replace(/[\\`*_<>|[\]]/g, (char) => (char === '<' ? '&lt;' : `\\${char}`))
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n')
}
