// Faults of the machine (T137, T138): a wall clock that jumps, and too few file descriptors. Timers go
// on, what is expired stays expired, and what there is no room for is refused.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { open } from '../hazards/client.ts'
import { type Bench, hold, startBench, until } from './bench.ts'
import { AUDIENCE } from './load.ts'

const CLOCK = new URL('clock.ts', import.meta.url)
const TEN_MINUTES_MS = 600_000

async function setClock({ program }: Bench, shiftMs: number): Promise<void> {
  const told = once(program.child, 'message')
  program.child.send({ shiftMs })
  const [{ now }] = await told
  assert.ok(Math.abs(now - Date.now() - shiftMs) < 10_000)
}

const JUMPS = [
  // Every token that the load uses lives for an hour.
  ['forward', TEN_MINUTES_MS, /^200$/],
  // A token that is issued now comes from the future, and is refused; one that is known goes on.
  ['back', -TEN_MINUTES_MS, /^(200|401)$/],
] as const

describe('the machine', { concurrency: 3 }, () => {
  for (const [way, shiftMs, allowed] of JUMPS)
    test(`T138 a clock that jumps ten minutes ${way} opens nothing, and ends no stream and no timer`, async (t) => {
      let stream: Awaited<ReturnType<typeof open>['head']> | undefined
      const ticks = () => stream?.text().split('tick').length ?? 0
      await hold(t, {
        name: way,
        launch: { preload: CLOCK },
        breaks: async (bench) => {
          const token = await bench.face.mint({ aud: AUDIENCE, sub: 'alice' })
          stream = await open(bench.url, token).head
          await stream.holds('tick')
          await setClock(bench, shiftMs)
        },
        shows: async ({ face }) => {
          // Keys are loaded on as before, and the stream goes on.
          const [loads, before] = [face.loads(), ticks()]
          await until(() => face.loads() >= loads + 3, 'keys are loaded')
          await until(() => ticks() >= before + 5, 'the stream goes on')
        },
        allowed,
        repair: async (bench) => {
          await setClock(bench, 0)
          const before = ticks()
          await until(() => ticks() >= before + 5, 'the stream still goes on')
          stream?.outgoing.destroy()
        },
      })
    })

  test('T138 a token that ends within the jump is refused after it, and counts again when it was a mistake', async (t) => {
    const bench = await startBench(t, {}, { preload: CLOCK })
    const claims = { aud: AUDIENCE, sub: 'alice', scope: 'read' }
    const token = await bench.face.mint(claims, { expiresIn: 300 })
    const status = async () => {
      const { head } = open(bench.url, token, { jsonrpc: '2.0', id: 1, method: 'tools/list' })
      await (await head).ended
      return (await head).status
    }
    assert.equal(await status(), 200)
    await setClock(bench, TEN_MINUTES_MS)
    assert.equal(await status(), 401)
    await setClock(bench, 0)
    assert.equal(await status(), 200)
    await bench.load.stop()
    assert.deepEqual(bench.upstream.unauthorized, [])
  })

  test('T137 with 256 descriptors, what there is no room for is refused, and the process lives', async (t) => {
    const crowd: Socket[] = []
    const bench = await hold(t, {
      name: 'few descriptors',
      launch: { maxFiles: 256 },
      breaks: async ({ url }) =>
        void crowd.push(...(await crowdOf(t, Number(new URL(url).port), 600))),
      allowed: /^(200|429|503|ECONNRESET|EPIPE)$/,
      repair: () => {
        for (const socket of crowd) socket.destroy()
      },
    })
    assert.ok(bench.program.lines().some(({ msg }) => String(msg).startsWith('too few file')))
  })

  test('T137 with 256 descriptors and every place taken by a call, the rest is refused at once', async (t) => {
    const calls: ReturnType<typeof open>[] = []
    let refused = 0
    await hold(t, {
      name: 'few descriptors, all busy',
      launch: { maxFiles: 256 },
      settings: { UPSTREAM_TIMEOUT: '30s' },
      breaks: async ({ url, face, upstream }) => {
        upstream.set('held')
        const body = { jsonrpc: '2.0', id: 1, method: 'tools/list' }
        const token = await face.mint({ aud: AUDIENCE, sub: 'crowd' })
        for (let i = 0; i < 300; i++) {
          const asked = open(url, token, body)
          calls.push(asked)
          asked.head.then(
            ({ status }) => {
              if (status === 503) refused++
            },
            () => refused++,
          )
        }
      },
      // The load has connections of its own: not quite 96 are left to the crowd.
      shows: () => until(() => refused >= 200, 'what has no place is refused'),
      allowed: /^(200|503|ECONNRESET|EPIPE)$/,
      repair: async ({ metric, upstream }) => {
        assert.ok((await metric('toolstile_inflight_requests')) > 50)
        upstream.set('well')
        upstream.release()
        await Promise.allSettled(calls.map(async ({ head }) => (await head).ended))
      },
    })
  })
})

/** Connections that ask for nothing. */
async function crowdOf(t: TestContext, port: number, count: number): Promise<readonly Socket[]> {
  const sockets: Socket[] = []
  for (let i = 0; i < count; i++) {
    const socket = connect({ port, host: '127.0.0.1' })
    t.after(() => socket.destroy())
    socket.on('error', () => undefined)
    sockets.push(socket)
    await once(socket, 'connect').catch(() => undefined)
  }
  return sockets
}
