// The one predicate behind lists and calls, and how a refused target is answered.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Policy, Verdict } from '../../proxy/policy/engine.ts'
import { judge, reasonOf } from '../../proxy/policy/judge.ts'
import { TaskOwners } from '../../proxy/policy/tasks.ts'
import type { Caller, DenyMode, Target } from '../../proxy/types.ts'

const alice: Caller = {
  iss: 'https://issuer',
  sub: 'alice',
  client: '',
  scopes: new Set(),
  roles: new Set(),
  expiresAt: 0,
}
const bob: Caller = { ...alice, sub: 'bob' }
const SLOW: Target = { kind: 'tool', name: 'slow' }
const NOTHING = { scopes: [], roles: [] }

/** Allows every target and notes which were asked about. */
function recording() {
  const asked: Target[] = []
  const policy: Policy = {
    engine: 'table',
    version: '0',
    permissions: () => '',
    scopesOf: () => new Set(),
    patterns: [],
    advertised: [],
    decide: (_, target) => {
      asked.push(target)
      return { allow: true, rule: target.name, deny: 'error', scopes: [], missing: NOTHING }
    },
  }
  return { policy, asked }
}

describe('deciding (law 4)', () => {
  for (const kind of ['tool', 'prompt', 'resource', 'template'] as const) {
    test(`a ${kind} is decided as it is`, () => {
      const { policy, asked } = recording()
      assert.equal(judge(policy, new TaskOwners(), alice, { kind, name: 'x' }).allow, true)
      assert.deepEqual(asked, [{ kind, name: 'x' }])
    })
  }

  test('a task is decided by the tool that made it (R31)', () => {
    const { policy, asked } = recording()
    const tasks = new TaskOwners()
    tasks.remember('t1', alice, SLOW)
    assert.equal(judge(policy, tasks, alice, { kind: 'task', name: 't1' }).rule, 'slow')
    assert.deepEqual(asked, [SLOW])
  })

  test('a task of nobody, or of another, is hidden without asking the policy (T121)', () => {
    const { policy, asked } = recording()
    const tasks = new TaskOwners()
    tasks.remember('t1', alice, SLOW)
    for (const [who, name] of [
      [bob, 't1'],
      [alice, 't2'],
    ] as const)
      assert.deepEqual(judge(policy, tasks, who, { kind: 'task', name }), {
        allow: false,
        rule: 'task owner',
        deny: 'hide',
        scopes: [],
        missing: NOTHING,
      })
    assert.deepEqual(asked, [])
  })
})

describe('the reason of a refusal (T104, R43)', () => {
  const some = ['x']
  const cases: [deny: DenyMode, scopes: string[], roles: string[], reason: string][] = [
    ['error', [], [], 'target_denied'],
    ['error', some, [], 'target_denied'],
    ['error', some, some, 'target_denied'],
    ['hide', [], [], 'target_hidden'],
    ['hide', some, [], 'target_hidden'],
    ['hide', [], some, 'target_hidden'],
    ['challenge', some, [], 'scope_insufficient'],
    ['challenge', [], [], 'target_denied'],
    ['challenge', [], some, 'target_denied'],
    ['challenge', some, some, 'target_denied'],
  ]
  for (const [deny, scopes, roles, reason] of cases) {
    test(`${deny}, ${scopes.length} scopes and ${roles.length} roles missing: ${reason}`, () => {
      const missing = { scopes, roles }
      const verdict: Verdict = { allow: false, rule: 'r', deny, scopes: some, missing }
      assert.equal(reasonOf(verdict, SLOW), reason)
      assert.equal(reasonOf(verdict, { kind: 'task', name: 't' }), 'task_unknown')
    })
  }
})
