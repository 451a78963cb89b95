// The line of one exchange, put together by hand: it must be the JSON that its facts are.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type LineFacts, renderLine } from '../../proxy/observe/line.ts'

const FACTS: LineFacts = {
  requestId: 'a1',
  traceId: 'b2',
  replica: 'pod-1',
  caller: ',"issuer":"https://a"',
  method: 'tools/call',
  target: 'get "x"\n',
  era: 'legacy',
  decision: 'denied',
  outcome: 'denied',
  reason: 'scope_insufficient',
  detail: 'lacks \u2028 scope',
  rule: 'tools.get_*',
  policyVersion: 'v1',
  status: 403,
  durationMs: 12.3456,
  upstreamMs: 2,
  requestBytes: 10,
  responseBytes: 20,
  session: 'ab12',
  argumentsSHA256: 'cd34',
}
const parsed = (facts: LineFacts) => JSON.parse(`{"x":0${renderLine(facts)}}`)

test('a line holds its facts, each under its name of the contract', () => {
  assert.deepEqual(parsed(FACTS), {
    x: 0,
    request_id: 'a1',
    trace_id: 'b2',
    replica: 'pod-1',
    issuer: 'https://a',
    method: 'tools/call',
    target: 'get "x"\n',
    era: 'legacy',
    decision: 'denied',
    outcome: 'denied',
    reason: 'scope_insufficient',
    detail: 'lacks \u2028 scope',
    rule: 'tools.get_*',
    policy_version: 'v1',
    status: 403,
    duration_ms: 12.346,
    upstream_ms: 2,
    request_bytes: 10,
    response_bytes: 20,
    session: 'ab12',
    arguments_sha256: 'cd34',
  })
})

test('what is unknown is left out', () => {
  const { detail, rule, status, ...rest } = parsed({
    ...FACTS,
    target: undefined,
    era: undefined,
    detail: undefined,
    rule: undefined,
    policyVersion: undefined,
    status: undefined,
    upstreamMs: undefined,
    session: undefined,
    argumentsSHA256: undefined,
  })
  assert.deepEqual([detail, rule, status], [undefined, undefined, undefined])
  for (const name of ['target', 'era', 'policy_version', 'upstream_ms', 'session'])
    assert.ok(!(name in rest), name)
})

test('what seldom changes is right after a change, and after the change back (T141)', () => {
  for (const [replica, policyVersion] of [
    ['pod-1', 'v1'],
    ['pod-2', 'v2'],
    ['pod-2', undefined],
    ['a"\n\u0085', '{"x":1}'],
    ['pod-1', 'v1'],
  ] as const) {
    const line = parsed({ ...FACTS, replica, policyVersion })
    assert.equal(line.replica, replica)
    assert.equal(line.policy_version, policyVersion)
  }
})

for (const [ms, shown] of [
  [0, 0],
  [0.0004, 0],
  [0.0005, 0.001],
  [0.0999, 0.1],
  [0.9996, 1],
  [7, 7],
  [7.05, 7.05],
  [86_400_000.001, 86_400_000.001],
] as const)
  test(`${ms} ms are shown as ${shown}`, () => {
    assert.equal(parsed({ ...FACTS, durationMs: ms }).duration_ms, shown)
  })

test('what was allowed by a rule and failed later is neither allowed nor denied by its outcome', () => {
  for (const [decision, outcome, reason] of [
    ['allowed', 'allowed', 'allowed'],
    ['allowed', 'failed', 'upstream_slow'],
    ['allowed', 'aborted', 'aborted'],
    ['denied', 'aborted', 'aborted'],
  ] as const) {
    const line = parsed({ ...FACTS, decision, outcome, reason })
    assert.deepEqual([line.decision, line.outcome, line.reason], [decision, outcome, reason])
  }
})
