// Fuzz target: the policy table (contract section 4, T21, T40, T84-T91). Random tables and names against
// a naive reading of the contract; listed if and only if callable; no spelling of a URI gets what the
// plain one does not; and no file whatever makes the parser throw.

import assert from 'node:assert/strict'
import { createSealer } from '../../proxy/identity/session.ts'
import type { Policy } from '../../proxy/policy/engine.ts'
import { judge } from '../../proxy/policy/judge.ts'
import { parsePolicy } from '../../proxy/policy/table.ts'
import { TaskOwners } from '../../proxy/policy/tasks.ts'
import { authorize } from '../../proxy/stages/authorize.ts'
import { classify } from '../../proxy/stages/classify.ts'
import { type Caller, isDenial, type ListName, type Target } from '../../proxy/types.ts'
import { judgeFrame } from '../../proxy/wire/frames.ts'
import { toMessage } from '../../proxy/wire/jsonrpc.ts'
import { Choices } from './choices.ts'
import {
  type Asker,
  allows,
  patternFor,
  type WrittenPolicy,
  type WrittenRule,
  type WrittenTable,
} from './reference/policy.ts'

const SCOPES = ['public:read', 'confidential:read', 'a', 'b']
const ROLES = ['admin', 'auditor', 'constructor', '__proto__']
const PARTS = [
  'get',
  '_',
  'public',
  'info',
  'admin',
  'a',
  'A',
  '.',
  '-',
  ' ',
  'constructor',
  'é',
  '\u0301',
]
const PATHS = ['a', 'b', 'public', 'secret', 'é', 'a b', '%41', '100%']
const HOSTS = ['docs', 'public', 'h.example']

export const maxBytes = 512
export const words = [
  'version: 1\n',
  'tools:\n',
  '  a: { anyone: true }\n',
  'resources: {}',
  '&x',
  '*x',
  '<<: *x',
  '? ',
  '!!set',
  '__proto__: ',
  "'a*': {scopes: ['x']}",
  '- ',
  '{',
  '}',
  '|',
  '>',
  '"',
  "'",
  '#',
  '%YAML 1.1\n---\n',
  'limit: 2/s',
]

/** How a policy is made of a file: the code under test. */
export type Parse = typeof parsePolicy

/** Throws when a property of policies breaks on these bytes. */
export function target(bytes: Uint8Array): void {
  check(parsePolicy, bytes)
}

/** The properties, for any parser of policies. */
export function check(parse: Parse, bytes: Uint8Array): void {
  const choices = new Choices(bytes)
  const mode = choices.below(4)
  if (mode === 3) {
    parse(Buffer.from(choices.rest()).toString('utf8'), 'error')
    return
  }
  const written = policyOf(choices)
  const parsed = parse(JSON.stringify(written), 'error')
  if (!('policy' in parsed)) {
    const count = [written.tools, written.prompts, written.resources].flatMap(Object.keys).length
    assert.equal(count, 0, `a plain policy is refused: ${parsed.problems.join()}`)
    return
  }
  const who: Asker = {
    scopes: choices.many(3, () => choices.pick(SCOPES)),
    roles: choices.many(2, () => choices.pick(ROLES)),
  }
  if (mode === 2) checkSpellings(parsed.policy, written, who, choices)
  else checkNames(parsed.policy, written, who, choices)
}

function policyOf(choices: Choices): WrittenPolicy {
  return {
    version: 1,
    roles: Object.fromEntries(
      choices.many(2, () => [
        choices.pick(ROLES.slice(0, 3)),
        choices.many(2, () => choices.pick(SCOPES)),
      ]),
    ),
    tools: tableOf(choices, () => nameOf(choices)),
    prompts: tableOf(choices, () => nameOf(choices)),
    resources: tableOf(choices, () => uriOf(choices)),
  }
}

function tableOf(choices: Choices, name: () => string): WrittenTable {
  const rules = choices.many(5, (): [string, WrittenRule] => {
    const pattern = name() + choices.pick(['', '*'])
    return [pattern === '' ? '*' : pattern, ruleOf(choices)]
  })
  return Object.fromEntries(rules.filter(([pattern]) => pattern !== '__proto__'))
}

