// The policy table: what matches, what wins, what is missing, and what is refused as a file.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import type { Policy } from '../../proxy/policy/engine.ts'
import { reasonOf } from '../../proxy/policy/judge.ts'
import { parsePolicy } from '../../proxy/policy/table.ts'
import type { Caller, DenyMode, Target } from '../../proxy/types.ts'

function caller(scopes: readonly string[], roles: readonly string[] = []): Caller {
  return {
    iss: 'https://issuer',
    sub: 'alice',
    client: '',
    scopes: new Set(scopes),
    roles: new Set(roles),
    expiresAt: 0,
  }
}

function policyOf(source: string, deny: DenyMode = 'error'): Policy {
  const parsed = parsePolicy(source, deny)
  assert.ok('policy' in parsed, JSON.stringify(parsed))
  return parsed.policy
}

function problemsOf(source: string): readonly string[] {
  const parsed = parsePolicy(source, 'error')
  assert.ok('problems' in parsed, 'the policy was accepted')
  return parsed.problems
}

const tool = (name: string): Target => ({ kind: 'tool', name })
const resource = (name: string): Target => ({ kind: 'resource', name })

const POLICY = `
version: 1
roles:
  admin: ['public:read', 'confidential:read']
tools:
  get_public_info: { scopes: ['public:read'] }
  get_both: { scopes: ['public:read', 'confidential:read'], deny: challenge }
  admin_*: { roles: [admin, root], deny: hide }
  admin_read_*: { scopes: ['public:read'] }
  admin_read_all: { anyone: true }
  mixed: { scopes: ['public:read'], roles: [auditor], deny: challenge }
prompts: {}
resources:
  'docs://public/*': { scopes: ['public:read'] }
  'docs://public/draft': { scopes: ['confidential:read'] }
`

describe('what matches', () => {
  const policy = policyOf(POLICY)
  const rows: readonly (readonly [string, Caller, string, boolean, string])[] = [
    ['an exact name', caller(['public:read']), 'get_public_info', true, 'tools.get_public_info'],
    ['a scope that is missing', caller([]), 'get_public_info', false, 'tools.get_public_info'],
    ['one of two scopes', caller(['public:read']), 'get_both', false, 'tools.get_both'],
    ['a role that adds the scopes', caller([], ['admin']), 'get_both', true, 'tools.get_both'],
    ['any of the roles', caller([], ['root']), 'admin_x', true, 'tools.admin_*'],
    ['no role', caller(['public:read']), 'admin_x', false, 'tools.admin_*'],
    [
      'a longer prefix over a shorter',
      caller(['public:read']),
      'admin_read_x',
      true,
      'tools.admin_read_*',
    ],
    ['an exact name over a prefix', caller([]), 'admin_read_all', true, 'tools.admin_read_all'],
    ['scopes without the role', caller(['public:read']), 'mixed', false, 'tools.mixed'],
    ['a name of no rule', caller(['public:read'], ['admin']), 'unknown', false, 'default'],
    ['a prefix without its star', caller([], ['admin']), 'admin', false, 'default'],
    ['a name in other case (T21)', caller(['public:read']), 'GET_PUBLIC_INFO', false, 'default'],
    [
      'a name with a space behind (T21)',
      caller(['public:read']),
      'get_public_info ',
      false,
      'default',
    ],
    ['constructor (T83)', caller(['public:read']), 'constructor', false, 'default'],
    ['__proto__ (T83)', caller(['public:read']), '__proto__', false, 'default'],
    ['toString (T83)', caller(['public:read']), 'toString', false, 'default'],
    ['a star asked for (T84)', caller(['public:read']), '*', false, 'default'],
  ]
  for (const [name, who, asked, allow, rule] of rows) {
    test(`${name}: ${asked}`, () => {
      const verdict = policy.decide(who, tool(asked))
      assert.equal(verdict.allow, allow)
      assert.equal(verdict.rule, rule)
    })
  }

  test('a scope of a token is compared whole, not as a pattern (T84, T85)', () => {
    for (const scope of ['*', 'public:*', 'PUBLIC:READ', 'public:rеad', 'public:read\u200b'])
      assert.equal(policy.decide(caller([scope]), tool('get_public_info')).allow, false)
  })

  test('prompts are not decided by the rules of tools', () => {
    const verdict = policy.decide(caller(['public:read']), {
      kind: 'prompt',
      name: 'get_public_info',
    })
    assert.equal(verdict.allow, false)
  })

  test('what is missing is said by scope and by role', () => {
    const { missing } = policy.decide(caller([]), tool('mixed'))
    assert.deepEqual(missing, { scopes: ['public:read'], roles: ['auditor'] })
  })
})

