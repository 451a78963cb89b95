// What passes leaves no trace in memory (T126, T127): a gigabyte goes through a proxy of its own
// process, byte for byte, while its resident memory stays where it was.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { spawnIssuer } from '../support/issuer.ts'
import { call } from './client.ts'
import { addresses, PUBLIC_URL, policyIn, readiness, run, settingsFor } from './program.ts'

const FLOOD = fileURLToPath(new URL('flood.ts', import.meta.url))
const MB = 1_000_000
const SAMPLE_MS = 10
// The first bytes grow the heap to its working size; after these many it is measured.
const WARM_UP = 128 * MB
// 130 to 190 MB as a rule.
const MAX_RSS = 224 * MB
const MAX_GROWTH = 24 * MB

const FLOODS = [
  ['a JSON answer of 1 GB', 'json', 1_024 * MB],
  ['512 MB in events of 64 KiB', 'events', 512 * MB],
  ['one event of 300 MB', 'event', 300 * MB],
] as const

for (const [what, kind, bytes] of FLOODS) {
  test(`${what} passes unchanged in flat memory`, { timeout: 60_000 }, async (t) => {
    const upstream = await flood(t, kind, bytes)
    const issuer = await spawnIssuer()
    t.after(issuer.stop)
    const { policyFile } = policyIn(t)
    const program = run(t, ['serve'], settingsFor(upstream.url, issuer.url, policyFile))
    const { url, admin } = await addresses(program)
    await readiness(admin, 200)
    const token = await issuer.mint({ aud: PUBLIC_URL })
    await download(url, token, WARM_UP, () => 0, WARM_UP)
    const got = await download(url, token, bytes, () => rssOf(program.pid))
    const sent = await upstream.sent
    assert.deepEqual({ length: got.length, sha256: got.sha256 }, sent)
    const { first, second } = got
    const rate = Math.round(got.length / MB / (got.tookMs / 1_000))
    t.diagnostic(
      `RSS at most ${mb(first)} MB in the first half, ${mb(second)} MB in the second; ${rate} MB/s`,
    )
    assert.ok(second <= first + MAX_GROWTH, `${mb(first)} MB, then ${mb(second)} MB`)
    assert.ok(Math.max(first, second) < MAX_RSS, `${mb(Math.max(first, second))} MB`)
  })
}

test('npm run serve starts the program with the flags of its first line', () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'))
  const main = readFileSync('proxy/main.ts', 'utf8').split('\n', 1).join()
  assert.match(main, /--max-semi-space-size=/)
  assert.deepEqual(scripts.serve.match(/--\S+/g), main.match(/--\S+/g))
})

async function flood(t: TestContext, kind: string, bytes: number) {
  const child = spawn(process.execPath, [FLOOD, kind, String(bytes)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async () => JSON.parse((await lines.next()).value ?? 'null')
  const { port } = await next()
  return { url: `http://127.0.0.1:${port}/mcp`, sent: next() }
}

type Download = {
  readonly length: number
  readonly sha256: string
  readonly tookMs: number
  readonly first: number
  readonly second: number
}

/** Reads and forgets, and leaves after `most` bytes; the highest memory in each half of `bytes`. */
function download(
  url: string,
  token: string,
  bytes: number,
  rss: () => number,
  most = Number.POSITIVE_INFINITY,
): Promise<Download> {
  const begun = performance.now()
  const hash = createHash('sha256')
  let length = 0
  let first = 0
  let second = 0
  const sampler = setInterval(() => {
    if (length < bytes / 2) first = Math.max(first, rss())
    else second = Math.max(second, rss())
  }, SAMPLE_MS)
  return new Promise<Download>((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${token}`,
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
    }
    const outgoing = request(url, { method: 'POST', headers }, (response) => {
      response.on('data', (chunk: Buffer) => {
        length += chunk.length
        hash.update(chunk)
        if (length >= most) done()
      })
      const done = () => {
        const tookMs = performance.now() - begun
        resolve({ length, sha256: hash.copy().digest('hex'), tookMs, first, second })
        if (!response.complete) outgoing.destroy()
      }
      response.once('error', reject).once('end', done)
    })
    outgoing.once('error', reject)
    outgoing.end(JSON.stringify(call()))
  }).finally(() => clearInterval(sampler))
}

function rssOf(pid: number): number {
  const kB = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kB) * 1_024
}

function mb(bytes: number): number {
  return Math.round(bytes / MB)
}