function ruleOf(choices: Choices): WrittenRule {
  const scopes = choices.many(2, () => choices.pick(SCOPES))
  const roles = choices.many(2, () => choices.pick(ROLES))
  if (scopes.length + roles.length === 0) return { anyone: true }
  return { ...(scopes.length > 0 ? { scopes } : {}), ...(roles.length > 0 ? { roles } : {}) }
}

function nameOf(choices: Choices): string {
  return choices.many(3, () => choices.pick(PARTS)).join('')
}

function uriOf(choices: Choices): string {
  const host = choices.pick(HOSTS)
  return oneSlash(
    `docs://${host}/${choices.many(3, () => choices.pick(PATHS.slice(0, 4))).join('/')}`,
  )
}

/** More slashes than one are one to a policy, and section 4 speaks of names as they are. */
function oneSlash(name: string): string {
  return name.replace(/^(docs:\/\/[^/]*)(.*)$/s, (_, head: string, path: string) => {
    return head + path.replace(/\/+/g, '/')
  })
}

function callerOf(who: Asker): Caller {
  const [scopes, roles] = [new Set(who.scopes), new Set(who.roles)]
  return { iss: 'https://idp', sub: 'alice', client: '', scopes, roles, expiresAt: 1 }
}

/** Each name decides as section 4 says, and a list shows it if and only if a call is allowed. */
function checkNames(policy: Policy, written: WrittenPolicy, who: Asker, choices: Choices): void {
  const caller = callerOf(who)
  const known = (table: WrittenTable) => Object.keys(table).map((name) => name.replace('*', ''))
  for (const [kind, table, make] of [
    ['tool', 'tools', nameOf],
    ['prompt', 'prompts', nameOf],
    ['resource', 'resources', uriOf],
  ] as const) {
    const made = choices.many(4, () => make(choices))
    const longer = known(written[table]).map((name) =>
      oneSlash(name + choices.pick(['', 'x', '/a', '*'])),
    )
    const names = [...new Set([...made, ...known(written[table]), ...longer])]
    const allowed = names.filter((name) => {
      const verdict = policy.decide(caller, { kind, name })
      const pattern = patternFor(written[table], name)
      const rule = pattern === undefined ? undefined : written[table][pattern]
      assert.equal(verdict.allow, allows(written, rule, who), 'a decision is not that of section 4')
      const said = pattern === undefined ? 'default' : `${table}.${pattern}`
      assert.equal(verdict.rule, said, 'another rule is named than the one that decides')
      // A template is the text of a resource as far as rules go.
      if (kind === 'resource')
        assert.deepEqual(policy.decide(caller, { kind: 'template', name }), verdict)
      return verdict.allow
    })
    checkListed(policy, caller, table, names, allowed)
    for (const name of names) checkCall(policy, caller, { kind, name }, allowed.includes(name))
  }
}

const tasks = new TaskOwners()
const sealer = createSealer(new Uint8Array(32).fill(7))
const METHODS = { tool: 'tools/call', prompt: 'prompts/get', resource: 'resources/read' } as const

function checkListed(
  policy: Policy,
  caller: Caller,
  list: ListName,
  names: readonly string[],
  allowed: readonly string[],
): void {
  const key = list === 'resources' ? 'uri' : 'name'
  const result = { [list]: names.map((name) => ({ [key]: name })) }
  const rules = {
    may: (target: Target) => judge(policy, tasks, caller, target).allow,
    cacheFor: () => undefined,
    privatize: false,
  }
  const text = JSON.stringify({ jsonrpc: '2.0', id: 1, result })
  const verdict = judgeFrame(text, { id: 1, list, era: 'legacy' }, rules)
  assert.ok('pass' in verdict, 'a plain list is dropped')
  const shown = JSON.parse(verdict.pass === 'same' ? text : verdict.text) as {
    result: Record<string, Record<string, string>[]>
  }
  const listed = shown.result[list]?.map((entry) => entry[key])
  assert.deepEqual(listed, allowed, 'what is listed is not what may be called')
}

