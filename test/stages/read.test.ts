// Stage 4 alone: the whole body within its bounds as one message, or why there is none.

import assert from 'node:assert/strict'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { Budget } from '../../proxy/policy/budget.ts'
import { type BodyLimits, type Read, read } from '../../proxy/stages/read.ts'
import type { Head } from '../../proxy/types.ts'
import { boundsOf } from '../support/body.ts'

const limits: BodyLimits = { maxBytes: 64, maxDepth: 8, timeoutMs: 60_000 }
const PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
const as = (message: Read) => message
const JSON_TYPE = { 'content-type': 'application/json' }

/** Runs the stage over a body that arrives in these chunks. */
async function run(
  chunks: readonly string[],
  headers: Record<string, string> = JSON_TYPE,
  options: {
    http?: Head['http']
    limits?: Partial<BodyLimits>
    open?: boolean
    budget?: number
  } = {},
) {
  const request = new IncomingMessage(new Socket())
  request.headers = headers
  const response = new ServerResponse(request)
  const world = { continues: 0 }
  response.writeContinue = () => {
    world.continues++
  }
  const head: Head = { http: options.http ?? 'POST', headers: new Map(Object.entries(headers)) }
  const held = { lease: new Budget(options.budget ?? 1_000_000).lease(), ...boundsOf() }
  const reading = read(head, request, response, { ...limits, ...options.limits }, held, as)
  for (const chunk of chunks) {
    await setImmediate()
    request.push(Buffer.from(chunk))
  }
  if (options.open !== true) request.push(null)
  return { message: await reading, world, request, held }
}

async function refusal(...given: Parameters<typeof run>) {
  const { message } = await run(...given)
  assert.ok(message !== undefined && 'denied' in message, JSON.stringify(message))
  return `${message.denied}: ${message.detail}`
}

test('GET and DELETE have no message, whatever they say', async () => {
  for (const http of ['GET', 'DELETE'] as const)
    assert.equal((await run(['x'], {}, { http })).message, undefined)
})

test('a body in one chunk or in many is one message of these bytes (law 1)', async () => {
  for (const chunks of [[PING], [...PING], [PING.slice(0, 9), PING.slice(9)]]) {
    const { message, world } = await run(chunks)
    assert.ok(message !== undefined && 'bytes' in message)
    assert.equal(Buffer.from(message.bytes).toString(), PING)
    assert.equal(message.kind === 'request' && message.method, 'ping')
    assert.equal(world.continues, 0)
  }
})

describe('media types (T9, T10, T27, T28)', () => {
  for (const type of ['application/json', 'Application/JSON; charset="UTF-8"']) {
    test(`${type} is read`, async () => {
      const { message } = await run([PING], { 'content-type': type })
      assert.ok(message !== undefined && 'bytes' in message)
    })
  }
  const refused = [
    ['text/plain', 'is not application/json'],
    ['application/json; charset=utf-16', 'has a charset other than UTF-8'],
    ['application/json, text/plain', 'is not application/json'],
    ['', 'is not application/json'],
  ] as const
  for (const [type, fault] of refused) {
    test(`"${type}" is refused`, async () => {
      const expected = `media_type: the content type ${fault}`
      assert.equal(await refusal([PING], { 'content-type': type }), expected)
    })
  }
  test('none is refused', async () =>
    assert.equal(await refusal([PING], {}), 'media_type: the content type is absent'))
})

test('no encoding but identity is accepted (T25)', async () => {
  for (const encoding of ['identity', ' Identity ']) {
    const { message } = await run([PING], { ...JSON_TYPE, 'content-encoding': encoding })
    assert.ok(message !== undefined && 'bytes' in message)
  }
  for (const encoding of ['gzip', '', 'identity, gzip'])
    assert.equal(
      await refusal([PING], { ...JSON_TYPE, 'content-encoding': encoding }),
      'content_encoding: the content encoding is not identity',
    )
})

