// Renders a denial into status, headers and exact bytes, from the table of denials.ts alone.
// A denied name and a name that does not exist must come out the same (T103).

import { DENIALS, type DenialRow } from './denials.ts'
import type { Denial } from './types.ts'

/** What a refusal looks like on the wire. */
export type Refusal = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly close: boolean
}

/** What a challenge names: the metadata URL and the scopes worth asking for (RFC 9728 5.1, R42). */
export type ChallengeFacts = { readonly metadataUrl: string; readonly scopes: readonly string[] }

/** Renders a denial: status, headers and exact bytes; denied and nonexistent are the same (T103). */
export function refuse(denial: Denial, facts: ChallengeFacts): Refusal {
  const row = DENIALS[denial.denied]
  const sentence = fill(row.sentence, denial)
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'cache-control': 'no-store',
  }
  if (row.challenge !== undefined)
    headers['www-authenticate'] = challenge(row.challenge, sentence, denial, facts)
  if (row.retryAfter !== undefined) headers['retry-after'] = String(row.retryAfter)
  if (denial.denied === 'method_not_allowed') headers['allow'] = 'POST, GET, DELETE, OPTIONS'
  return {
    status: statusOf(denial, row.status),
    headers,
    body: row.code === undefined ? plainBody(row, sentence) : rpcBody(row.code, sentence, denial),
    close: row.close === true,
  }
}

function fill(sentence: string, denial: Denial): string {
  const { target } = denial
  return sentence.replace(/\{(\w+)\}/, (_, slot: string) => {
    if (slot === 'detail') return denial.detail
    if (target === undefined) return 'request'
    const kind = target.kind === 'template' ? 'resource' : target.kind
    return slot === 'target' ? `${kind} "${target.name}"` : `${kind}: ${target.name}`
  })
}

/** Legacy answers an unknown method in-band; a refused notification has no answer to be in (R14, R20). */
function statusOf(denial: Denial, status: number): number {
  if (denial.denied !== 'method_unknown') return status
  if (denial.era === 'modern') return 404
  return denial.id === undefined ? 400 : 200
}

function plainBody(row: DenialRow, sentence: string): string {
  if (row.challenge === undefined || row.challenge === 'bare')
    return JSON.stringify({ error: sentence })
  return JSON.stringify({ error: row.challenge, error_description: sentence })
}

function rpcBody(code: number, message: string, denial: Denial): string {
  const error: Record<string, unknown> = { code, message }
  if (denial.denied === 'version_unsupported')
    error['data'] = { supported: ['2026-07-28'], requested: denial.got ?? '' }
  if (denial.denied === 'header_mismatch')
    error['data'] = {
      mismatch: { header: denial.got ?? '(missing)', body: denial.body ?? '(missing)' },
    }
  // R16: the id when it could be read. JSON.stringify escapes whatever a name holds.
  return JSON.stringify({ jsonrpc: '2.0', id: denial.id ?? null, error })
}

function challenge(
  kind: 'bare' | 'invalid_token' | 'insufficient_scope',
  sentence: string,
  denial: Denial,
  facts: ChallengeFacts,
): string {
  const scopes = denial.scopes ?? facts.scopes
  const parts = [
    kind === 'bare' ? undefined : `error="${kind}"`,
    kind === 'bare' ? undefined : `error_description="${sentence}"`,
    scopes.length === 0 ? undefined : `scope="${scopes.join(' ')}"`,
    `resource_metadata="${facts.metadataUrl}"`,
  ]
  return `Bearer ${parts.filter((part) => part !== undefined).join(', ')}`
}
