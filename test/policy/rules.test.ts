// A policy file as rules: what each key becomes, and the sentence for each thing that is wrong.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { readRules } from '../../proxy/policy/rules.ts'

const EMPTY = 'no rule in tools, prompts or resources: everything would be denied'

/** A policy whose only rule this is. */
const withRule = (rule: unknown) => ({ version: 1, tools: { a: rule } })

function problemsOf(value: unknown): readonly string[] {
  const read = readRules(value)
  assert.ok('problems' in read, 'the policy was accepted')
  return read.problems
}

function ruleOf(rule: unknown) {
  const read = readRules(withRule(rule))
  assert.ok('rules' in read, JSON.stringify(read))
  return read.rules.tools.get('a')
}

test('a whole file becomes its tables, by name', () => {
  const read = readRules({
    version: 1,
    roles: { admin: ['a:read', 'b:read'], none: [] },
    tools: { one: { scopes: ['a:read'] }, 'two*': { roles: ['x y'], deny: 'hide' } },
    prompts: { one: { anyone: true, labels: ['l', 'm'] } },
    resources: { 'docs://*': { scopes: ['a:read'], roles: ['x'], deny: 'challenge' } },
  })
  const nothing = { scopes: [], roles: [], deny: undefined, labels: [] }
  assert.deepEqual(read, {
    warnings: [],
    rules: {
      roles: new Map([
        ['admin', ['a:read', 'b:read']],
        ['none', []],
      ]),
      tools: new Map<string, object>([
        ['one', { ...nothing, scopes: ['a:read'] }],
        ['two*', { ...nothing, roles: ['x y'], deny: 'hide' }],
      ]),
      prompts: new Map([['one', { ...nothing, labels: ['l', 'm'] }]]),
      resources: new Map([
        ['docs://*', { ...nothing, scopes: ['a:read'], roles: ['x'], deny: 'challenge' }],
      ]),
    },
  })
})

test('one table with a rule is enough', () => {
  for (const table of ['tools', 'prompts', 'resources'])
    assert.ok('rules' in readRules({ version: 1, [table]: { a: { anyone: true } } }), table)
  const one = { a: { anyone: true } }
  assert.ok('rules' in readRules({ version: 1, tools: one, prompts: one }))
  assert.ok('rules' in readRules({ version: 1, tools: one, resources: one }))
})

test('each mode of denial may be set, or none', () => {
  for (const deny of ['error', 'hide', 'challenge', undefined])
    assert.equal(ruleOf({ anyone: true, deny })?.deny, deny)
})

describe('what is wrong with the file (T86)', () => {
  const KNOWN = 'known are version, roles, tools, prompts, resources'
  const rules = { tools: { a: { anyone: true } } }
  const cases: [name: string, value: unknown, problems: readonly string[]][] = [
    ['no value', undefined, ['the policy is not a mapping']],
    ['null', null, ['the policy is not a mapping']],
    ['a list', [rules], ['the policy is not a mapping']],
    ['a text', 'version', ['the policy is not a mapping']],
    ['no version', rules, ['version is not 1']],
    ['a version that is a text', { version: '1', ...rules }, ['version is not 1']],
    ['an unknown key', { version: 1, tool: 1, ...rules }, [`unknown key "tool"; ${KNOWN}`]],
    ['no rules', { version: 1 }, [EMPTY]],
    ['empty tables', { version: 1, tools: {}, prompts: {}, resources: {} }, [EMPTY]],
    ['a table that is a list', { version: 1, ...rules, prompts: [] }, ['prompts is not a mapping']],
    [
      'a table that is a text',
      { version: 1, ...rules, resources: 'x' },
      ['resources is not a mapping'],
    ],
    ['tools that are no table', { version: 1, tools: true }, ['tools is not a mapping', EMPTY]],
    ['roles that are a list', { version: 1, ...rules, roles: [] }, ['roles is not a mapping']],
    [
      'a role without a list',
      { version: 1, ...rules, roles: { admin: 'a' } },
      ['roles."admin" is not a list of words'],
    ],
    [
      'a role with a scope that no token holds',
      { version: 1, ...rules, roles: { admin: ['a b'] } },
      ['roles."admin" names "a b", which no token can hold (RFC 6749 3.3)'],
    ],
  ]
  for (const [name, value, problems] of cases) {
    test(name, () => assert.deepEqual(problemsOf(value), problems))
  }

  test('a table that is null is an empty one, as YAML writes it', () => {
    assert.ok('rules' in readRules({ version: 1, ...rules, prompts: null, roles: null }))
  })
})

describe('what is wrong with a name (T84)', () => {
  const STAR = 'has a * before its end; only a prefix may end in *'
  const ODD = 'is empty or has control characters'
  const cases: [pattern: string, problem: string][] = [
    ['a*b', STAR],
    ['*a', STAR],
    ['a**', STAR],
    ['*a*', STAR],
    ['', ODD],
    ['a\0', ODD],
    ['a\x1fb', ODD],
    ['\x7f', ODD],
    ['a\n*', ODD],
  ]
  for (const table of ['tools', 'prompts', 'resources']) {
    for (const [pattern, problem] of cases) {
      test(`${table}: ${JSON.stringify(pattern)}`, () => {
        const value = { version: 1, [table]: { [pattern]: { anyone: true } } }
        assert.deepEqual(problemsOf(value), [`${table}."${pattern}" ${problem}`])
      })
    }
  }

  test('a star alone, a star at the end and odd signs are fine', () => {
    for (const pattern of ['*', 'a*', ' ', '~', 'é', 'a.b/c'])
      assert.ok('rules' in readRules({ version: 1, tools: { [pattern]: { anyone: true } } }))
  })
})