describe('the bound of a body (T126, R21)', () => {
  const TOO_LARGE = `body_too_large: the body exceeds ${PING.length} bytes, or 65536 pieces`
  const bound = { limits: { maxBytes: PING.length } }

  test('as many bytes as allowed are read', async () => {
    const declared = { ...JSON_TYPE, 'content-length': String(PING.length) }
    for (const headers of [JSON_TYPE, declared]) {
      const { message } = await run([...PING], headers, bound)
      assert.ok(message !== undefined && 'bytes' in message)
    }
  })

  test('one byte more is refused when it arrives, and the request is left to be answered', async () => {
    assert.equal(await refusal([PING, ' '], JSON_TYPE, bound), TOO_LARGE)
    const { request } = await run([PING, ' '], JSON_TYPE, bound)
    assert.equal(request.destroyed, false)
  })

  test('one byte more is refused when it is announced, before it is asked for', async () => {
    const headers = {
      ...JSON_TYPE,
      'content-length': String(PING.length + 1),
      expect: '100-continue',
    }
    const { message, world } = await run([], headers, { ...bound, open: true })
    assert.equal(message !== undefined && 'denied' in message && message.denied, 'body_too_large')
    assert.equal(world.continues, 0)
  })
})

test('a client that waits is told to go on (T45), once its head is accepted', async () => {
  const { world } = await run([PING], { ...JSON_TYPE, expect: '100-continue' })
  assert.equal(world.continues, 1)
  const { world: refused } = await run([PING], { expect: '100-continue' })
  assert.equal(refused.continues, 0)
})

test('a body that is not complete in time is given up (T123)', async () => {
  const late = await refusal(['{'], JSON_TYPE, { open: true, limits: { timeoutMs: 20 } })
  assert.equal(late, 'body_too_slow: the body is not complete in time')
})

test("what becomes of a body that was given up is nobody's fault", async () => {
  const { request } = await run(['{'], JSON_TYPE, { open: true, limits: { timeoutMs: 20 } })
  request.destroy(new Error('reset'))
  for (let turn = 0; turn < 3; turn++) await setImmediate()
  assert.equal(request.destroyed, true)
})

test('a body in time leaves no deadline behind', async () => {
  const { request, held } = await run([PING])
  held.watch.check(performance.now() + 2 * limits.timeoutMs)
  assert.equal(request.isPaused(), false)
})

test('a body for which there is no room left is refused as it comes (T126)', async () => {
  assert.match(await refusal(['{', PING], JSON_TYPE, { budget: 8 }), /^overloaded: /)
  const { message } = await run([PING], JSON_TYPE, { budget: PING.length })
  assert.ok(message !== undefined && !('denied' in message))
})

test('a connection that breaks within the body is a fault, not a refusal', async () => {
  const request = new IncomingMessage(new Socket())
  request.push(Buffer.from('{'))
  const head: Head = { http: 'POST', headers: new Map(Object.entries(JSON_TYPE)) }
  const { watch, over } = boundsOf()
  const holding = { lease: new Budget(10).lease(), watch, over }
  const reading = read(head, request, new ServerResponse(request), limits, holding, as)
  over.release()
  await assert.rejects(Promise.resolve(reading), { message: 'the client left' })
})

test('what is no message is refused with its fact, and with its id when it has one (R16)', async () => {
  assert.deepEqual((await run(['{'])).message, {
    denied: 'not_json',
    detail: 'text is not JSON',
    id: undefined,
  })
  assert.deepEqual((await run(['{"jsonrpc":"2.0","id":7}'])).message, {
    denied: 'invalid_message',
    detail: 'neither a method nor exactly one of result, error',
    id: 7,
  })
  const deep = `{"a":${'['.repeat(8)}${']'.repeat(8)}}`
  assert.equal(await refusal([deep]), 'too_deep: text is nested too deeply')
})