describe('resource URIs', () => {
  const policy = policyOf(POLICY)
  const reader = caller(['public:read'])
  const allowed = [
    'DOCS://public/guide',
    'docs://public/guide',
    'docs://public/a/b',
    'docs://public/caf%C3%A9',
  ]
  for (const uri of allowed)
    test(`${uri} is allowed`, () => assert.equal(policy.decide(reader, resource(uri)).allow, true))

  const refused = [
    'docs://public/draft',
    'docs://confidential/memo',
    'docs://public/../confidential/memo',
    'docs://public/%2e%2e/confidential/memo',
    'docs://public/%252e%252e/confidential/memo',
    'docs://public/..%2fconfidential/memo',
    'docs://public/..\\confidential',
    'docs://public/./guide',
    'docs://public/a/..',
    ' docs://public/guide',
    'docs://publicx/guide',
  ]
  for (const uri of refused)
    test(`${JSON.stringify(uri)} is refused (T40, R28)`, () =>
      assert.equal(policy.decide(reader, resource(uri)).allow, false))

  test('two spellings of one pattern are a contradiction (T86)', () => {
    for (const twin of ['DOCS://A/b', 'docs://a//b', 'docs://a/%62'])
      assert.deepEqual(
        parsePolicy(
          `version: 1\nresources:\n  'docs://a/b': { roles: [x] }\n  '${twin}': { anyone: true }\n`,
          'error',
        ),
        { problems: [`resources."${twin}" is another spelling of "docs://a/b"`] },
      )
  })

  test('no spelling of a restricted resource passes by a broader rule', () => {
    const broad = policyOf(`
version: 1
resources:
  'docs://*': { anyone: true }
  'docs://confidential/*': { scopes: ['confidential:read'] }
  'docs://open/secret': { scopes: ['confidential:read'] }
  'search://find?kind=a*': { anyone: true }
  'search://*': { scopes: ['confidential:read'] }
  'docs://x/été': { anyone: true }
`)
    const dodges = [
      'docs://x@confidential/memo',
      'docs://confidential:1/memo',
      'docs://%63onfidential/memo',
      'docs://CONFIDENTIAL/memo',
      'docs://confidential%2Fmemo',
      'docs://open/%73ecret',
      'docs://open/secret?',
      'docs://open/secret?x=1',
      'docs://open/secret#',
      'docs://open/secret/x/.. ',
      'docs://open/secret/x/..%20',
      'docs://open/x/.. /secret',
      'docs://open//secret',
      'docs://open/%2fsecret',
      'docs://open/\\secret',
      'docs://open/%ff%2f%2e%2e%2fsecret',
      'docs://open/%e0%80%ae%e0%80%ae/open/secret',
      'docs://open/..;/secret',
      'docs://open/.%09./secret',
      'docs://open/%c0%ae%c0%ae/secret',
    ]
    for (const uri of dodges)
      assert.equal(broad.decide(caller([]), resource(uri)).allow, false, uri)
    for (const uri of [
      'docs://open/other',
      'search://find?kind=a/..',
      'docs://x/été',
      'docs://x/%C3%A9t%C3%A9',
    ])
      assert.equal(broad.decide(caller([]), resource(uri)).allow, true, uri)
  })

  test('a rule with a query binds that query alone', () => {
    const queries = policyOf(`
version: 1
resources:
  'search://*': { anyone: true }
  'search://find?kind=a*': { scopes: ['confidential:read'] }
`)
    assert.equal(queries.decide(caller([]), resource('search://find?kind=b')).allow, true)
    assert.equal(queries.decide(caller([]), resource('search://find?kind=ab')).allow, false)
    const alone = policyOf("version: 1\nresources: {'search://find?kind=a*': {anyone: true}}")
    assert.equal(alone.decide(caller([]), resource('search://find?kind=ab')).allow, true)
  })

  test('where the bare form has the more specific rule, both must allow', () => {
    const both = policyOf(`
version: 1
resources:
  'docs://*': { anyone: true }
  'docs://x/y*': { scopes: ['public:read'] }
`)
    const dodge = resource('docs://user@x/y')
    assert.equal(both.decide(reader, dodge).allow, true)
    assert.equal(both.decide(caller([]), dodge).rule, 'resources.docs://x/y*')
    assert.equal(both.decide(caller([]), dodge).allow, false)
    const alone = policyOf("version: 1\nresources: {'docs://x/*': {anyone: true}}")
    assert.equal(alone.decide(reader, dodge).rule, 'default')
  })

  test('a tab that URL parsers drop does not hide an exact rule', () => {
    assert.equal(policy.decide(reader, resource('docs://public/dr\taft')).allow, false)
  })

  test('a template is decided by its text', () => {
    const template: Target = { kind: 'template', name: 'docs://public/{section}' }
    assert.equal(policy.decide(reader, template).allow, true)
    assert.equal(policy.decide(caller([]), template).allow, false)
  })
})

