// A policy that changes while the proxy runs: the next request follows it, none is lost, and a bad
// file changes nothing (T86, T88).

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { stringify } from 'yaml'
import type { TestProxy } from '../support/proxy.ts'
import { demoPolicy, PUBLIC_TOOLS, records, setScene } from '../support/scene.ts'
import { legacy, post, reply } from '../support/wire.ts'

const LIST = legacy('tools/list')
const ONLY_ECHO = { version: 1, tools: { echo: { anyone: true } } }

async function listed(proxy: TestProxy, token: string): Promise<readonly string[]> {
  const response = await post(proxy.url, LIST, { token })
  assert.equal(response.status, 200)
  const { result } = await reply(response)
  return result?.tools?.map(({ name }) => name) ?? []
}

function replace(proxy: TestProxy, policy: object | string): void {
  writeFileSync(proxy.policyFile, typeof policy === 'string' ? policy : stringify(policy))
}

test('a changed file is in force by itself, and no request is lost meanwhile', async (t) => {
  const { proxy, reader } = await setScene(t, { mode: 'stateless' })
  replace(proxy, ONLY_ECHO)
  const seen = new Set<string>()
  let last: readonly string[] = []
  while (last.length !== 1) {
    last = await listed(proxy, reader)
    seen.add(last.join())
  }
  // Nothing between the old and the new policy was ever in force.
  assert.deepEqual([...seen], [PUBLIC_TOOLS.join(), 'echo'])
})

test('a reload on demand is in force for the next request, for lists and calls', async (t) => {
  const { proxy, recorder, reader } = await setScene(t, { mode: 'stateless' })
  const call = legacy('tools/call', { name: 'get_public_info' })
  assert.ok((await reply(await post(proxy.url, call, { token: reader }))).result)
  replace(proxy, ONLY_ECHO)
  proxy.running.reloadPolicy()
  recorder.clear()
  assert.equal((await reply(await post(proxy.url, call, { token: reader }))).error?.code, -31403)
  assert.deepEqual(recorder.requests(), [])
  assert.deepEqual(await listed(proxy, reader), ['echo'])
})

test('every request follows one whole policy while policies change (T88)', async (t) => {
  const { proxy, reader } = await setScene(t, { mode: 'stateless' })
  const lists: Promise<readonly string[]>[] = []
  for (let n = 0; n < 50; n++) {
    replace(proxy, n % 2 === 0 ? ONLY_ECHO : demoPolicy)
    proxy.running.reloadPolicy()
    const fresh = [listed(proxy, reader), listed(proxy, reader)]
    lists.push(...fresh)
    // The other one is still under way when the policy changes.
    await Promise.race(fresh)
  }
  const whole = new Set([PUBLIC_TOOLS.join(), 'echo'])
  for (const names of await Promise.all(lists)) assert.ok(whole.has(names.join()), names.join())
  const lines = await records(proxy, 100)
  assert.equal(new Set(lines.map((line) => line['policy_version'])).size, 2)
})

test('a call that runs while the policy changes is finished', async (t) => {
  const { proxy, recorder, reader } = await setScene(t, { mode: 'stateless' })
  const args = { steps: 2, intervalMs: 50 }
  const body = legacy('tools/call', { name: 'count_slowly', arguments: args })
  const calling = post(proxy.url, body, { token: reader })
  await recorder.seen('count_slowly')
  replace(proxy, ONLY_ECHO)
  proxy.running.reloadPolicy()
  const { result } = await reply(await calling)
  assert.equal(result?.content?.[0]?.text, 'Counted to 2.')
})

const bad = {
  'is no YAML': 'tools: [',
  'is empty': '',
  'has no rules': 'version: 1\n',
  'has an unknown key': stringify({ ...ONLY_ECHO, tool: {} }),
  'has a rule for nobody': stringify({ version: 1, tools: { echo: {} } }),
  'names a tool twice': 'version: 1\ntools:\n  a: {anyone: true}\n  a: {anyone: true}\n',
  'is of another version': stringify({ ...ONLY_ECHO, version: 2 }),
}

for (const [what, text] of Object.entries(bad)) {
  test(`a file that ${what} keeps the last good policy and is reported (T86)`, async (t) => {
    const { proxy, reader } = await setScene(t, { mode: 'stateless' })
    replace(proxy, text)
    proxy.running.reloadPolicy()
    assert.deepEqual(await listed(proxy, reader), PUBLIC_TOOLS)
    await records(proxy, 1)
    assert.match(proxy.logged(), /the policy file is bad; the last good one stays/)
    const metrics = await (await fetch(new URL('/metrics', proxy.adminUrl))).text()
    assert.match(metrics, /^toolstile_policy_reload_total\{result="error"\} [1-9]/m)
    replace(proxy, ONLY_ECHO)
    proxy.running.reloadPolicy()
    assert.deepEqual(await listed(proxy, reader), ['echo'])
  })
}
