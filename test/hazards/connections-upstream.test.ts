// Connections to the upstream that end as they are used (T131): a call is executed at most once, its
// caller is told that it failed, and the next one is served on a connection of its own.

import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { whole } from '../support/hostile.ts'
import { named } from './bodies.ts'
import { LIST, startRaw } from './raw.ts'
import { assertRefusal } from './refusal.ts'

const ANSWER = whole('{"jsonrpc":"2.0","id":1,"result":{}}')
const PARTS = whole('{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}')

/** How the second request on a connection ends, and what may come of it. */
const ENDS: readonly (readonly [name: string, end: (socket: Socket) => unknown])[] = [
  ['T131 that is destroyed', (socket) => socket.destroy()],
  ['T131 that is reset', (socket) => socket.resetAndDestroy()],
  ['T131 that is closed', (socket) => socket.end()],
  ['T131 that ends in the head', (socket) => socket.end(ANSWER.subarray(0, 20))],
  ['T131 that ends in the body', (socket) => socket.end(PARTS.subarray(0, -4))],
]

test('a call is not sent twice on a connection', async (t) => {
  for (const [name, end] of ENDS)
    for (const body of [named('public'), LIST]) {
      const what = body === LIST ? 'a list' : 'a call'
      await t.test(`${name}, ${what}`, async (t) => {
        const bench = await startRaw(t)
        const used = new Map<Socket, number>()
        bench.upstream.script = (_, socket) => {
          const count = (used.get(socket) ?? 0) + 1
          used.set(socket, count)
          if (count === 1) socket.write(body === LIST ? PARTS : ANSWER)
          else end(socket)
        }
        assert.equal((await bench.talk(bench.post(body))).replies[0]?.status, 200)
        const seen = await bench.seen(async () => {
          const [reply] = (await bench.talk(bench.post(body))).replies
          // The head of a call has left when its body breaks: then there is no clean end.
          if (reply === undefined) return
          assert.equal(reply.status, 502)
          assertRefusal(reply)
        })
        assert.equal(seen.length, 1)
        assert.equal(used.size, 1)
        assert.equal((await bench.talk(bench.post(body))).replies[0]?.status, 200)
        assert.equal(used.size, 2)
      })
    }
})
