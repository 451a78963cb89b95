// Hostile request bodies (T1-T24): each is refused by the proxy alone, or reaches the upstream byte
// for byte. A caller without `secret:read` never makes the upstream execute `secret`.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { DIFFERENTIALS, named, SHAPES } from './bodies.ts'
import { FOLDED } from './folds.ts'
import { FORWARDED, NAMES } from './names.ts'
import { startRaw } from './raw.ts'
import { assertRefusal } from './refusal.ts'

const GROUPS = {
  'that parsers read differently': DIFFERENTIALS,
  'with a key in another form (T6)': FOLDED,
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
          const [reply, second] = replies
          assert.ok(reply !== undefined && second === undefined)
          assert.equal(reply.status, status, reply.body)
          assert.equal(JSON.parse(reply.body).error.code, code)
          assertRefusal(reply)
        })
        assert.equal(seen.length, 0)
      })
    }
    await t.test('every one was recorded once, as a denial', async () => {
      const records = await bench.proxy.recorded(rows.length)
      assert.equal(records.length, rows.length)
      assert.ok(records.every(({ outcome }) => outcome === 'denied'))
    })
  })
}

const CORPUS = resolve(import.meta.dirname, '../../../shared/corpora/JSONTestSuite/test_parsing')
const corpus = existsSync(CORPUS) ? readdirSync(CORPUS) : []
const skip = corpus.length > 0 ? false : 'the JSONTestSuite corpus is not here'

test('no text that is no JSON is taken for a message (T19)', { skip }, async (t) => {
  const bench = await startRaw(t)
  const invalid = corpus.filter((file) => file.startsWith('n_'))
  assert.ok(invalid.length > 180)
  const seen = await bench.seen(async () => {
    for (const file of invalid) {
      const [reply] = (await bench.talk(bench.post(readFileSync(resolve(CORPUS, file))))).replies
      assert.equal(reply?.status, 400, file)
      assertRefusal(reply)
    }
  })
  assert.equal(seen.length, 0)
})

test('an allowed body reaches the upstream byte for byte (T12, T13)', async (t) => {
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
