// Faults of the server behind the proxy (T131-T134, T136): a real process that is gone, hangs, dies in
// the middle or is stopped. Nobody waits beyond the limit, and it is well again as soon as the server is.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { open } from '../hazards/client.ts'
import { type Bench, hold, holdAll, type Row, until } from './bench.ts'
import { AUDIENCE } from './load.ts'
import type { Mode } from './upstream.ts'

const set = (mode: Mode) => (bench: Bench) => bench.upstream.set(mode)
const again = async ({ upstream, admin }: Bench) => {
  await upstream.again()
  await ready(admin)
}
const ready = (admin: string) =>
  until(async () => (await fetch(`${admin}/ready`)).status === 200, 'ready')

const ROWS: readonly Row[] = [
  {
    name: 'T136 a server that is gone is 502 and unready, and is used again when it is back',
    breaks: ({ upstream }) => upstream.signal('SIGKILL'),
    shows: ({ admin }) =>
      until(async () => (await fetch(`${admin}/ready`)).status === 503, 'not ready'),
    allowed: /^502$/,
    repair: again,
  },
  {
    name: 'T133 a server that never answers is 504 after UPSTREAM_TIMEOUT',
    breaks: set('hung'),
    allowed: /^504$/,
    repair: set('well'),
  },
  {
    name: 'T133 a server whose process is stopped is 504, and goes on where it was',
    breaks: ({ upstream }) => upstream.signal('SIGSTOP'),
    allowed: /^504$/,
    repair: ({ upstream }) => upstream.signal('SIGCONT'),
  },
  {
    name: 'T132 a server that resets in the middle of the head is 502',
    breaks: set('reset in the head'),
    allowed: /^502$/,
    repair: set('well'),
  },
  {
    name: 'T132 a server that resets in the middle of a body is cut, and 502 where the body had to be whole',
    breaks: set('reset in the body'),
    allowed: /^(cut|502|ECONNRESET)$/,
    repair: set('well'),
  },
  {
    name: 'T133 a body that stalls is cut after UPSTREAM_IDLE_TIMEOUT, and 504 where it had to be whole',
    breaks: set('stalled'),
    allowed: /^(cut|504)$/,
    repair: set('well'),
  },
]

describe('the server', { concurrency: 2 }, () => {
  test('T131-T136 a server that fails is a fault of its own calls, and of nothing after', (t) =>
    holdAll(t, ROWS))

  test('T132 R5 a server killed under open streams cuts each within a second, and new ones work again', async (t) => {
    const streams: { ended: Promise<boolean> }[] = []
    const listen = async ({ url, face }: Bench) => {
      const token = await face.mint({ aud: AUDIENCE, sub: 'alice', scope: 'read' })
      const stream = await open(url, token).head
      await stream.holds('tick')
      return stream
    }
    const { metric } = await hold(t, {
      name: 'killed',
      breaks: async (bench) => {
        for (let i = 0; i < 5; i++) streams.push(await listen(bench))
        await bench.upstream.signal('SIGKILL')
      },
      shows: async () => {
        const killed = performance.now()
        // Not the end that HTTP promised: a part must not pass for the whole.
        for (const { ended } of streams) assert.equal(await ended, false)
        assert.ok(performance.now() - killed < 1_000)
      },
      allowed: /^502$/,
      repair: async (bench) => {
        await again(bench)
        const stream = await listen(bench)
        stream.outgoing.destroy()
        await stream.ended
      },
    })
    assert.equal(await metric('toolstile_open_streams'), 0)
  })
})
