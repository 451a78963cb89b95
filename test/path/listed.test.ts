// Law 4: what a caller sees is what that caller may call, for any policy and any token (T91).

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { stringify } from 'yaml'
import { setScene } from '../support/scene.ts'
import { legacy, post, postModern, reply } from '../support/wire.ts'

const TOOLS: Readonly<Record<string, object>> = {
  get_public_info: {},
  get_confidential_info: {},
  echo: { text: 'hello' },
  timestamp: {},
  calculate: { expression: '1+1' },
  count_slowly: { steps: 1, intervalMs: 1 },
  ask_name: {},
}
const SCOPES = ['a', 'b', 'c']
const ROLES = ['r', 's']
const PATTERNS = [...Object.keys(TOOLS), '*', 'get_*', 'get_c*', 'c*', 'e*', 'echo*', 'ec', 'other']

const some = (words: readonly string[]) => fc.subarray([...words])
const rule = fc
  .record({
    scopes: some(SCOPES),
    roles: some(ROLES),
    deny: fc.constantFrom(undefined, 'error', 'hide', 'challenge'),
  })
  .map(({ scopes, roles, deny }) => ({
    ...(scopes.length > 0 ? { scopes } : {}),
    ...(roles.length > 0 ? { roles } : {}),
    ...(scopes.length + roles.length === 0 ? { anyone: true } : {}),
    ...(deny === undefined ? {} : { deny }),
  }))
const policies = fc.record({
  version: fc.constant(1),
  roles: fc.record({ r: some(SCOPES), s: some(SCOPES) }),
  tools: fc.dictionary(fc.constantFrom(...PATTERNS), rule, { minKeys: 1, maxKeys: 8 }),
})
const callers = fc.record({ scope: some(SCOPES), roles: some([...ROLES, 'unknown']) })

test('the tools a caller sees are the tools a caller may call, in both eras (T91)', async (t) => {
  const { proxy, recorder } = await setScene(t, { mode: 'modern' })
  const asked = async (token: string, era: string, method: string, params: { name?: string }) =>
    era === 'modern'
      ? postModern(proxy.url, token, method, params)
      : post(proxy.url, legacy(method, params), { token })
  const property = fc.asyncProperty(policies, callers, async (policy, caller) => {
    writeFileSync(proxy.policyFile, stringify(policy))
    proxy.running.reloadPolicy()
    const token = await proxy.token({ scope: caller.scope.join(' '), roles: caller.roles })
    for (const era of ['modern', 'legacy']) {
      const { result } = await reply(await asked(token, era, 'tools/list', {}))
      recorder.clear()
      await Promise.all(
        Object.entries(TOOLS).map(async ([name, args]) => {
          const response = await asked(token, era, 'tools/call', { name, ...{ arguments: args } })
          await response.text()
        }),
      )
      // What the server was asked is what was allowed, whatever the answers say.
      const called = recorder.requests().map(({ body }) => JSON.parse(body).params.name)
      assert.deepEqual(
        result?.tools?.map(({ name }) => name),
        Object.keys(TOOLS).filter((name) => called.includes(name)),
      )
    }
  })
  await fc.assert(property, { numRuns: 30 })
  assert.ok(!proxy.logged().includes('the policy file is bad'))
})
