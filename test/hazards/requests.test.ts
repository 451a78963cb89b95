// Hostile request bodies (T1-T24): each is refused by the proxy alone, or reaches the upstream byte
// for byte. A caller without `secret:read` never makes the upstream execute `secret`.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DIFFERENTIALS, FORWARDED, NAMES, named, SHAPES } from './bodies.ts'
import { startRaw } from './raw.ts'

const GROUPS = {
  'that parsers read differently': DIFFERENTIALS,
  'of the wrong shape': SHAPES,
  'that name what they may not': NAMES,
}

for (const [group, rows] of Object.entries(GROUPS)) {
  test(`bodies ${group} are refused, and the upstream sees nothing`, async (t) => {
    const bench = await startRaw(t)
    for (const [name, body, status, code] of rows) {
      await t.test(name, async () => {
        const seen = await bench.seen(async () => {
          const { replies } = await bench.talk(bench.post(body))
          assert.equal(replies.length, 1)
          const [reply] = replies
          assert.equal(reply?.status, status, reply?.body)
          assert.equal(JSON.parse(reply?.body ?? '').error.code, code)
          assert.doesNotMatch(reply?.body ?? '', /at .*\.ts|node:|stack/)
        })
        assert.equal(seen.length, 0)
      })
    }
    await t.test('every one was recorded once, as a denial', () => {
      const records = bench.proxy.records()
      assert.equal(records.length, rows.length)
      assert.ok(records.every(({ outcome }) => outcome === 'denied'))
    })
  })
}

test('an allowed body reaches the upstream byte for byte', async (t) => {
  const bench = await startRaw(t)
  for (const [name, body] of FORWARDED) {
    await t.test(name, async () => {
      const seen = await bench.seen(async () => {
        const { replies } = await bench.talk(bench.post(body))
        assert.equal(replies[0]?.status, 200, replies[0]?.body)
      })
      assert.equal(seen.length, 1)
      assert.ok(seen[0]?.body.equals(Buffer.from(body)))
      assert.equal(seen[0]?.headers.get('content-length'), String(Buffer.byteLength(body)))
    })
  }
})

test('headers that lie about the method do not count (L5)', async (t) => {
  const bench = await startRaw(t)
  const lies = ['mcp-method: tools/list', 'mcp-name: public', 'mcp-protocol-version: 2025-11-25']
  const seen = await bench.seen(async () => {
    const { replies } = await bench.talk(bench.post(named('secret'), lies))
    assert.match(replies[0]?.body ?? '', /-31403/)
  })
  assert.equal(seen.length, 0)
})
