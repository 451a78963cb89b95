// The head and the whole body of an answer: which headers pass, what counts as text, what ends a stream.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Answer } from '../../proxy/types.ts'
import { brokenAnswer, headersFor, readBytes, subscriptionEnd } from '../../proxy/wire/answer.ts'
import { toText } from '../../proxy/wire/strings.ts'
import { bodyOf, boundsOf } from '../support/body.ts'

const JSON_TYPE = 'application/json'
const SSE_TYPE = 'text/event-stream'
const OURS = {
  'content-type': JSON_TYPE,
  'cache-control': 'private, no-store',
  vary: 'Authorization, Origin',
}
const seal = (session: string) => `sealed ${session}`

/** An answer whose body is these chunks; `until` keeps it open after them. */
function answerOf(
  chunks: readonly (string | Uint8Array)[],
  headers: Answer['headers'] = {},
  until?: (destroyed: Promise<void>) => Promise<unknown>,
) {
  const parts = chunks.map((chunk) => (typeof chunk === 'string' ? Buffer.from(chunk) : chunk))
  const { body, world } = bodyOf(parts, until)
  return { answer: { status: 200, headers, body } satisfies Answer, world }
}

describe('headers for the client (T105, T109)', () => {
  const headers = (of: Answer['headers'], era: 'legacy' | 'modern' = 'legacy') =>
    headersFor(answerOf([], of).answer, era, JSON_TYPE, { seal })

  test('no header of the upstream passes by default', () => {
    const odd = { 'set-cookie': 'a=b', 'cache-control': 'public', vary: '*', 'x-a': 'b', etag: 'x' }
    assert.deepEqual(headers(odd), OURS)
  })

  test('an event stream is not to be buffered by others on its way', () => {
    const stream = headersFor(answerOf([]).answer, 'modern', SSE_TYPE, { seal })
    assert.deepEqual(stream, { ...OURS, 'content-type': SSE_TYPE, 'x-accel-buffering': 'no' })
  })

  test('a session is sealed, in the legacy era alone (T112, T113)', () => {
    const session = { 'mcp-session-id': 's' }
    assert.deepEqual(headers(session), { ...OURS, 'mcp-session-id': 'sealed s' })
    assert.deepEqual(headers(session, 'modern'), OURS)
    assert.deepEqual(headers({ 'mcp-session-id': ['s', 't'] }), OURS)
  })

  const passing: [name: 'allow' | 'retry-after', value: string][] = [
    ['allow', 'GET, POST'],
    ['allow', 'GET,HEAD,POST,PUT,PATCH,DELETE,OPTIONS'],
    ['retry-after', '0'],
    ['retry-after', '123456'],
  ]
  for (const [name, value] of passing) {
    test(`${name}: ${value} passes`, () =>
      assert.deepEqual(headers({ [name]: value }), { ...OURS, [name]: value }))
  }

  const stopped: [name: 'allow' | 'retry-after', value: string | string[]][] = [
    ['allow', ''],
    ['allow', 'get'],
    ['allow', 'GET;POST'],
    ['allow', 'xGET'],
    ['allow', 'SECRET'],
    ['allow', 'GET, SECRET'],
    ['allow', ['GET', 'POST']],
    ['retry-after', ''],
    ['retry-after', '1234567'],
    ['retry-after', '1.5'],
    ['retry-after', 'x1'],
    ['retry-after', 'Wed, 21 Oct 2026 07:28:00 GMT'],
    ['retry-after', ['1', '2']],
  ]
  for (const [name, value] of stopped) {
    test(`${name}: ${JSON.stringify(value).slice(0, 30)} does not pass`, () =>
      assert.deepEqual(headers({ [name]: value }), OURS))
  }
})