describe('what is wrong with a rule (T86, T87)', () => {
  const NEITHER = 'tools."a" has neither scopes nor roles; write anyone: true if that is meant'
  const BOTH = 'tools."a" has anyone beside scopes or roles: a contradiction'
  const UNKNOWN = 'known are scopes, roles, anyone, deny, limit, labels'
  const LIMIT = 'tools."a".limit is not a rate such as 2/s or 100/m'
  const DENY = 'tools."a".deny is not one of error, hide, challenge'
  const cases: [rule: unknown, problems: readonly string[]][] = [
    [null, ['tools."a" is not a mapping', EMPTY]],
    [['a'], ['tools."a" is not a mapping', EMPTY]],
    [true, ['tools."a" is not a mapping', EMPTY]],
    [{}, [NEITHER]],
    [{ scopes: [] }, [NEITHER]],
    [{ roles: [] }, [NEITHER]],
    [{ scopes: [], roles: [] }, [NEITHER]],
    [{ labels: ['x'] }, [NEITHER]],
    [{ anyone: true, scope: 1 }, [`tools."a" has unknown key "scope"; ${UNKNOWN}`]],
    [{ anyone: false }, ['tools."a".anyone is not true']],
    [{ anyone: 'true' }, ['tools."a".anyone is not true']],
    [{ anyone: null, scopes: ['b'] }, ['tools."a".anyone is not true']],
    [{ anyone: true, scopes: ['b'] }, [BOTH]],
    [{ anyone: true, roles: ['b'] }, [BOTH]],
    [{ anyone: true, scopes: [] }, [BOTH]],
    [{ anyone: true, deny: 'no' }, [DENY]],
    [{ anyone: true, deny: null }, [DENY]],
    [{ scopes: 'b' }, ['tools."a".scopes is not a list of words', NEITHER]],
    [{ scopes: ['b', 1] }, ['tools."a".scopes is not a list of words']],
    [{ scopes: ['b', ''] }, ['tools."a".scopes is not a list of words']],
    [{ roles: { b: 1 } }, ['tools."a".roles is not a list of words', NEITHER]],
    [{ roles: [['b'], 'c'] }, ['tools."a".roles is not a list of words']],
    [{ anyone: true, labels: 'x' }, ['tools."a".labels is not a list of words']],
    [{ anyone: true, limit: 'fast' }, [LIMIT]],
    [{ anyone: true, limit: 2 }, [LIMIT]],
    [{ anyone: true, limit: null }, [LIMIT]],
    [{ anyone: true, limit: ['2/s'] }, [LIMIT]],
    [{ anyone: true, limit: '0/s' }, [LIMIT]],
    [{ anyone: true, limit: '01/s' }, [LIMIT]],
    [{ anyone: true, limit: '2/d' }, [LIMIT]],
    [{ anyone: true, limit: '2/sm' }, [LIMIT]],
    [{ anyone: true, limit: ' 2/s' }, [LIMIT]],
    [{ anyone: true, limit: '12345678/s' }, [LIMIT]],
  ]
  for (const [rule, problems] of cases) {
    test(JSON.stringify(rule), () => assert.deepEqual(problemsOf(withRule(rule)), problems))
  }

  for (const scope of ['b c', 'b"', 'b\\c', 'é', 'b\n', ' b', '\x7f']) {
    test(`the scope ${JSON.stringify(scope)}, which no token can hold`, () => {
      const detail = `names "${scope}", which no token can hold (RFC 6749 3.3)`
      assert.deepEqual(problemsOf(withRule({ scopes: [scope] })), [`tools."a".scopes ${detail}`])
    })
  }

  test('a scope of any other sign is fine, and a role may be any word', () => {
    const scopes = ['!', '~', '#', '[', ']', 'a:b/c']
    assert.deepEqual(ruleOf({ scopes })?.scopes, scopes)
    assert.deepEqual(ruleOf({ roles: ['Domain Admins', 'é'] })?.roles, ['Domain Admins', 'é'])
  })

  test('every problem is said at once, in the order of the file', () => {
    const problems = problemsOf({ version: 2, x: 1, tools: { 'b*c': {} }, prompts: 7 })
    assert.deepEqual(
      problems.map((problem) => problem.split(';')[0]),
      [
        'unknown key "x"',
        'version is not 1',
        'tools."b*c" has a * before its end',
        'tools."b*c" has neither scopes nor roles',
        'prompts is not a mapping',
      ],
    )
  })
})

test('a limit is read, and said not to be enforced', () => {
  for (const limit of ['2/s', '100/m', '1234567/h', '10/s']) {
    const read = readRules(withRule({ anyone: true, limit }))
    assert.ok('warnings' in read, limit)
    assert.deepEqual(read.warnings, [
      'tools."a".limit is read but not enforced: this version has no rate limits',
    ])
  }
})
