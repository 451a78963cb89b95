// What is written down and shown beside the path: metrics, readiness and administration are not on the
// public port, the admin port gives nothing but what it is for, no argument is recorded (T146, T149).

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { settled } from './answers.ts'
import { call, named } from './bodies.ts'
import { startRaw, talk } from './raw.ts'
import { assertRefusal } from './refusal.ts'

const PATHS = [
  '/metrics',
  '/ready',
  '/admin/denials',
  '/admin/history',
  '/history',
  '/debug/pprof',
  '/metrics/',
  '//metrics',
  '/Metrics',
  '/health/../metrics',
  '/.well-known/oauth-protected-resource/../metrics',
]

test('the public port has no metrics, for nobody (T149)', async (t) => {
  const bench = await startRaw(t)
  for (const path of PATHS)
    for (const headers of [
      [],
      ['authorization: none'],
      ['authorization: none', 'x-forwarded-for: 127.0.0.1'],
    ]) {
      await t.test(`T149 ${path} ${headers}`, async () => {
        const seen = await bench.seen(async () => {
          const { replies } = await bench.talk(bench.request(`GET ${path}`, headers))
          const [reply] = replies
          assert.equal(reply?.status, 404)
          assertRefusal(reply)
        })
        assert.equal(seen.length, 0)
      })
    }
})

test('the admin port shows no name that a caller made up, and no path to the server (T149)', async (t) => {
  const bench = await startRaw(t)
  const port = Number(new URL(bench.proxy.adminUrl).port)
  for (const name of ['secret', 'canary_tool_name', 'public'])
    await bench.talk(bench.post(named(name)))
  const { replies } = await talk(port, Buffer.from('GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n'))
  const text = replies[0]?.body ?? ''
  assert.match(text, /gen_ai_tool_name="public"/)
  assert.doesNotMatch(text, /canary|alice/)
  const seen = await bench.seen(async () => {
    const asked = bench.post(named('public'))
    assert.equal((await talk(port, asked)).replies[0]?.status, 405)
    const get = bench.request('GET /mcp')
    assert.equal((await talk(port, get)).replies[0]?.status, 404)
  })
  assert.equal(seen.length, 0)
})

test('of arguments a hash is recorded, whether the call is allowed or not (T146)', async (t) => {
  const bench = await startRaw(t)
  const args = '{"password":"canary-pw","nested":{"token":"canary-tk"}}'
  for (const name of ['public', 'secret', 'unknown'])
    await bench.talk(bench.post(call(`{"name":"${name}","arguments":${args}}`)))
  await bench.talk(bench.post(call(`{"name":"public","arguments":${args},"name":"canary-dup"}`)))
  await bench.talk(bench.post(`{"canary-broken":${args}`))
  await settled(() => bench.proxy.records().length === 5)
  const hash = createHash('sha256').update(args).digest('hex')
  // A record is written after its answer, so not always in the order of the requests.
  const kept = bench.proxy.records().map(({ arguments_sha256, outcome }) => {
    return `${outcome} ${arguments_sha256}`
  })
  assert.deepEqual(kept.sort(), [
    `allowed ${hash}`,
    `denied ${hash}`,
    `denied ${hash}`,
    'denied undefined',
    'denied undefined',
  ])
  assert.doesNotMatch(bench.proxy.logged(), /canary/)
  const metrics = await (await fetch(`${bench.proxy.adminUrl}/metrics`)).text()
  assert.doesNotMatch(metrics, /canary/)
})