describe('reading a whole body (T133)', () => {
  const limitsOf = (maxBytes: number, timeoutMs = 60_000, hold = (_: number) => true) => ({
    maxBytes,
    timeoutMs,
    hold,
    watch: boundsOf().watch,
  })
  const read = async (chunks: readonly (string | Uint8Array)[], maxBytes = 100) => {
    const bytes = await readBytes(answerOf(chunks).answer.body, limitsOf(maxBytes))
    return 'fault' in bytes ? bytes : toText(bytes)
  }

  test('its text is what came, whatever the chunks', async () => {
    const bytes = Buffer.from('é\u{1f600}')
    assert.equal(await read([...bytes].map((byte) => Uint8Array.of(byte))), 'é\u{1f600}')
    assert.equal(await read(['ab', '', 'c']), 'abc')
    assert.equal(await read([]), '')
  })

  test('a byte order mark stays, for the parser to refuse (T8)', async () => {
    assert.equal(await read(['\ufeff{}']), '\ufeff{}')
  })

  test('as many bytes as allowed are read, and not one more', async () => {
    assert.equal(await read(['abc', 'def'], 6), 'abcdef')
    assert.deepEqual(await read(['abc', 'defg'], 6), { fault: 'unreadable' })
    assert.deepEqual(await read(['éé'], 3), { fault: 'unreadable' })
  })

  test('what has come already is read without waiting, within the same bounds (T126)', () => {
    const body = { ...answerOf([]).answer.body, whole: () => Buffer.from('abcdef') }
    assert.deepEqual(readBytes(body, limitsOf(6)), Buffer.from('abcdef'))
    assert.deepEqual(readBytes(body, limitsOf(5)), { fault: 'unreadable' })
    const held = limitsOf(6, 60_000, (bytes) => bytes < 6)
    assert.deepEqual(readBytes(body, held), { fault: 'full' })
  })

  test('what is not UTF-8, or ends within a character, has no text (T11)', async () => {
    assert.equal(await read(['a', Uint8Array.of(0xff)]), undefined)
    assert.equal(await read(['a', Uint8Array.of(0xc3)]), undefined)
  })

  test('what is not complete in time is late, and its connection is gone', async () => {
    const { answer, world } = answerOf(['a'], {}, async (destroyed) => {
      await destroyed
      throw new Error('aborted')
    })
    assert.deepEqual(await readBytes(answer.body, limitsOf(100, 20)), { fault: 'late' })
    assert.equal(world.destroyed, 1)
  })

  test('when there is no room for more of it, that is told from what cannot be read (T126)', async () => {
    const held: number[] = []
    const hold = (bytes: number) => {
      held.push(bytes)
      return bytes <= 4
    }
    const { answer } = answerOf(['abc', 'd', 'e', 'f'])
    assert.deepEqual(await readBytes(answer.body, limitsOf(100, 60_000, hold)), { fault: 'full' })
    assert.deepEqual(held, [3, 4, 5])
  })

  test('a fault of the connection is passed on', async () => {
    const { answer, world } = answerOf(['a'], {}, async () => {
      throw new Error('reset')
    })
    await assert.rejects(async () => readBytes(answer.body, limitsOf(100)), { message: 'reset' })
    assert.equal(world.destroyed, 0)
  })

  test('once it is read, nothing destroys it', async () => {
    const { answer, world } = answerOf(['abc'])
    const limits = limitsOf(100, 50)
    await readBytes(answer.body, limits)
    limits.watch.check(performance.now() + 1_000)
    assert.equal(world.destroyed, 0)
  })
})

describe('events of our own', () => {
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString()

  test('a subscription ends with a complete result that names it (R45)', () => {
    assert.equal(
      text(subscriptionEnd('s')),
      'event: message\ndata: {"jsonrpc":"2.0","id":"s","result":{"resultType":"complete",' +
        '"_meta":{"io.modelcontextprotocol/subscriptionId":"s"}}}\n\n',
    )
  })

  test('a broken answer is an internal error without a word of the upstream (T102)', () => {
    assert.equal(
      text(brokenAnswer(7)),
      'event: message\ndata: {"jsonrpc":"2.0","id":7,"error":{"code":-32603,' +
        '"message":"the upstream server gave a broken answer"}}\n\n',
    )
  })
})
