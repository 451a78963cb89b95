// A connection whose head is remembered: what was admitted once is admitted again only when it says the
// same, and every request is judged by its own body, token and time (T36, T38, T55, T66, T81).

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIST, startRaw } from './raw.ts'

const DENIED =
  '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"secret","arguments":{}}}'

/** Requests on one connection, and the status of each reply. */
async function statuses(
  bench: Awaited<ReturnType<typeof startRaw>>,
  ...requests: readonly Buffer[]
): Promise<readonly number[]> {
  const { replies } = await bench.talk(Buffer.concat(requests), requests.length)
  return replies.map(({ status }) => status)
}

test('T36 a length of zero, repeated as another one, makes no body for GET and DELETE', async (t) => {
  const bench = await startRaw(t)
  for (const method of ['GET', 'DELETE']) {
    const empty = bench.request(`${method} /mcp`, ['content-length: 0'])
    const full = Buffer.from(
      empty.toString('latin1').replace('content-length: 0', `content-length: ${LIST.length}`) +
        LIST,
      'latin1',
    )
    const [first, second] = await statuses(bench, empty, full)
    assert.notEqual(first, 400)
    assert.equal(second, 400)
  }
})

test('bodies of any length are read on a connection that repeats its head, each by itself', async (t) => {
  const bench = await startRaw(t)
  const asked = bench.upstream.asked.length
  const long = LIST.replace('{', `{${' '.repeat(5_000)}`)
  const seen = await statuses(
    bench,
    bench.post(LIST),
    bench.post(long),
    bench.post(DENIED),
    bench.post('{'),
    bench.post(LIST),
  )
  assert.deepEqual(seen, [200, 200, 200, 400, 200])
  assert.deepEqual(
    bench.upstream.asked.slice(asked).map(({ body }) => body.length),
    [LIST.length, long.length, LIST.length],
  )
})

test('T55 a header that is repeated the second time is refused, whatever was admitted before', async (t) => {
  const bench = await startRaw(t)
  const twice = ['x-a: b', 'authorization: Bearer x', 'mcp-protocol-version: 2025-11-25']
  for (const header of twice) {
    const first = bench.post(LIST, [header.startsWith('auth') ? 'x-b: c' : header])
    const second = bench.post(LIST, [header, header])
    const [one, two] = await statuses(bench, first, second)
    assert.equal(one, 200)
    assert.equal(two, header.startsWith('x-') ? 200 : 400, header)
  }
})

test('T38 T66 another token, or none, on the same connection is another caller, or none', async (t) => {
  const bench = await startRaw(t)
  const good = bench.post(LIST)
  const text = good.toString('latin1')
  const token = /authorization: Bearer (\S+)/i.exec(text)?.[1] ?? ''
  assert.notEqual(token, '')
  const forged = token.slice(0, -4) + (token.endsWith('AAAA') ? 'BBBB' : 'AAAA')
  const none = Buffer.from(text.replace(/authorization: [^\r]+\r\n/i, ''), 'latin1')
  const bad = Buffer.from(text.replace(token, forged), 'latin1')
  assert.deepEqual(await statuses(bench, good, bad, good, none, good), [200, 401, 200, 401, 200])
})

test('T40 another path or query on the same connection is looked at anew', async (t) => {
  const bench = await startRaw(t)
  const good = bench.post(LIST)
  const at = (target: string) =>
    Buffer.from(good.toString('latin1').replace('POST /mcp ', `POST ${target} `), 'latin1')
  const [first, query] = await statuses(bench, good, at('/mcp?access_token=x'))
  assert.deepEqual([first, query], [200, 400])
  assert.deepEqual(await statuses(bench, good, at('/mcp/x')), [200, 404])
})

test('T81 a token that expires is refused on the connection that it was accepted on', async (t) => {
  const bench = await startRaw(t, { settings: { CLOCK_SKEW: '0s' } })
  const seconds = Math.floor(Date.now() / 1_000)
  const token = await bench.proxy.token({ exp: seconds + 2 })
  const post = bench.post(LIST, [`authorization: Bearer ${token}`])
  const replies: number[] = []
  const deadline = Date.now() + 15_000
  while (replies.at(-1) !== 401 && Date.now() < deadline)
    replies.push(...(await statuses(bench, post, post)))
  assert.equal(replies[0], 200)
  assert.equal(replies.at(-1), 401)
})
