// Input that is small and costs much (T20, T127-T129): no regular expression can backtrack for ever, what a
// pattern is matched with is short, and no shape of JSON takes more than its length.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { patternsIn } from '../../tools/syntax.ts'
import { SHAPES as BODIES, call, DIFFERENTIALS, members, message } from './bodies.ts'
import { NAMES } from './names.ts'
import { LIST, startRaw } from './raw.ts'
import { assertRefusal } from './refusal.ts'

const PROXY = resolve(import.meta.dirname, '../../proxy')

/** True when a part that may repeat without bound is inside another: `(a+)+`, `(a*b?)*`. */
function nests(pattern: string): boolean {
  const plain = pattern.replace(/\\./g, 'x').replace(/\[(?:\^?\]?)[^\]]*\]/g, 'x')
  const open: boolean[] = []
  for (let at = 0; at < plain.length; at++) {
    const repeats = /^(?:[*+]|\{\d+,\})/.test(plain.slice(at + 1))
    if (plain[at] === '(') open.push(false)
    else if (plain[at] === ')') {
      const inner = open.pop() === true
      if (inner && repeats) return true
      if ((inner || repeats) && open.length > 0) open[open.length - 1] = true
    } else if (repeats && open.length > 0) open[open.length - 1] = true
  }
  return false
}

test('no regular expression of the proxy repeats inside a repetition (T129)', () => {
  const files = readdirSync(PROXY, { recursive: true, encoding: 'utf8' })
  const patterns = files
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => patternsIn(readFileSync(resolve(PROXY, file), 'utf8')))
  assert.ok(patterns.length > 40, `${patterns.length} patterns`)
  for (const known of ['/(a+)+$/', '/((a*)b)*/', '/(?:x|[ab]{2,})+/', '/(\\w+\\s?)*$/'])
    assert.equal(nests(known), true, known)
  assert.deepEqual(patterns.filter(nests), [])
})

