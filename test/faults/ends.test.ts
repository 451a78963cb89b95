// The end of the process under load (T135, T142): SIGTERM leaves no request without a reply, SIGKILL
// leaves no half line, and the next process is well within seconds.

import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { open } from '../hazards/client.ts'
import type { Program } from '../hazards/program.ts'
import { type Bench, hold, startBench, until } from './bench.ts'
import { AUDIENCE, type Kind, usual } from './load.ts'

const DRAIN_TIMEOUT_MS = 16_000
const IN_FLIGHT = 200
const STREAMS = 100
const LIST = { jsonrpc: '2.0', id: 1, method: 'tools/list' }

/** Every line of the log is a whole JSON object. */
function assertWhole(program: Program): void {
  const text = program.stdout()
  assert.ok(text.endsWith('\n'))
  for (const line of text.trimEnd().split('\n')) JSON.parse(line)
}

async function tokensOf({ face }: Bench): Promise<readonly string[]> {
  const names = Array.from({ length: 10 }, (_, i) => `caller${i}`)
  return Promise.all(names.map((sub) => face.mint({ aud: AUDIENCE, sub })))
}

/** A program with calls that its server holds, streams that stand, and the load on top. */
async function busy(t: TestContext) {
  const bench = await startBench(t, {
    DRAIN_GRACE: '4s',
    DRAIN_TIMEOUT: `${DRAIN_TIMEOUT_MS}ms`,
    UPSTREAM_TIMEOUT: '20s',
  })
  const tokens = await tokensOf(bench)
  const token = (i: number) => tokens[i % tokens.length] ?? ''
  const streams = await Promise.all(
    Array.from({ length: STREAMS }, (_, i) => open(bench.url, token(i)).head),
  )
  await Promise.all(streams.map((stream) => stream.holds('tick')))
  bench.upstream.set('held')
  const calls = Array.from({ length: IN_FLIGHT }, (_, i) => open(bench.url, token(i), LIST).head)
  const inflight = () => bench.metric('toolstile_inflight_requests')
  await until(async () => (await inflight()) >= IN_FLIGHT, 'all are under way')
  return { bench, streams, calls }
}

describe('the end', { concurrency: 2 }, () => {
  test('T135 SIGTERM under load: every request gets its reply, streams end whole, exit 0 in time', async (t) => {
    const { bench, streams, calls } = await busy(t)
    const { program, load, upstream, admin } = bench
    load.take()
    const begun = performance.now()
    program.child.kill('SIGTERM')
    await program.line('draining')
    assert.equal((await fetch(`${admin}/ready`)).status, 503)
    // Whoever spreads the load takes a moment to see that: until then it must be served.
    await load.further(30)
    const stopped = load.stop()
    for (const stream of streams) {
      assert.equal(await stream.ended, true)
      assert.match(stream.text(), /\n\n$/)
    }
    upstream.set('well')
    upstream.release()
    for (const call of calls) {
      const answer = await call
      assert.equal(await answer.ended, true)
      assert.equal(answer.status, 200)
    }
    await stopped
    const seen = load.take()
    for (const [kind, ends] of seen) assert.deepEqual([...ends.keys()], [usual(kind as Kind)], kind)
    assert.ok([...seen.values()].length > 0)
    assert.equal(await program.exited, 0)
    const took = performance.now() - begun
    t.diagnostic(`SIGTERM to exit ${took.toFixed(0)} ms`)
    assert.ok(took < DRAIN_TIMEOUT_MS)
    assertWhole(program)
    const odd = program
      .lines()
      .filter(({ outcome }) => outcome === 'failed' || outcome === 'aborted')
    assert.deepEqual(odd, [])
    assert.deepEqual(upstream.unauthorized, [])
  })

  test('T142 SIGKILL under load: no half line is left, and the next process is well within 10 s', async (t) => {
    let next: Program | undefined
    const { program } = await hold(t, {
      name: 'killed',
      breaks: async (bench) => {
        const tokens = await tokensOf(bench)
        const calls = Array.from({ length: 500 }, (_, i) =>
          open(bench.url, tokens[i % tokens.length] ?? '', LIST).head.then(
            ({ ended }) => ended,
            () => false,
          ),
        )
        await Promise.race(calls)
        bench.program.child.kill('SIGKILL')
        await bench.program.exited
        await Promise.all(calls)
      },
      allowed: /^ECONNREFUSED$/,
      repair: async ({ again }) => {
        next = await again()
      },
    })
    assert.equal(program.child.signalCode, 'SIGKILL')
    assertWhole(program)
    assert.ok(next !== undefined)
    assertWhole(next)
  })
})
