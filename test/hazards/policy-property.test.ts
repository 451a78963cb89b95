// Law 4 as a property (T91): for random policies, callers and names, what a list shows is what can be
// called. The list goes the way of an answer, the call the way of a request, from bytes to Permit.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { createSealer } from '../../proxy/identity/session.ts'
import type { Policy } from '../../proxy/policy/engine.ts'
import { judge } from '../../proxy/policy/judge.ts'
import { parsePolicy } from '../../proxy/policy/table.ts'
import { TaskOwners } from '../../proxy/policy/tasks.ts'
import { authorize } from '../../proxy/stages/authorize.ts'
import { classify } from '../../proxy/stages/classify.ts'
import { type Caller, type Head, isDenial, type ListName } from '../../proxy/types.ts'
import { judgeFrame } from '../../proxy/wire/frames.ts'
import { toMessage } from '../../proxy/wire/jsonrpc.ts'
import { isNamed } from '../../proxy/wire/names.ts'

const tasks = new TaskOwners()
const sealer = createSealer(randomBytes(32))
const MODERN = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
}

/** A catalogue: what its entries are named by, and how one of them is asked for. */
type Catalogue = {
  readonly list: ListName
  readonly key: string
  readonly table: 'tools' | 'prompts' | 'resources'
  readonly method: string
  readonly params: (name: string) => object
}

const CATALOGUES: readonly Catalogue[] = [
  {
    list: 'tools',
    key: 'name',
    table: 'tools',
    method: 'tools/call',
    params: (name) => ({ name }),
  },
  {
    list: 'prompts',
    key: 'name',
    table: 'prompts',
    method: 'prompts/get',
    params: (name) => ({ name }),
  },
  {
    list: 'resources',
    key: 'uri',
    table: 'resources',
    method: 'resources/read',
    params: (uri) => ({ uri }),
  },
  {
    list: 'resourceTemplates',
    key: 'uriTemplate',
    table: 'resources',
    method: 'completion/complete',
    params: (uri) => ({ ref: { type: 'ref/resource', uri }, argument: { name: 'a', value: '' } }),
  },
]

/** Few letters, so that names and rules meet; some of them nasty. */
const piece = fc.constantFrom('a', 'b', 'ab', '_', '/', '%61', '%2e%2e', '..', 'A', '\u0430', '\0')
const word = fc.array(piece, { maxLength: 4 }).map((pieces) => pieces.join(''))
const nasty = fc.constantFrom('__proto__', 'constructor', 'toString', '*', '', 'a'.repeat(129))
const scheme = fc.constantFrom('docs://a/', 'docs://A/', 'docs://x@a/', 'docs://a:1/', 'file:///')
const uri = fc
  .tuple(scheme, word, fc.constantFrom('', '?q', '#f', '{x}'))
  .map((all) => all.join(''))
const name = fc.oneof({ weight: 4, arbitrary: word }, nasty, uri)
const plain = fc.oneof(fc.stringMatching(/^[ab_]{1,3}\*?$/), fc.constantFrom('*', 'a*', 'b'))
const pattern = {
  tools: plain,
  prompts: plain,
  resources: fc.oneof(
    plain,
    fc.tuple(fc.constantFrom('docs://a/', 'docs://', 'file:///'), plain).map((all) => all.join('')),
  ),
}
const SCOPES = ['s', 't', 'u']
const rule = fc.oneof(
  fc.constant({ anyone: true }),
  fc.record({ scopes: fc.subarray(SCOPES, { minLength: 1 }) }),
  fc.record({ roles: fc.subarray(['r', 'q'], { minLength: 1 }) }),
  fc.record({
    scopes: fc.subarray(SCOPES, { minLength: 1 }),
    roles: fc.subarray(['r', 'q'], { minLength: 1 }),
    deny: fc.constantFrom('error', 'hide', 'challenge'),
  }),
)
const caller = fc
  .record({ scopes: fc.subarray(SCOPES), roles: fc.subarray(['r', 'q', 'constructor']) })
  .map(
    ({ scopes, roles }): Caller => ({
      iss: 'https://issuer',
      sub: 'alice',
      client: '',
      scopes: new Set(scopes),
      roles: new Set(roles),
      expiresAt: 0,
    }),
  )

function listed(policy: Policy, who: Caller, { list, key }: Catalogue, names: readonly string[]) {
  const entries = names.map((value) => ({ [key]: value }))
  const text = JSON.stringify({ jsonrpc: '2.0', id: 1, result: { [list]: entries } })
  const verdict = judgeFrame(
    text,
    { id: 1, list, era: 'legacy' },
    {
      may: (target) => isNamed(target) && judge(policy, tasks, who, target).allow,
      cacheFor: () => undefined,
      privatize: false,
    },
  )
  assert.ok('pass' in verdict, JSON.stringify(verdict))
  const kept = verdict.pass === 'same' ? text : verdict.text
  return JSON.parse(kept).result[list].map((entry: Record<string, string>) => entry[key])
}

function mayCall(policy: Policy, who: Caller, catalogue: Catalogue, name: string, modern: boolean) {
  const { method, params } = catalogue
  const asked = modern ? { ...params(name), _meta: MODERN } : params(name)
  const text = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: asked })
  const message = toMessage(Buffer.from(text), 64)
  assert.ok(!('fault' in message), JSON.stringify(message))
  const intent = classify(modern ? modernHead(method, name) : HEAD, message)
  if (isDenial(intent)) return false
  return !isDenial(authorize(who, intent, policy, tasks, sealer))
}

const HEAD: Head = { http: 'POST', headers: new Map() }

function modernHead(method: string, name: string): Head {
  const base64 = `=?base64?${Buffer.from(name).toString('base64')}?=`
  const named = method === 'completion/complete' ? [] : ([['mcp-name', base64]] as const)
  return {
    http: 'POST',
    headers: new Map([['mcp-protocol-version', '2026-07-28'], ['mcp-method', method], ...named]),
  }
}

for (const catalogue of CATALOGUES) {
  const { list, table, method } = catalogue
  for (const modern of [false, true]) {
    const era = modern ? '2026-07-28' : '2025'
    test(`T91 an entry of ${list} is listed if and only if ${method} of it is allowed, ${era}`, () => {
      const rules = fc.dictionary(pattern[table], rule, { minKeys: 1, maxKeys: 6 })
      const names = fc.uniqueArray(name, { minLength: 1, maxLength: 12 })
      let shown = 0
      let hidden = 0
      fc.assert(
        fc.property(rules, caller, names, (table_, who, all) => {
          // JSON is YAML.
          const parsed = parsePolicy(JSON.stringify({ version: 1, [table]: table_ }), 'error')
          assert.ok('policy' in parsed, JSON.stringify(parsed))
          const callable = all.filter((each) =>
            mayCall(parsed.policy, who, catalogue, each, modern),
          )
          assert.deepEqual(listed(parsed.policy, who, catalogue, all), callable)
          shown += callable.length
          hidden += all.length - callable.length
        }),
        { numRuns: 1_500 },
      )
      // The property would hold for a proxy that denies all, or nothing.
      assert.ok(shown > 100 && hidden > 100, `${shown} shown, ${hidden} hidden`)
    })
  }
}