describe('what a policy says of itself', () => {
  const policy = policyOf(POLICY)

  test('its version is the begin of the digest of its source', () => {
    assert.equal(policy.engine, 'table')
    assert.equal(policy.version, createHash('sha256').update(POLICY).digest('hex').slice(0, 12))
    assert.match(policy.version, /^[0-9a-f]{12}$/)
  })

  test('scopes are those of the token and of its known roles', () => {
    const nobody = caller(['a'], ['unknown'])
    assert.equal(policy.scopesOf(nobody), nobody.scopes)
    assert.deepEqual(
      policy.scopesOf(caller(['a'], ['unknown', 'admin'])),
      new Set(['a', 'public:read', 'confidential:read']),
    )
  })

  test('advertised scopes are sorted and unique', () => {
    const mixed = policyOf(`
version: 1
tools: { a: { scopes: ['z', 'm'] }, b: { scopes: ['a'] } }
prompts: { a: { scopes: ['m'] } }
resources: { 'x:*': { scopes: ['b'] }, 'y:*': { scopes: ['c'], deny: hide } }
`)
    assert.deepEqual(mixed.advertised, ['a', 'b', 'm', 'z'])
  })

  test('its patterns are targets of their kind', () => {
    const all = policyOf(
      'version: 1\ntools: {t: {anyone: true}}\nprompts: {p: {anyone: true}}\nresources: {r*: {anyone: true}}',
    )
    assert.deepEqual(all.patterns, [
      { kind: 'tool', name: 't' },
      { kind: 'prompt', name: 'p' },
      { kind: 'resource', name: 'r*' },
    ])
  })

  test('each kind is decided by its table', () => {
    const all = policyOf(
      'version: 1\ntools: {x: {anyone: true}}\nprompts: {x: {anyone: true}}\nresources: {x: {anyone: true}}',
    )
    const rules = (['tool', 'task', 'prompt', 'resource', 'template'] as const).map(
      (kind) => all.decide(caller([]), { kind, name: 'x' }).rule,
    )
    assert.deepEqual(rules, ['tools.x', 'tools.x', 'prompts.x', 'resources.x', 'resources.x'])
  })

  test('a name that is the whole prefix is matched by it', () => {
    const policy = policyOf(
      'version: 1\ntools: {ab*: {anyone: true}, abcd*: {scopes: [x]}, a*: {scopes: [y]}}',
    )
    const ruleOf = (name: string) => policy.decide(caller([]), tool(name)).rule
    assert.deepEqual(['a', 'ab', 'abc', 'abcd', 'abcde', 'b'].map(ruleOf), [
      'tools.a*',
      'tools.ab*',
      'tools.ab*',
      'tools.abcd*',
      'tools.abcd*',
      'default',
    ])
  })
})

describe('how a refusal is answered', () => {
  const rows: readonly (readonly [string, DenyMode, string, Caller, string])[] = [
    ['the setting', 'error', 'get_public_info', caller([]), 'target_denied'],
    ['the setting', 'hide', 'get_public_info', caller([]), 'target_hidden'],
    ['a rule over the setting', 'error', 'admin_x', caller([]), 'target_hidden'],
    ['no rule at all', 'hide', 'unknown', caller([]), 'target_hidden'],
    ['a scope would help', 'error', 'get_both', caller([]), 'scope_insufficient'],
    ['no scope would help (T104)', 'challenge', 'unknown', caller([]), 'target_denied'],
    ['a role is missing as well (T104)', 'error', 'mixed', caller([]), 'target_denied'],
  ]
  for (const [name, deny, asked, who, reason] of rows) {
    test(`${name}, DENY ${deny}: ${asked} is ${reason}`, () => {
      const verdict = policyOf(POLICY, deny).decide(who, tool(asked))
      assert.equal(reasonOf(verdict, tool(asked)), reason)
    })
  }

  test('a challenge names every scope the call needs (R43)', () => {
    const verdict = policyOf(POLICY).decide(caller(['public:read']), tool('get_both'))
    assert.deepEqual(verdict.scopes, ['public:read', 'confidential:read'])
  })

  test('scopes of hidden rules are not advertised (T104)', () => {
    const hidden = policyOf(`
version: 1
tools:
  a: { scopes: ['b:read'] }
  z: { scopes: ['secret:run'], deny: hide }
`)
    assert.deepEqual(hidden.advertised, ['b:read'])
  })
})

