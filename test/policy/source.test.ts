// The policy file on disk: loaded, reloaded as a whole, never half.

import assert from 'node:assert/strict'
import fs, { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { loadPolicy, PolicySource } from '../../proxy/policy/source.ts'
import type { PolicyOrProblems } from '../../proxy/policy/table.ts'
import type { Caller } from '../../proxy/types.ts'

const ONE = 'version: 1\ntools: { one: { anyone: true } }\n'
const TWO = 'version: 1\ntools: { two: { anyone: true } }\n'

function setUp(t: TestContext, text: string | Uint8Array = ONE) {
  const folder = mkdtempSync(join(tmpdir(), 'toolstile-policy-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'policy.yaml')
  writeFileSync(path, text)
  return path
}

const WHO: Caller = {
  iss: '',
  sub: '',
  client: '',
  scopes: new Set(),
  roles: new Set(),
  expiresAt: 0,
}

function sourceOf(t: TestContext, path: string) {
  const first = loadPolicy(path, 'error')
  assert.ok('policy' in first)
  const heard: PolicyOrProblems[] = []
  let wake = () => {}
  const source = new PolicySource(first.policy, path, 'error', (loaded) => {
    heard.push(loaded)
    wake()
  })
  t.after(() => source.close())
  const next = () =>
    new Promise<void>((resolve) => {
      wake = resolve
    })
  const patterns = () => source.current.patterns.map(({ name }) => name)
  return { source, heard, next, patterns, first: first.policy }
}

test('a file is loaded with the mode of rules that set none', (t) => {
  const path = setUp(t)
  for (const deny of ['error', 'hide'] as const) {
    const loaded = loadPolicy(path, deny)
    assert.ok('policy' in loaded)
    assert.equal(loaded.policy.decide(WHO, { kind: 'tool', name: 'x' }).deny, deny)
  }
})

test('a file that cannot be read is a problem like any other (T86)', (t) => {
  const path = setUp(t)
  assert.deepEqual(loadPolicy(`${path}.none`, 'error'), {
    problems: ['the file cannot be read (ENOENT)'],
  })
  const binary = setUp(t, new Uint8Array([0x76, 0xff]))
  assert.deepEqual(loadPolicy(binary, 'error'), {
    problems: ['the file cannot be read (ERR_ENCODING_INVALID_ENCODED_DATA)'],
  })
})

test('a reload takes the new policy and says so', (t) => {
  const path = setUp(t)
  const { source, heard, patterns, first } = sourceOf(t, path)
  assert.equal(source.current, first)
  writeFileSync(path, TWO)
  source.reload()
  assert.deepEqual(patterns(), ['two'])
  assert.equal(heard.length, 1)
  assert.ok('policy' in (heard[0] ?? {}))
})

test('a reload of the same text changes nothing and says nothing', (t) => {
  const { source, heard, first } = sourceOf(t, setUp(t))
  source.reload()
  assert.equal(source.current, first)
  assert.deepEqual(heard, [])
})

test('a bad file keeps the last good policy and is reported (T86)', (t) => {
  const path = setUp(t)
  const { source, heard, first } = sourceOf(t, path)
  writeFileSync(path, 'version: 2')
  source.reload()
  assert.equal(source.current, first)
  assert.deepEqual(heard.length, 1)
  assert.ok('problems' in (heard[0] ?? {}))
})

test('a change of the file is found without being told (T86)', { timeout: 20_000 }, async (t) => {
  const path = setUp(t)
  const { heard, next, patterns } = sourceOf(t, path)
  const changed = next()
  // The first look at the file may come after the first write, which then is no change.
  const again = setInterval(() => writeFileSync(path, TWO), 2_000)
  t.after(() => clearInterval(again))
  writeFileSync(path, TWO)
  await changed
  assert.deepEqual(patterns(), ['two'])
  assert.equal(heard.length, 1)
})

/** Steps through the timers of a source by hand; the watching itself is real. */
async function stepped(t: TestContext, path: string) {
  const steps: (() => void)[] = []
  const keeping = { unref: 0, cleared: 0 }
  t.mock.method(globalThis, 'setTimeout', (run: () => void) => {
    steps.push(run)
    return { unref: () => keeping.unref++ }
  })
  t.mock.method(globalThis, 'clearTimeout', (timer: unknown) => {
    if (timer !== undefined) keeping.cleared++
  })
  const made = sourceOf(t, path)
  /** Writes the file until the source has seen it. */
  const seen = async (change: () => void) => {
    const before = steps.length
    for (let turn = 0; steps.length === before && turn < 100; turn++) {
      if (turn % 20 === 0) change()
      await wait(100)
    }
    assert.equal(steps.length, before + 1)
  }
  return { ...made, steps, keeping, seen }
}

test('a file that is still being written is read again until it rests (T86)', async (t) => {
  const path = setUp(t)
  const { heard, patterns, steps, keeping, seen } = await stepped(t, path)
  await seen(() => writeFileSync(path, 'version: 1\n'))
  writeFileSync(path, TWO)
  steps[0]?.()
  assert.deepEqual(heard, [])
  assert.equal(steps.length, 2)
  steps[1]?.()
  assert.deepEqual(patterns(), ['two'])
  assert.equal(heard.length, 1)
  assert.equal(keeping.unref, 2)
  assert.equal(keeping.cleared, 1)
})

test('a file that is gone is reported, and the policy stays', async (t) => {
  const path = setUp(t)
  const { source, heard, steps, first, seen } = await stepped(t, path)
  await seen(() => rmSync(path, { force: true }))
  steps[0]?.()
  assert.equal(source.current, first)
  assert.deepEqual(heard, [{ problems: ['the file cannot be read (ENOENT)'] }])
})

test('a source that is closed watches no more, and keeps no process alive before', async (t) => {
  const path = setUp(t)
  const watch = t.mock.method(fs, 'watchFile')
  const unwatch = t.mock.method(fs, 'unwatchFile')
  const clear = t.mock.method(globalThis, 'clearTimeout')
  syncBuiltinESMExports()
  t.after(() => {
    t.mock.restoreAll()
    syncBuiltinESMExports()
  })
  const { source } = sourceOf(t, path)
  assert.deepEqual(watch.mock.calls[0]?.arguments.slice(0, 2), [
    path,
    { interval: 500, persistent: false },
  ])
  source.close()
  assert.equal(unwatch.mock.calls[0]?.arguments[0], path)
  assert.equal(clear.mock.callCount(), 1)
})

test('a reload has the mode of rules that set none as well', (t) => {
  const path = setUp(t)
  const { source } = sourceOf(t, path)
  writeFileSync(path, TWO)
  source.reload()
  assert.equal(source.current.decide(WHO, { kind: 'tool', name: 'x' }).deny, 'error')
})
