// What a caller names cannot break the log into lines of its own (T141), nor make series of metrics
// (T148): the program as a process, and its output as bytes.

import assert from 'node:assert/strict'
import { randomBytes, randomInt } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startHostile, whole } from '../support/hostile.ts'
import { spawnIssuer } from '../support/issuer.ts'
import { legacy, modern, modernHeaders } from '../support/wire.ts'
import { inTurns } from './answers.ts'
import { type Line, openLine } from './line.ts'
import { bytesOf } from './probes.ts'
import { addresses, PUBLIC_URL, policyIn, readiness, run, settingsFor } from './program.ts'
import { head, talk } from './raw.ts'

const POLICY = `version: 1
tools: { public: { anyone: true }, secret: { scopes: ['secret:read'] } }
prompts: { public: { anyone: true } }
resources: { 'docs://public/*': { anyone: true } }
`

async function setUp(t: TestContext) {
  const issuer = await spawnIssuer(['ES256'])
  t.after(issuer.stop)
  const upstream = await startHostile(({ body }, socket) => {
    const { id } = JSON.parse(body.toString())
    socket.write(whole(JSON.stringify({ jsonrpc: '2.0', id, result: {} })))
  })
  t.after(() => upstream.stop())
  const { policyFile } = policyIn(t, POLICY)
  const program = run(t, ['serve'], {
    ...settingsFor(upstream.url, issuer.url, policyFile),
    LOG_LEVEL: 'debug',
    LOG_SUBJECT: 'plain',
  })
  const printed: Buffer[] = []
  program.child.stdout?.on('data', (chunk: Buffer) => printed.push(chunk))
  const { url, admin } = await addresses(program)
  await readiness(admin, 200)
  const port = Number(new URL(url).port)
  const mint = (claims: object) => issuer.mint({ aud: PUBLIC_URL, scope: '', ...claims })
  return { program, admin, port, mint, printed, upstream }
}

const FORGED = '{"level":"info","decision":"allowed","outcome":"allowed","msg":"exchange"}'
const BREAKS = [
  '\n',
  '\r',
  '\r\n',
  '\u2028',
  '\u2029',
  '\u0085',
  '\v',
  '\f',
  '\x1e',
  '\0',
  '\x1b[2J\x1b[1;1H',
  '\u009b2J',
  '\u202e',
  '\ud800',
  '\udfff',
  '","decision":"allowed","x":"',
  '\\"',
]

test('T141 whatever a caller names, each exchange is one line, and its decision is our own', async (t) => {
  const { program, admin, port, mint, printed } = await setUp(t)
  const token = await mint({ sub: 'mallory' })
  const names = BREAKS.map((mark) => `x${mark}${FORGED}`)
  const sent: Buffer[] = []
  for (const name of names) {
    const ascii = `=?base64?${Buffer.from(name).toString('base64')}?=`
    sent.push(
      bytesOf(token, legacy(name), {}),
      bytesOf(token, modern(name), modernHeaders(ascii)),
      bytesOf(token, legacy(`notifications/${name}`, {}, null), {}),
      bytesOf(token, legacy('tools/call', { name }), {}),
      bytesOf(token, legacy('prompts/get', { name }), {}),
      bytesOf(token, legacy('resources/read', { uri: `docs://secret/${name}` }), {}),
      bytesOf(token, legacy('tasks/get', { taskId: name }), {}),
      bytesOf(token, legacy('ping').replace('"id":1', `"id":${JSON.stringify(name)}x`), {}),
    )
    // A claim with a mark that no name may hold is refused; one that passes is logged in plain.
    const subject = await mint({ sub: name, client_id: name, roles: [name] })
    sent.push(bytesOf(subject, legacy('tools/call', { name: 'secret' }), {}))
  }
  const line = await openLine(t, port)
  for (const bytes of sent) await line.ask(bytes)
  const whole = () => Buffer.concat(printed)
  const rows = () =>
    whole()
      .toString()
      .split('\n')
      .filter((row) => row.includes('"msg":"exchange"'))
  const deadline = Date.now() + 10_000
  while (rows().length < sent.length && Date.now() < deadline) await sleep(10)
  const text = new TextDecoder('utf-8', { fatal: true }).decode(whole())
  assert.doesNotMatch(text, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/)
  const lines = text.trimEnd().split('\n')
  const entries = lines.map((row) => JSON.parse(row))
  const exchanges = entries.filter(({ msg }) => msg === 'exchange')
  assert.equal(exchanges.length, sent.length)
  for (const [at, row] of lines.entries()) {
    assert.deepEqual(JSON.parse(row), entries[at])
    for (const member of ['decision', 'outcome', 'msg', 'time', 'subject', 'method'])
      assert.ok(row.split(`,"${member}":`).length <= 2, `${member} twice in ${row}`)
  }
  for (const { decision, outcome } of exchanges)
    assert.deepEqual({ decision, outcome }, { decision: 'denied', outcome: 'denied' })
  assert.deepEqual(program.stderr(), '')
  // What is named at all is named as it was sent.
  const methods = new Set(exchanges.map(({ method }) => method))
  for (const name of names) assert.ok(methods.has(name.slice(0, 256)), JSON.stringify(name))
  assert.doesNotMatch(await (await fetch(`${admin}/metrics`)).text(), /forged|allowed","outcome/)
})

