// What runs for a caller nobody has authenticated: the code that it runs is measured, not listed by
// hand, and is held to 1,500 of our own lines and to the files that SECURITY.md names.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { relative } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { spawnIssuer } from '../support/issuer.ts'
import { LIST, type RawBench, startRaw, talk } from './raw.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const MAX_LINES = 1_500
// Every reason that a request can meet before its token is accepted.
const REASONS = [
  'body_not_allowed',
  'duplicate_header',
  'expectation',
  'host_not_allowed',
  'http_malformed',
  'http_version',
  'method_not_allowed',
  'origin_not_allowed',
  'path_unknown',
  'request_target',
  'token_expired',
  'token_in_query',
  'token_invalid',
  'token_missing',
]

/** Every kind of request without an accepted token. */
async function attack(t: TestContext, bench: RawBench): Promise<void> {
  const { proxy, request, post, upstream } = bench
  const none = 'authorization: none'
  const other = await spawnIssuer(['RS256'])
  t.after(other.stop)
  const [head = '', claims = '', signature = ''] = bench.token.split('.')
  const tokens = [
    '',
    'x',
    'a.b.c',
    `${head}.${claims}.${signature.replace(/^../, (two) => (two === 'AA' ? 'BB' : 'AA'))}`,
    `${Buffer.from('{"alg":"none"}').toString('base64url')}.${claims}.`,
    `${Buffer.from('{"alg":"RS256","alg":"none"}').toString('base64url')}.${claims}.${signature}`,
    `${Buffer.from('{"alg":"RS256","typ":"at+jwt","kid":"../x"}').toString('base64url')}.${claims}.${signature}`,
    'a'.repeat(9_000),
    await other.mint({ aud: proxy.audience }),
    await proxy.token({ exp: 1 }),
    await proxy.token({ iss: 'https://evil.example' }),
    await proxy.token({ aud: 'https://evil.example' }),
    await proxy.token({ sub: '' }),
    await proxy.token({ nbf: 2 ** 40 }),
    await proxy.token({ scope: { a: 1 }, exp: undefined }),
    await proxy.token({ realm_access: { roles: 7 }, iat: 2 ** 40 }),
  ]
  const requests = [
    Buffer.from('GARBAGE\r\n\r\n'),
    Buffer.from('POST /mcp HTTP/1.0\r\nhost: 127.0.0.1\r\n\r\n'),
    Buffer.from(
      'POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n',
    ),
    request('POST http://evil/mcp', [none], LIST),
    request('POST /nope', [none], LIST),
    request('DELETE /.well-known/oauth-protected-resource', [none]),
    request('OPTIONS /mcp', [none, 'origin: https://app.example']),
    request('PUT /mcp', [none], LIST),
    request('GET /mcp', [none]),
    request('DELETE /mcp', [none], LIST),
    request('GET /mcp?access_token=x', [none]),
    post(LIST, [none, 'origin: https://evil.example']),
    post(LIST, [none, 'host: evil.example']),
    post(LIST, [none, 'mcp-name: a', 'mcp-name: b']),
    post(LIST, [none, 'expect: banana']),
    post(LIST, [none, 'expect: 100-continue']),
    post(LIST, [none, 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01']),
    post('{', [none, 'content-length: 100000']),
    post(LIST, ['authorization: Basic eDp5']),
    ...tokens.map((token) => post(LIST, [`authorization: Bearer ${token}`])),
  ]
  const open = [
    request('GET /health', [none]),
    request('GET /.well-known/oauth-protected-resource', [none]),
    request('OPTIONS /.well-known/oauth-protected-resource/mcp', [none]),
  ]
  for (const bytes of [...requests, ...open]) {
    const { replies } = await talk(proxy.port, bytes)
    const status = replies.at(-1)?.status ?? 0
    assert.equal(status < 300, open.includes(bytes), `${status}: ${bytes}`)
  }
  assert.equal(upstream.asked.length, 0)
}

/** The lines of our own code in functions that were called, by file. */
async function called(work: () => Promise<void>): Promise<ReadonlyMap<string, Set<number>>> {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false })
  await work()
  const { result } = await session.post('Profiler.takePreciseCoverage')
  session.disconnect()
  const found = new Map<string, Set<number>>()
  for (const { url, functions } of result) {
    if (!url.startsWith('file:') || !url.includes('/proxy/') || url.includes('/test/')) continue
    const path = fileURLToPath(url)
    const lines = linesOf(readFileSync(path, 'utf8'))
    const ran = new Set<number>()
    for (const { functionName, ranges } of functions) {
      const [range] = ranges
      // The module itself ran when the program started.
      if (range === undefined || range.count === 0) continue
      if (functionName === '' && range.startOffset === 0) continue
      for (const [n, line] of lines.entries())
        if (line.code && line.end > range.startOffset && line.start < range.endOffset) ran.add(n)
    }
    if (ran.size > 0) found.set(relative(ROOT, path), ran)
  }
  return found
}

/** Lines with their offsets; `code` when they are neither empty nor a comment. */
function linesOf(text: string) {
  let start = 0
  return text.split('\n').map((line) => {
    const code = !/^\s*(\/\/|\/?\*|$)/.test(line)
    const found = { start, end: start + line.length, code }
    start += line.length + 1
    return found
  })
}

test('what runs before authentication is at most 1,500 of our own lines, in the files SECURITY.md names', async (t) => {
  const bench = await startRaw(t)
  const ran = await called(() => attack(t, bench))
  const reasons = new Set(bench.proxy.records().map(({ reason }) => reason))
  assert.deepEqual([...reasons].sort(), REASONS)
  const page = readFileSync(new URL('../../SECURITY.md', import.meta.url), 'utf8')
  const section = page.split('## Before authentication')[1]?.split('\n## ')[0] ?? ''
  const named = [...section.matchAll(/`(proxy\/[^`]+\.ts)`/g)].map(([, name]) => name)
  const lines = [...ran.values()].reduce((sum, { size }) => sum + size, 0)
  t.diagnostic(`${lines} lines in ${ran.size} files`)
  for (const [name, { size }] of ran) t.diagnostic(`${name}: ${size}`)
  assert.deepEqual([...ran.keys()].sort(), named.sort())
  assert.ok(lines <= MAX_LINES, `${lines} lines`)
})