describe('a file that is refused', () => {
  const rows: readonly (readonly [string, string, RegExp])[] = [
    ['empty (T86)', '', /not a mapping/],
    ['a list', '- a', /not a mapping/],
    ['another version', 'version: 2\ntools: {a: {anyone: true}}', /version is not 1/],
    ['no rule at all', 'version: 1', /no rule/],
    ['an unknown key', 'version: 1\ntool: {}\ntools: {a: {anyone: true}}', /unknown key "tool"/],
    [
      'an unknown key of a rule',
      'version: 1\ntools: {a: {anyone: true, scope: x}}',
      /unknown key "scope"/,
    ],
    ['a star in the middle (T84)', "version: 1\ntools: {'a*b': {anyone: true}}", /before its end/],
    ['two stars', "version: 1\ntools: {'a**': {anyone: true}}", /before its end/],
    ['a rule without a condition', 'version: 1\ntools: {a: {}}', /neither scopes nor roles/],
    ['an empty list of scopes', 'version: 1\ntools: {a: {scopes: []}}', /neither scopes nor roles/],
    ['anyone: false', 'version: 1\ntools: {a: {anyone: false}}', /anyone is not true/],
    [
      'anyone beside scopes (T87)',
      'version: 1\ntools: {a: {anyone: true, scopes: [b]}}',
      /contradiction/,
    ],
    [
      'a scope that no token can hold',
      "version: 1\ntools: {a: {scopes: ['b c']}}",
      /no token can hold/,
    ],
    ['scopes that are no list', 'version: 1\ntools: {a: {scopes: b}}', /not a list/],
    ['a wrong deny', 'version: 1\ntools: {a: {anyone: true, deny: no}}', /deny is not one of/],
    ['a wrong limit', 'version: 1\ntools: {a: {anyone: true, limit: fast}}', /limit is not a rate/],
    ['a name twice', 'version: 1\ntools:\n  a: {anyone: true}\n  a: {anyone: true}', /unique/],
    [
      'a name twice, once as a number',
      "version: 1\ntools: {1: {anyone: true}, '1': {scopes: [a]}}",
      /unique/,
    ],
    [
      'a name twice, once as an alias',
      'version: 1\ntools: {&x a: {scopes: [b]}, *x : {anyone: true}}',
      /keys must be strings/,
    ],
    [
      'a name that is a mapping',
      'version: 1\ntools: {? {a: b} : {anyone: true}}',
      /keys must be strings/,
    ],
    ['broken YAML', 'version: 1\ntools: {a: [', /./],
  ]
  for (const [name, source, problem] of rows)
    test(name, () => assert.match(problemsOf(source).join('\n'), problem))

  test('a problem of the YAML is one line that says where it is', () => {
    assert.deepEqual(problemsOf('version: 1\ntools:\n  a: {anyone: true}\n  a: {anyone: true}\n'), [
      'Map keys must be unique at line 4, column 3',
    ])
  })

  test('aliases may not multiply without bound', () => {
    const levels = Array.from({ length: 8 }, (_, n) => {
      const inner =
        n === 0
          ? 'x'
          : Array(9)
              .fill(`*l${n - 1}`)
              .join(', ')
      return `  - &l${n} [${inner}]`
    })
    const source = `version: 1\nroles: &r\n${levels.join('\n')}\ntools: {a: {anyone: true}}`
    assert.deepEqual(problemsOf(source), ['the policy is not a mapping'])
  })

  test('every problem is reported at once', () => {
    const problems = problemsOf('version: 3\nfoo: 1\ntools: {a: {}, "b*c": {anyone: true}}')
    assert.equal(problems.length, 4)
  })

  test('a name that YAML could read as a number is the name as it is written', () => {
    const numbers = policyOf('version: 1\ntools: {0x10: {anyone: true}, 1.0: {anyone: true}}')
    for (const name of ['0x10', '1.0'])
      assert.equal(numbers.decide(caller([]), tool(name)).allow, true)
    for (const name of ['16', '1'])
      assert.equal(numbers.decide(caller([]), tool(name)).allow, false)
  })

  test('a limit is read, and said not to be enforced', () => {
    const parsed = parsePolicy('version: 1\ntools: {a: {anyone: true, limit: 2/s}}', 'error')
    assert.ok('policy' in parsed)
    assert.match(parsed.warnings.join(), /not enforced/)
  })
})