/** Series of the exposition format: lines that are no comment. */
function seriesOf(text: string): readonly string[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.slice(0, line.lastIndexOf(' ')))
}

const COUNT = 20_000
const MAX_SERIES = 500

test('T148 20,000 random names leave the number of series as it was, below 500', async (t) => {
  const { admin, port, mint, upstream } = await setUp(t)
  const token = await mint({ sub: 'mallory' })
  const [, payload = ''] = token.split('.')
  const random = () => `zq${randomBytes(8).toString('hex')}`
  const kid = () => {
    const header = Buffer.from(JSON.stringify({ alg: 'ES256', typ: 'at+jwt', kid: random() }))
    return `${header.toString('base64url')}.${payload}.${randomBytes(64).toString('base64url')}`
  }
  const swap = (bytes: Buffer, from: string, to: string) =>
    Buffer.from(bytes.toString().replace(from, to))
  const kinds: readonly (() => Buffer)[] = [
    () => bytesOf(token, legacy('tools/call', { name: random() }), {}),
    () => bytesOf(token, legacy('tools/call', { name: 'public', arguments: { a: random() } }), {}),
    () => bytesOf(token, legacy('prompts/get', { name: random() }), {}),
    () => bytesOf(token, legacy('resources/read', { uri: `docs://public/${random()}` }), {}),
    () => bytesOf(token, legacy('resources/read', { uri: `${random()}://x` }), {}),
    () => bytesOf(token, legacy(random()), {}),
    () => bytesOf(token, legacy(`notifications/${random()}`, {}, null), {}),
    () => bytesOf(token, modern(`x/${random()}`), modernHeaders(random())),
    () => bytesOf(kid(), legacy('ping'), {}),
    () => bytesOf(random(), legacy('ping'), {}),
    () => bytesOf(token, legacy('ping'), { 'mcp-session-id': random() }),
    () => bytesOf(token, legacy('ping'), { 'mcp-protocol-version': random() }),
    () => swap(bytesOf(token, legacy('ping'), {}), 'host: 127.0.0.1', `host: ${random()}.example`),
    () => swap(bytesOf(token, legacy('ping'), {}), '/mcp', `/${random()}`),
    () => swap(bytesOf(token, legacy('ping'), {}), '/mcp', `/mcp?${random()}`),
    () => bytesOf(token, legacy('ping'), { origin: `https://${random()}.example` }),
    () => swap(head('GET', token), 'GET', ['PUT', 'PATCH', 'PROPFIND'][randomInt(3)] ?? 'PUT'),
  ]
  for (const make of kinds) await talk(port, make())
  const scrape = async () => {
    const response = await fetch(`${admin}/metrics`)
    assert.equal(response.status, 200)
    return response.text()
  }
  const before = seriesOf(await scrape())
  const lines: Line[] = []
  for (let n = 0; n < 8; n++) lines.push(await openLine(t, port))
  await inTurns([...lines.keys()], lines.length, async (at) => {
    for (let n = at; n < COUNT; n += lines.length)
      await lines[at]?.ask(kinds[n % kinds.length]?.() ?? Buffer.alloc(0))
  })
  const text = await scrape()
  const after = seriesOf(text)
  // The runtime (handles, collections) and the key set report results of closed sets as they occur.
  const own = (series: readonly string[]) =>
    series.filter((name) => !/^(nodejs|process|toolstile_jwks)_/.test(name))
  assert.deepEqual(own(after).sort(), own(before).sort())
  assert.ok(after.length < MAX_SERIES, `${after.length} series`)
  assert.doesNotMatch(text, /zq/)
  t.diagnostic(`${after.length} series after ${COUNT} requests, ${upstream.asked.length} passed on`)
})
