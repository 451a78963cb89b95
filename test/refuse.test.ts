// How a denial looks on the wire: status, code, challenge and exact bytes.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { DENIALS } from '../proxy/denials.ts'
import { refuse } from '../proxy/refuse.ts'
import type { Denial, Reason, TargetKind } from '../proxy/types.ts'

const FACTS = {
  metadataUrl: 'https://mcp.example.com/.well-known/oauth-protected-resource/mcp',
  scopes: ['public:read', 'confidential:read'],
}
const METADATA = `resource_metadata="${FACTS.metadataUrl}"`
// The keys of the table are exactly the reasons.
const REASONS = Object.keys(DENIALS) as Reason[]

function answerTo(denial: Partial<Denial> & Pick<Denial, 'denied'>) {
  return refuse({ detail: 'a secret detail', ...denial }, FACTS)
}

describe('every refusal', () => {
  for (const denied of REASONS) {
    test(`${denied} has the status of its row and is never cached`, () => {
      const { status, headers, body, close } = answerTo({ denied, id: 1 })
      const row = DENIALS[denied]
      assert.equal(status, row.status)
      assert.equal(close, row.close === true)
      assert.equal(headers['cache-control'], 'no-store')
      assert.equal(headers['content-type'], 'application/json')
      assert.equal(headers['retry-after'], row.retryAfter?.toString())
      const parsed = JSON.parse(body)
      assert.equal(parsed.error?.code, row.code)
      assert.equal('www-authenticate' in headers, row.challenge !== undefined)
    })
    test(`${denied} shows the detail only where its sentence says so (T102)`, () => {
      const isShown = DENIALS[denied].sentence.includes('{detail}')
      assert.equal(answerTo({ denied, id: 1 }).body.includes('a secret detail'), isShown)
    })
  }
  test('one that can be tried again says when', () => {
    for (const denied of REASONS.filter((reason) => [429, 503].includes(DENIALS[reason].status)))
      assert.match(answerTo({ denied }).headers['retry-after'] ?? '', /^[1-9]\d*$/, denied)
  })
})

describe('challenges', () => {
  test('without credentials there is no error member (RFC 6750 3)', () => {
    const { headers, body } = answerTo({ denied: 'token_missing' })
    const scope = 'scope="public:read confidential:read"'
    assert.equal(headers['www-authenticate'], `Bearer ${scope}, ${METADATA}`)
    assert.equal(body, '{"error":"an access token is required"}')
  })
  for (const denied of ['token_invalid', 'token_expired'] as const) {
    test(`${denied} is an invalid_token, and never says what is wrong with it`, () => {
      const { status, headers, body } = answerTo({ denied })
      assert.equal(status, 401)
      assert.match(headers['www-authenticate'] ?? '', /^Bearer error="invalid_token"/)
      assert.equal(JSON.parse(body).error, 'invalid_token')
    })
  }
  test('insufficient_scope names the scopes of the call, not the advertised ones (R43)', () => {
    const { status, headers } = answerTo({ denied: 'scope_insufficient', scopes: ['a', 'b'] })
    assert.equal(status, 403)
    assert.match(headers['www-authenticate'] ?? '', /error="insufficient_scope".* scope="a b", /)
  })
  test('without scopes to ask for the member is left out', () => {
    const facts = { ...FACTS, scopes: [] }
    const { headers } = refuse({ denied: 'token_missing', detail: '' }, facts)
    assert.equal(headers['www-authenticate'], `Bearer ${METADATA}`)
  })
})

describe('denied names', () => {
  const kinds: readonly (readonly [TargetKind, string])[] = [
    ['tool', 'tool'],
    ['prompt', 'prompt'],
    ['resource', 'resource'],
    ['template', 'resource'],
  ]
  for (const [kind, word] of kinds) {
    test(`a ${kind} is named as a ${word}`, () => {
      const target = { kind, name: 'x' }
      const open = JSON.parse(answerTo({ denied: 'target_denied', id: 1, target }).body)
      assert.deepEqual(open.error, { code: -31403, message: `Permission denied: ${word} "x"` })
      const hidden = JSON.parse(answerTo({ denied: 'target_hidden', id: 1, target }).body)
      assert.deepEqual(hidden.error, { code: -32602, message: `Unknown ${word}: x` })
    })
  }
  for (const denied of ['target_denied', 'target_hidden'] as const) {
    test(`${denied} is the same bytes for a denied name and for one of no rule (T103)`, () => {
      const target = { kind: 'tool', name: 'x' } as const
      const denied1 = { denied, id: 1, target, detail: 'the caller lacks scope a', rule: 'tools.x' }
      const unknown = { denied, id: 1, target, detail: 'no rule allows it', rule: 'default' }
      assert.deepEqual(refuse(denied1, FACTS), refuse(unknown, FACTS))
    })
  }
  for (const name of ['"', '\\', '\u2028', '{detail}', '$&', '\ud800']) {
    test(`the name ${JSON.stringify(name)} comes back as it was sent`, () => {
      const target = { kind: 'tool', name } as const
      const { message } = JSON.parse(
        answerTo({ denied: 'target_hidden', id: 1, target }).body,
      ).error
      assert.equal(message, `Unknown tool: ${name}`)
    })
  }
})

describe('JSON-RPC', () => {
  for (const id of [0, 1, -1, '', 'a', '0'])
    test(`the id ${JSON.stringify(id)} comes back (R16)`, () =>
      assert.equal(JSON.parse(answerTo({ denied: 'target_denied', id }).body).id, id))

  test('an id that could not be read is null', () =>
    assert.equal(JSON.parse(answerTo({ denied: 'not_json' }).body).id, null))

  const unknown: readonly (readonly [string, Partial<Denial>, number])[] = [
    ['a legacy request gets 200', { era: 'legacy', id: 1 }, 200],
    ['a modern request gets 404 (R14)', { era: 'modern', id: 1 }, 404],
    ['a legacy notification gets 400', { era: 'legacy' }, 400],
    ['a modern notification gets 404', { era: 'modern' }, 404],
  ]
  for (const [name, denial, status] of unknown)
    test(`an unknown method: ${name}`, () =>
      assert.equal(answerTo({ denied: 'method_unknown', ...denial }).status, status))

  test('an unsupported version says what is supported and what was asked (R14)', () => {
    const { body } = answerTo({ denied: 'version_unsupported', id: 1, got: '2099-01-01' })
    const data = { supported: ['2026-07-28'], requested: '2099-01-01' }
    assert.deepEqual(JSON.parse(body).error.data, data)
  })
  test('a missing header is told from a wrong one (R11)', () => {
    const missing = JSON.parse(answerTo({ denied: 'header_mismatch', id: 1, body: 'y' }).body)
    assert.deepEqual(missing.error.data, { mismatch: { header: '(missing)', body: 'y' } })
    const wrong = answerTo({ denied: 'header_mismatch', id: 1, got: 'x', body: 'y' }).body
    assert.deepEqual(JSON.parse(wrong).error.data, { mismatch: { header: 'x', body: 'y' } })
    const nameless = JSON.parse(answerTo({ denied: 'header_mismatch', id: 1, got: 'x' }).body)
    assert.deepEqual(nameless.error.data, { mismatch: { header: 'x', body: '(missing)' } })
  })
  test('405 says what is allowed', () =>
    assert.equal(
      answerTo({ denied: 'method_not_allowed' }).headers['allow'],
      'POST, GET, DELETE, OPTIONS',
    ))
})
