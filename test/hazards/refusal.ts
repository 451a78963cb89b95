// What a refusal may say: a public sentence of denials.ts and its challenge, or nothing at all where
// the request was no HTTP. Anything else in a body would be a leak.

import assert from 'node:assert/strict'
import { DENIALS, type DenialRow } from '../../proxy/denials.ts'
import type { Reply } from './raw.ts'

/** Statuses that Node answers before there is a request. */
const BARE = new Set([400, 408, 431])

/** Asserts that the body, and the challenge, are those of some row with this status. */
export function assertRefusal({ status, headers, body }: Reply): void {
  if (body === '') {
    assert.ok(BARE.has(status), `${status} without a body`)
    assert.equal(headers.get('connection'), 'close')
    return
  }
  const row = Object.values<DenialRow>(DENIALS).find((each) => saysOnly(each, status, body))
  assert.ok(row !== undefined, `no refusal: ${status} ${body}`)
  const challenged = row.challenge !== undefined
  assert.equal(headers.has('www-authenticate'), challenged, `the challenge of ${status}`)
  if (challenged) assert.match(headers.get('www-authenticate') ?? '', /resource_metadata="http/)
  assert.equal(headers.get('cache-control'), 'no-store')
  assert.equal(headers.has('server') || headers.has('x-powered-by'), false)
}

function saysOnly(row: DenialRow, status: number, body: string): boolean {
  const unknown = row.code === -32601 && [200, 400, 404].includes(status)
  if (row.status !== status && !unknown) return false
  if (row.code === undefined) {
    const plain = { error: row.sentence }
    const named = { error: row.challenge, error_description: row.sentence }
    return body === JSON.stringify(plain) || body === JSON.stringify(named)
  }
  const { error, ...rest } = JSON.parse(body)
  return 'jsonrpc' in rest && error?.code === row.code && fits(row.sentence, error.message)
}

/** The sentence with anything in its slots. */
function fits(sentence: string, message: string): boolean {
  const [before = '', after = ''] = sentence.split(/\{\w+\}/)
  return message.startsWith(before) && message.endsWith(after)
}