test('the sources make no regular expression out of text (T129)', () => {
  for (const file of readdirSync(PROXY, { recursive: true, encoding: 'utf8' }))
    if (file.endsWith('.ts'))
      assert.doesNotMatch(readFileSync(resolve(PROXY, file), 'utf8'), /new RegExp\(/, file)
})

const uri = (method: string, uri: string) =>
  message(`"method":"${method}","params":{"uri":"${uri}"}`)
const ref = (uri: string) =>
  message(
    `"method":"completion/complete","params":{"ref":{"type":"ref/resource","uri":"${uri}"},"argument":{"name":"a","value":""}}`,
  )
const LONG = `docs://public/${'{a}'.repeat(2_000)}`

const CAPPED: readonly (readonly [name: string, body: string])[] = [
  ['T129 a long URI to read', uri('resources/read', LONG)],
  ['T129 a long URI to subscribe to', uri('resources/subscribe', LONG)],
  ['T129 a long template', ref(LONG)],
  ['T129 a long name of a tool', call(`{"name":"${'a'.repeat(50_000)}!"}`)],
  [
    'T129 a long name of a prompt',
    message(`"method":"prompts/get","params":{"name":"${'a'.repeat(129)}"}`),
  ],
]

test('what is matched with a pattern is short', async (t) => {
  const bench = await startRaw(t)
  for (const [name, body] of CAPPED) {
    await t.test(name, async () => {
      const seen = await bench.seen(async () => {
        const [reply] = (await bench.talk(bench.post(body))).replies
        assert.equal(reply?.status, 400)
        assertRefusal(reply)
      })
      assert.equal(seen.length, 0)
    })
  }
})

test('a URI of many encodings is decided on, and a good one passes (T129)', async (t) => {
  const bench = await startRaw(t)
  const seen = await bench.seen(async () => {
    for (const hostile of ['%25'.repeat(1_300), '%c0%ae'.repeat(600), '../'.repeat(1_300)])
      assert.match(
        (await bench.talk(bench.post(uri('resources/read', `docs://public/${hostile}`)))).replies[0]
          ?.body ?? '',
        /-31403|result/,
      )
    const good = await bench.talk(bench.post(uri('resources/read', 'docs://public/a')))
    assert.equal(good.replies[0]?.status, 200)
  })
  for (const { body } of seen) assert.doesNotMatch(body.toString(), /\.\.|%c0%ae/)
})

/** Shapes that were slow in some parser: nearly equal keys, escapes, numbers, empty containers. */
const SHAPES: readonly (readonly [name: string, body: string])[] = [
  ['T20 keys that are integers', call(`{"name":"public","arguments":{${members(70_000, '')}}}`)],
  [
    'T20 keys that differ at the end',
    call(`{"name":"public","arguments":{${members(10_000, 'a'.repeat(80))}}}`),
  ],
  ['T20 empty objects', call(`{"name":"public","arguments":{"a":[${Array(300_000).fill('{}')}]}}`)],
  ['T20 zeros', call(`{"name":"public","arguments":{"a":[${Array(500_000).fill('0')}]}}`)],
  ['T20 escapes', call(`{"name":"public","arguments":{"a":"${'\\u0061'.repeat(170_000)}"}}`)],
  ['T20 backslashes', call(`{"name":"public","arguments":{"a":"${'\\\\'.repeat(500_000)}"}}`)],
  ['T20 a long number', call(`{"name":"public","arguments":{"a":1${'0'.repeat(1_000_000)}}}`)],
  ['T20 white space', `${LIST}${' '.repeat(1_000_000)}`],
]

test('a body of a costly shape passes whole, and the next request as well', async (t) => {
  const bench = await startRaw(t)
  for (const [name, body] of SHAPES) {
    await t.test(name, async () => {
      const seen = await bench.seen(async () => {
        assert.equal((await bench.talk(bench.post(body))).replies[0]?.status, 200)
        assert.equal((await bench.talk(bench.post(LIST))).replies[0]?.status, 200)
      })
      assert.equal(seen[0]?.body.toString() === body, true)
    })
  }
})

test('others are served while costly bodies keep coming (T128)', async (t) => {
  const bench = await startRaw(t)
  const body = bench.post(SHAPES[0]?.[1] ?? '')
  let served = false
  const attack = Array.from({ length: 8 }, async () => {
    do assert.equal((await bench.talk(body)).replies[0]?.status, 200)
    while (!served)
  })
  const health = Buffer.from('GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n')
  for (let n = 0; n < 5; n++) {
    assert.equal((await bench.talk(health)).replies[0]?.status, 200)
    assert.equal((await bench.talk(bench.post(LIST))).replies[0]?.status, 200)
  }
  served = true
  await Promise.all(attack)
})

test('no refusal, and nothing sent on, is ten times its request (T127)', async (t) => {
  const bench = await startRaw(t)
  const plain = (text: string) => Buffer.from(`${text}\r\n\r\n`, 'latin1')
  const requests = [
    ...[...DIFFERENTIALS, ...BODIES, ...NAMES].map(([, body]) => bench.post(body)),
    bench.post(LIST),
    bench.post(LIST, ['authorization: none']),
    plain('GET / HTTP/1.1\r\nhost: a'),
    plain('GET /mcp HTTP/1.1\r\nhost: 127.0.0.1'),
    plain('GET /.well-known/oauth-protected-resource HTTP/1.1\r\nhost: a'),
    plain('OPTIONS /mcp HTTP/1.1\r\nhost: 127.0.0.1'),
    plain('x'),
  ]
  for (const bytes of requests) {
    const [asked] = await bench.seen(async () => {
      const [reply] = (await bench.talk(bytes)).replies
      assert.ok(reply !== undefined)
      const head = [...reply.headers].join('\r\n').length
      // Less than a packet costs a packet.
      const cost = Math.max(64, bytes.length)
      assert.ok(head + reply.body.length < 10 * cost, `${reply.status} ${reply.body}`)
    })
    const sent = (asked?.rawHead.length ?? 0) + (asked?.body.length ?? 0)
    assert.ok(sent < 10 * bytes.length)
  }
})