/** The same decision on the way of a call, for every name that can be asked for. */
function checkCall(policy: Policy, caller: Caller, target: Target, allow: boolean): void {
  const member = target.kind === 'resource' ? 'uri' : 'name'
  const method = METHODS[target.kind as keyof typeof METHODS] // the three kinds of checkNames
  const body = { jsonrpc: '2.0', id: 1, method, params: { [member]: target.name } }
  const message = toMessage(Buffer.from(JSON.stringify(body)), 64)
  assert.ok(!('fault' in message))
  const intent = classify({ http: 'POST', headers: new Map() }, message)
  if (isDenial(intent)) assert.equal(intent.denied, 'invalid_name')
  else
    assert.equal(
      !isDenial(authorize(caller, intent, policy, tasks, sealer)),
      allow,
      'a call is decided on otherwise',
    )
}

/** What a URI may be made to look like without being another one to some reader (T40, R28). */
const SPELLINGS: readonly ((uri: string, choices: Choices) => string)[] = [
  (uri) => uri.replace(/^docs:/, 'DoCS:'),
  (uri) => uri.replace(/\/\/([^/]*)/, (authority) => authority.toUpperCase()),
  (uri, choices) =>
    uri.replace('://', `://${choices.pick(['u@', 'u:p@', 'x%40y@', '@', 'docs@'])}`),
  (uri, choices) => uri.replace(/(\/\/[^/]*)/, `$1${choices.pick([':', ':80', ':0', ':00443'])}`),
  (uri, choices) => uri + choices.pick(['?', '?x=1', '#', '#a', '?#', '?/../', '#/..']),
  (uri, choices) =>
    insertPath(
      uri,
      choices.pick(['x/../', './', '%2e/', 'x/%2e%2e/', 'x/..%2f', 'x\\..\\', 'x/..;a/']),
    ),
  (uri, choices) => uri + choices.pick(['%00', '%09', '/.', '/x/..']),
]

/** What URL parsers strip; only at the very end is a space a space. */
const STRIPPED: readonly ((uri: string, choices: Choices) => string)[] = [
  (uri) => uri,
  (uri, choices) => choices.pick([' ', '\t', '\n', '\u0000', '\u00a0']) + uri,
  (uri, choices) => uri + choices.pick([' ', '\t', '\r\n', '\u0000']),
  (uri, choices) => insertAt(uri, choices, choices.pick(['\t', '\n', '\r'])),
]

function checkSpellings(
  policy: Policy,
  written: WrittenPolicy,
  who: Asker,
  choices: Choices,
): void {
  const caller = callerOf(who)
  const known = Object.keys(written.resources).map((uri) => uri.replace('*', choices.pick(PATHS)))
  const plain = [...known, uriOf(choices)]
  for (const uri of plain) {
    if (/[%?#]/.test(uri)) continue
    let dressed = uri
    // First: an encoded `?` or `@` would be no query and no user info any more.
    for (let left = choices.below(3); left > 0; left--) dressed = encodeOne(dressed, choices)
    for (let left = choices.below(3); left > 0; left--)
      dressed = choices.pick(SPELLINGS)(dressed, choices)
    dressed = choices.pick(STRIPPED)(dressed, choices)
    if (!policy.decide(caller, { kind: 'resource', name: dressed }).allow) continue
    const { allow } = policy.decide(caller, { kind: 'resource', name: uri })
    assert.ok(allow, `a spelling of ${uri} gets what it does not: ${JSON.stringify(dressed)}`)
  }
}

function encodeOne(uri: string, choices: Choices): string {
  const from = uri.indexOf('://') + 3
  const at = from + choices.below(Math.max(1, uri.length - from))
  const char = uri[at] ?? ''
  // The slash that ends the authority would be no slash any more.
  if (at === uri.indexOf('/', from)) return uri
  const code = [...Buffer.from(char)]
    .map((byte) => `%${byte.toString(16).padStart(2, '0')}`)
    .join('')
  const written = choices.flag() ? code.toUpperCase() : code
  return uri.slice(0, at) + written + uri.slice(at + 1)
}

function insertPath(uri: string, segment: string): string {
  return uri.replace(/(\/\/[^/]*\/)/, `$1${segment}`)
}

function insertAt(uri: string, choices: Choices, text: string): string {
  const at = choices.below(uri.length + 1)
  return uri.slice(0, at) + text + uri.slice(at)
}
