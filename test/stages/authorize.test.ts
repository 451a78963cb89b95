// Stage 6 alone: when there is a permit, what it says, and how each refusal is worded.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createSealer } from '../../proxy/identity/session.ts'
import { parsePolicy } from '../../proxy/policy/table.ts'
import { TaskOwners } from '../../proxy/policy/tasks.ts'
import { authorize } from '../../proxy/stages/authorize.ts'
import type { Caller, Intent, Target } from '../../proxy/types.ts'

const sealer = createSealer(new Uint8Array(32))
const parsed = parsePolicy(
  `
version: 1
roles:
  reader: ['public:read']
tools:
  open: { anyone: true }
  read: { scopes: ['public:read'] }
  both: { scopes: ['public:read', 'confidential:read'], deny: challenge }
  admin: { scopes: ['public:read'], roles: [admin, root] }
  ghost: { scopes: ['secret:run'], deny: hide }
`,
  'error',
)
assert.ok('policy' in parsed)
const { policy } = parsed

function caller(
  scopes: readonly string[] = [],
  roles: readonly string[] = [],
  sub = 'alice',
): Caller {
  return {
    iss: 'https://issuer',
    sub,
    client: '',
    scopes: new Set(scopes),
    roles: new Set(roles),
    expiresAt: 0,
  }
}

function intentOf(targets: readonly Target[], more: Partial<Intent> = {}): Intent {
  return {
    era: 'modern',
    http: 'POST',
    method: 'tools/call',
    id: 7,
    targets,
    list: undefined,
    sealedSession: undefined,
    body: undefined,
    mayCreateTask: false,
    ...more,
  }
}

const tool = (name: string): Target => ({ kind: 'tool', name })
const ask = (who: Caller, intent: Intent, tasks = new TaskOwners()) =>
  authorize(who, intent, policy, tasks, sealer)

describe('a permit', () => {
  test('names the caller, the intent, the scopes of token and roles, and the rule', () => {
    const alice = caller(['other'], ['reader'])
    const intent = intentOf([tool('read')])
    assert.deepEqual(ask(alice, intent), {
      caller: alice,
      intent,
      session: undefined,
      scopes: new Set(['other', 'public:read']),
      rule: 'tools.read',
    })
  })

  test('needs no rule where nothing is named', () => {
    const permit = ask(caller(), intentOf([]))
    assert.equal('rule' in permit && permit.rule, 'authenticated')
  })

  test('names the rule of the last target', () => {
    const permit = ask(caller(['public:read']), intentOf([tool('open'), tool('read')]))
    assert.equal('rule' in permit && permit.rule, 'tools.read')
  })

  test('carries the session of the upstream, opened for its caller (T112)', () => {
    const alice = caller()
    const sealedSession = sealer.seal('upstream-id', alice)
    const permit = ask(alice, intentOf([], { sealedSession }))
    assert.equal('session' in permit && permit.session, 'upstream-id')
  })
})

describe('a session (T112, R54)', () => {
  const UNKNOWN = { denied: 'session_unknown', detail: 'the session is not of this caller' }

  test('of another caller, tampered with or unknown is one answer', () => {
    const sealed = sealer.seal('upstream-id', caller())
    const refused: [who: Caller, sealedSession: string][] = [
      [caller([], [], 'bob'), sealed],
      [caller(), `${sealed}x`],
      [caller(), 'upstream-id'],
      [caller(), ''],
    ]
    for (const [who, sealedSession] of refused)
      assert.deepEqual(ask(who, intentOf([tool('open')], { sealedSession })), UNKNOWN)
  })

  test('is needed by a response of the client (T18)', () => {
    const alice = caller()
    const response = { method: 'response', id: undefined }
    assert.deepEqual(ask(alice, intentOf([], response)), {
      denied: 'invalid_message',
      detail: 'a response outside a session',
    })
    const sealedSession = sealer.seal('s', alice)
    assert.ok('session' in ask(alice, intentOf([], { ...response, sealedSession })))
  })
})

describe('a refusal', () => {
  const denial = (
    denied: string,
    detail: string,
    name: string,
    rule: string,
    scopes?: string[],
  ) => ({
    denied,
    detail,
    id: 7,
    era: 'modern',
    target: tool(name),
    rule,
    ...(scopes === undefined ? {} : { scopes }),
  })
  const cases: [name: string, who: Caller, asked: string, expected: object][] = [
    [
      'without a rule',
      caller(),
      'unknown',
      denial('target_denied', 'no rule allows this tool', 'unknown', 'default'),
    ],
    [
      'for a scope',
      caller(),
      'read',
      denial('target_denied', 'the caller lacks scope public:read', 'read', 'tools.read'),
    ],
    [
      'that challenges names all that the call needs (R43)',
      caller(['public:read']),
      'both',
      denial(
        'scope_insufficient',
        'the caller lacks scope confidential:read',
        'both',
        'tools.both',
        ['public:read', 'confidential:read'],
      ),
    ],
    [
      'for several scopes',
      caller(),
      'both',
      denial(
        'scope_insufficient',
        'the caller lacks scope public:read, scope confidential:read',
        'both',
        'tools.both',
        ['public:read', 'confidential:read'],
      ),
    ],
    [
      'for scopes and roles',
      caller(),
      'admin',
      denial(
        'target_denied',
        'the caller lacks scope public:read, role admin, role root',
        'admin',
        'tools.admin',
      ),
    ],
    [
      'that hides (T104)',
      caller(),
      'ghost',
      denial('target_hidden', 'the caller lacks scope secret:run', 'ghost', 'tools.ghost'),
    ],
  ]
  for (const [name, who, asked, expected] of cases) {
    test(name, () => assert.deepEqual(ask(who, intentOf([tool(asked)])), expected))
  }

  test('of one target refuses all of them', () => {
    const refused = ask(caller(), intentOf([tool('open'), tool('read'), tool('open')]))
    assert.equal('denied' in refused && refused.target?.name, 'read')
  })
})

describe('tasks (R31, R61, T121)', () => {
  const task = intentOf([{ kind: 'task', name: 't1' }])

  test('are unknown until the upstream has some', () => {
    assert.deepEqual(ask(caller(), task), {
      denied: 'method_unknown',
      detail: 'no tasks here',
      id: 7,
      era: 'modern',
    })
  })

  test('belong to who made them, and need the right to their tool', () => {
    const tasks = new TaskOwners()
    tasks.remember('t1', caller(), tool('read'))
    assert.ok('rule' in ask(caller(['public:read']), task, tasks))
    const unknown = {
      denied: 'task_unknown',
      id: 7,
      era: 'modern',
      target: { kind: 'task', name: 't1' },
    }
    assert.deepEqual(ask(caller(), task, tasks), {
      ...unknown,
      detail: 'the caller lacks scope public:read',
      rule: 'tools.read',
    })
    assert.deepEqual(ask(caller(['public:read'], [], 'bob'), task, tasks), {
      ...unknown,
      detail: 'no rule allows this task',
      rule: 'task owner',
    })
  })
})
