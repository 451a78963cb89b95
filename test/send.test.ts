// How a body leaves: whole in one write, or part by part, under the judge and as fast as the client reads.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as later } from 'node:timers/promises'
import { type Sending, sendParts, sendWhole } from '../proxy/send.ts'
import { bodyOf, boundsOf } from './support/body.ts'

const PASS: Sending['through'] = { push: (bytes) => [bytes], end: () => [] }
const HEADERS = { 'content-type': 'application/json' }

/** What a client gets when this answers it. */
async function received(t: TestContext, answer: (response: ServerResponse) => unknown) {
  const outcome = Promise.withResolvers<unknown>()
  const server = createServer((_, response) => {
    Promise.resolve(answer(response)).then(outcome.resolve, (error: unknown) => {
      outcome.resolve(error)
      response.destroy()
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => server.close().closeAllConnections())
  const reply = await new Promise<IncomingMessage | Error>((resolve) =>
    get({ port: (server.address() as AddressInfo).port, agent: false }, resolve).on(
      'error',
      resolve,
    ),
  )
  if (reply instanceof Error) return { outcome: await outcome.promise, head: undefined, body: '' }
  let body = ''
  reply.setEncoding('latin1').on('data', (chunk: string) => {
    body += chunk
  })
  const whole = await new Promise<boolean>((resolve) =>
    reply.on('end', () => resolve(true)).on('error', () => resolve(false)),
  )
  return { outcome: await outcome.promise, head: reply, body, whole }
}

function sendingOf(more: Partial<Sending> = {}): Sending {
  return {
    status: 200,
    headers: HEADERS,
    through: PASS,
    watch: boundsOf().watch,
    idleMs: undefined,
    isEnded: () => false,
    ...more,
  }
}

const parts = (...texts: readonly string[]) => texts.map((text) => Buffer.from(text))

describe('a whole body', () => {
  for (const size of [0, 1, 16_384, 16_385, 300_000]) {
    test(`of ${size} bytes arrives as it is, with its length`, async (t) => {
      const sent = Buffer.from(Array.from({ length: size }, (_, i) => i % 256))
      const { head, body } = await received(t, (r) => sendWhole(r, 202, HEADERS, sent))
      assert.equal(head?.statusCode, 202)
      assert.equal(head.headers['content-length'], String(size))
      assert.ok(Buffer.from(body, 'latin1').equals(sent))
    })
  }
})

describe('a body in parts', () => {
  test('arrives whole, in order, and ends', async (t) => {
    const { body } = bodyOf(parts('ab', 'c', 'def'))
    const reply = await received(t, (response) => sendParts(body, response, sendingOf()))
    assert.equal(reply.body, 'abcdef')
    assert.equal(reply.outcome, undefined)
  })

  test('that has come already is sent as a whole', async (t) => {
    const { body } = bodyOf([])
    const read: typeof body.read = (sink) => {
      for (const part of parts('ab', 'c')) sink.data(part)
      sink.end()
    }
    const whole = { ...body, read }
    const { head, ...reply } = await received(t, (r) => sendParts(whole, r, sendingOf()))
    assert.equal(reply.body, 'abc')
    assert.equal(head?.headers['content-length'], '3')
  })

  test('that breaks before its head was sent leaves nothing', async (t) => {
    const { body } = bodyOf([])
    const read: typeof body.read = (sink) => {
      for (const part of parts('ab')) sink.data(part)
      sink.fail(new Error('reset'))
    }
    let begun = true
    const { outcome } = await received(t, async (response) => {
      const sending = sendParts({ ...body, read }, response, sendingOf())
      await sending.catch(() => undefined)
      begun = response.headersSent
      return sending
    })
    assert.equal(begun, false)
    assert.equal((outcome as Error).message, 'reset')
  })

  test('begins at once, and breaks in no way that could be taken for its end (T132)', async (t) => {
    const { body } = bodyOf(parts('ab'), async () => {
      await later(20)
      throw new Error('reset')
    })
    const reply = await received(t, (response) => sendParts(body, response, sendingOf()))
    assert.equal(reply.whole, false)
  })

  test('what its judge throws ends both sides, and nothing more leaves', async (t) => {
    const { body, world } = bodyOf(parts('a', 'b', 'c'))
    let seen = 0
    const through: Sending['through'] = {
      push: (bytes) => {
        if (++seen === 2) throw new Error('a list')
        return [bytes]
      },
      end: () => [],
    }
    const reply = await received(t, (r) => sendParts(body, r, sendingOf({ through })))
    assert.equal((reply.outcome as Error).message, 'a list')
    assert.equal(world.destroyed, 1)
    assert.equal(seen, 2)
    assert.doesNotMatch(reply.body, /b|c/)
  })

  test('what its judge adds at the end leaves with it', async (t) => {
    const through = { push: () => [], end: () => parts('end') }
    const { body } = bodyOf(parts('a'))
    const reply = await received(t, (r) => sendParts(body, r, sendingOf({ through })))
    assert.equal(reply.body, 'end')
  })

  test('that was ended by ourselves ends well', async (t) => {
    const { body } = bodyOf(parts('ab'), async (destroyed) => {
      await destroyed
      throw new Error('given up')
    })
    const through = { push: PASS.push, end: () => parts('!') }
    const sending = sendingOf({ through, isEnded: () => true })
    setTimeout(() => body.destroy(), 20)
    const reply = await received(t, (response) => sendParts(body, response, sending))
    assert.equal(reply.body, 'ab!')
    assert.equal(reply.outcome, undefined)
  })

  test('is ended by a silence (T133)', async (t) => {
    const { body, world } = bodyOf(parts('a'), (destroyed) => destroyed)
    const reply = await received(t, (r) => sendParts(body, r, sendingOf({ idleMs: 20 })))
    const { code, message } = reply.outcome as Error & { readonly code: string }
    assert.deepEqual([code, message], ['upstream_slow', 'a silence within an answer'])
    assert.equal(world.destroyed, 1)
  })

  test('is held back, and is not silent, while the client takes its time', async (t) => {
    const size = 8 * 1_048_576
    const large = Array.from({ length: 64 }, () => Buffer.alloc(size / 64, 'x'))
    const { body, world } = bodyOf(large, async () => later(5))
    const server = createServer((_, response) => {
      void sendParts(body, response, sendingOf({ idleMs: 40 }))
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    t.after(() => server.close().closeAllConnections())
    const { port } = server.address() as AddressInfo
    const [reply] = (await once(get({ port, agent: false }), 'response')) as [IncomingMessage]
    reply.pause()
    await later(150)
    assert.equal(world.pauses[0], 'pause')
    assert.equal(world.destroyed, 0)
    let total = 0
    for await (const chunk of reply) total += (chunk as Buffer).length
    assert.equal(total, size)
  })
})
