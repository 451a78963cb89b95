// No secret in a log, a metric, an error or a dump (law 12, T12, T54, T114, T141, T146, T147): the
// program as a process at LOG_LEVEL=debug, refused for every reason there is, with a secret in every
// place that may hold one, and all that it prints and answers searched for each of them.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { DENIALS } from '../../proxy/denials.ts'
import { type Asked, startHostile, whole } from '../support/hostile.ts'
import { spawnIssuer } from '../support/issuer.ts'
import { legacy } from '../support/wire.ts'
import { leaksIn } from './canaries.ts'
import { open } from './client.ts'
import { callOf, drivesOf, plant, type Secrets, wire } from './drives.ts'
import {
  addresses,
  type Program,
  PUBLIC_URL,
  policyIn,
  readiness,
  run,
  settingsFor,
} from './program.ts'
import { head, talk } from './raw.ts'

const POLICY = `version: 1
tools:
  public: { anyone: true }
  secret: { scopes: ['secret:read'] }
  hidden: { scopes: ['secret:read'], deny: hide }
  challenged: { scopes: ['secret:read'], deny: challenge }
`
const CRASH = new URL('./crash.ts', import.meta.url)

/** What needs a long wait, or very many exchanges at once. */
const NOT_DRIVEN: Readonly<Record<string, string>> = {
  body_too_slow: 'a wait of BODY_TIMEOUT',
  head_too_slow: 'a wait for the head',
  overloaded: 'more exchanges than MAX_INFLIGHT',
  too_many_requests: 'more exchanges than MAX_INFLIGHT_PER_CALLER',
}

async function setUp(t: TestContext, secrets: Secrets, answer: (asked: Asked) => Buffer | 'never') {
  const issuer = await spawnIssuer(['ES256'])
  t.after(issuer.stop)
  const upstream = await startHostile((asked, socket) => {
    const bytes = answer(asked)
    if (bytes !== 'never') socket.write(bytes)
  })
  t.after(() => upstream.stop())
  const { folder, policyFile } = policyIn(t, POLICY)
  const secretFile = (name: string) => {
    const path = join(folder, name)
    writeFileSync(path, secrets.note(name).repeat(2))
    return path
  }
  const settings = {
    ...settingsFor(upstream.url, issuer.url, policyFile),
    LOG_LEVEL: 'debug',
    ALGORITHMS: 'ES256,HS256',
    JWT_SECRET_FILE: secretFile('the JWT secret'),
    SESSION_KEY_FILE: secretFile('the session key'),
    UPSTREAM_TIMEOUT: '500ms',
    MAX_STREAMS_PER_CALLER: '1',
    DRAIN_TIMEOUT: '5s',
  }
  const program = run(t, ['serve'], settings, { preload: CRASH })
  const { url, admin } = await addresses(program)
  await readiness(admin, 200)
  const port = Number(new URL(url).port)
  return { issuer, upstream, program, url, admin, port }
}

async function assertSilent(program: Program, admin: string | undefined, secrets: Secrets) {
  const places: Record<string, string> = { stdout: program.stdout(), stderr: program.stderr() }
  for (const path of admin === undefined ? [] : ['/metrics', '/health', '/ready', '/nothing'])
    places[path] = await (await fetch(admin + path)).text()
  for (const [place, text] of Object.entries(places))
    assert.deepEqual(leaksIn(text, secrets.all), [], place)
}

/** Waits, 10 s at most, until so many exchanges were recorded. */
async function recorded(program: Program, count: number): Promise<readonly string[]> {
  const deadline = Date.now() + 10_000
  for (;;) {
    const rows = program.lines().filter(({ msg }) => msg === 'exchange')
    if (rows.length >= count || Date.now() > deadline)
      return rows.map((row) => String(row['reason']))
    await sleep(10)
  }
}

test('T147 no secret shows in anything printed or answered, for any reason of the table', async (t) => {
  const secrets = plant()
  const inner = secrets.note('the session id of the upstream')
  const fail = secrets.note('an error of the upstream')
  const answer = ({ line, body }: Asked): Buffer | 'never' => {
    if (line.startsWith('GET'))
      return Buffer.from(
        'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n',
      )
    const { id, method, params } = JSON.parse(body.toString())
    const want = params?.arguments?.want
    const json = ['content-type: application/json']
    const error = { jsonrpc: '2.0', id, error: { code: -32603, message: fail, data: { fail } } }
    if (want === 'never') return 'never'
    if (want === 'garbage')
      return Buffer.from(`HTTP/1.1 200 OK\r\nbad header ${fail}\r\n\r\n${fail}`)
    if (want === '500') return whole(JSON.stringify(error), json, `500 ${fail}`)
    if (want === '401')
      return whole(fail, [...json, `www-authenticate: Bearer realm="${fail}"`], '401 Unauthorized')
    if (want === 'text') return whole(fail, ['content-type: text/plain'])
    if (want === 'list')
      return whole(JSON.stringify({ jsonrpc: '2.0', id, result: { tools: [fail] } }))
    if (want === 'error') return whole(JSON.stringify(error), json)
    if (want === 'task')
      return whole(JSON.stringify({ jsonrpc: '2.0', id, result: { task: { taskId: inner } } }))
    if (method === 'tools/list') return whole(`{"jsonrpc":"2.0","id":1,"result":"${fail}"`, json)
    const set = [`set-cookie: a=${fail}`, `server: ${fail}`, `x-debug: ${fail}`]
    const result = { content: [{ type: 'text', text: secrets.note('a result') }] }
    return whole(JSON.stringify({ jsonrpc: '2.0', id, result }), [
      ...json,
      ...set,
      `mcp-session-id: ${inner}`,
    ])
  }
  const { issuer, upstream, program, url, admin, port } = await setUp(t, secrets, answer)
  const own = secrets.note(
    'the token of alice',
    await issuer.mint({ aud: PUBLIC_URL, sub: 'alice' }),
  )
  const asked: string[] = []
  const send = async (reason: string, bytes: Buffer, allowed: readonly string[] = []) => {
    const { replies } = await talk(port, bytes)
    const [reply] = replies.filter(({ status }) => status >= 200)
    assert.ok(reply, reason)
    if (reason !== 'allowed') asked.push(reason)
    const shown = [...reply.headers].flat().join('\n') + reply.body
    const own = new Set(allowed)
    const foreign = secrets.all.filter(({ secret }) => !own.has(secret))
    assert.deepEqual(leaksIn(shown, foreign), [], `${reason}: ${shown}`)
    return reply
  }
  const call = (want: string) =>
    wire(secrets, own, callOf(secrets, 'public', { arguments: { want, x: secrets.note('more') } }))

  // Everything that is allowed: the caller's own results and session are its own.
  const initialize = legacy('initialize', { clientInfo: { name: secrets.note('a client name') } })
  const opened = await talk(port, wire(secrets, own, initialize))
  const sealed = opened.replies[0]?.headers.get('mcp-session-id') ?? ''
  secrets.note('the sealed session id', sealed)
  assert.ok(!JSON.stringify(opened.replies).includes(inner))
  await talk(port, wire(secrets, own, callOf(secrets, 'public'), [['mcp-session-id', sealed]]))
  // T102: a call that is allowed gets the upstream's own error, and nobody else does.
  assert.match((await send('allowed', call('error'), [fail])).body, /-32603/)
  const task = { name: 'public', task: {}, arguments: { want: 'task' } }
  await talk(port, wire(secrets, own, legacy('tools/call', task)))
  asked.push('allowed', 'allowed', 'allowed', 'allowed')

  for (const want of ['garbage', '500', '401', 'text', 'list']) {
    // The list comes out of a stream that has begun: there is no answer to look at.
    if (want === 'list') await talk(port, call(want)).then(() => asked.push('upstream_broken'))
    else await send('upstream_broken', call(want))
  }
  await send('upstream_broken', wire(secrets, own, legacy('tools/list')))
  await send('upstream_slow', call('never'))
  const mallory = secrets.note(
    'the token of mallory',
    await issuer.mint({ aud: PUBLIC_URL, sub: 'mallory' }),
  )
  await send(
    'session_unknown',
    wire(secrets, mallory, legacy('ping'), [['mcp-session-id', sealed]]),
  )
  await send('session_unknown', wire(secrets, own, legacy('ping'), [['mcp-session-id', inner]]))
  await send('task_unknown', wire(secrets, mallory, legacy('tasks/get', { taskId: 'other' })))
  const stream = await open(url, own).head
  await send('too_many_streams', head('GET', own))
  stream.outgoing.destroy()
  asked.push('aborted')
  for (const [reason, bytes] of await drivesOf(secrets, issuer)) await send(reason, bytes)
  await upstream.stop()
  await send('upstream_refused', call('anything'))

  const reasons = await recorded(program, asked.length)
  assert.deepEqual([...reasons].sort(), [...asked].sort())
  await assertSilent(program, admin, secrets)

  // The last one: a fault that nobody catches ends the process, and says nothing of what it holds.
  const fatal = secrets.note('a token that ends the process', `FATAL${'x'.repeat(20)}zq`)
  await talk(port, wire(secrets, fatal, callOf(secrets, 'public'))).catch(() => undefined)
  assert.equal(await program.exited, 70)
  assert.equal(program.stderr(), '')
  const ended = 'a fault that nobody caught; the process ends'
  assert.equal(program.lines().filter(({ msg }) => msg === ended).length, 1)
  await assertSilent(program, undefined, secrets)

  // The two tests below drive these, each in a program of its own.
  const seen = new Set([...reasons, 'keys_unavailable', 'draining'])
  const left = Object.keys(DENIALS).filter((reason) => !seen.has(reason) && !(reason in NOT_DRIVEN))
  assert.deepEqual(left, [], 'reasons that nothing here is refused for')
  t.diagnostic(`${secrets.all.length} secrets, ${asked.length} exchanges, ${seen.size} reasons`)
})

test('T147 a drain tells nothing either', async (t) => {
  const secrets = plant()
  const held = Promise.withResolvers<void>()
  const { issuer, program, admin, port } = await setUp(t, secrets, () => {
    held.resolve()
    return 'never'
  })
  const token = secrets.note('a token', await issuer.mint({ aud: PUBLIC_URL }))
  const socket = connect({ port, host: '127.0.0.1' })
  t.after(() => socket.destroy())
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  // A call under way keeps its connection, and the stream that is asked for behind it comes too late.
  socket.write(wire(secrets, token, callOf(secrets, 'public')))
  await held.promise
  program.child.kill('SIGINT')
  await readiness(admin, 503)
  socket.write(head('GET', token, { 'x-api-key': secrets.note('a key') }))
  assert.equal(await program.exited, 0)
  assert.match(text, /^HTTP\/1\.1 504 .*HTTP\/1\.1 503 .*shutting down/s)
  assert.deepEqual(leaksIn(text, secrets.all), [])
  assert.deepEqual([...(await recorded(program, 2))].sort(), ['draining', 'upstream_slow'])
  await assertSilent(program, undefined, secrets)
})

test('T147 keys that cannot be had tell nothing either', async (t) => {
  const secrets = plant()
  const issuer = await spawnIssuer(['ES256'])
  const token = secrets.note('a token', await issuer.mint({ aud: PUBLIC_URL }))
  await issuer.stop()
  const { policyFile } = policyIn(t, POLICY)
  const settings = settingsFor('http://127.0.0.1:9/mcp', issuer.url, policyFile)
  const program = run(t, ['serve'], { ...settings, LOG_LEVEL: 'debug' })
  const { url, admin } = await addresses(program)
  const bytes = wire(secrets, token, callOf(secrets, 'public'))
  const { replies } = await talk(Number(new URL(url).port), bytes)
  assert.equal(replies[0]?.status, 503)
  assert.deepEqual(leaksIn(JSON.stringify([...(replies[0]?.headers ?? [])]), secrets.all), [])
  assert.equal(replies[0]?.body, '{"error":"signing keys are unavailable"}')
  assert.deepEqual(await recorded(program, 1), ['keys_unavailable'])
  await assertSilent(program, admin, secrets)
})

test('T147 what is refused at the start names no secret', async (t) => {
  const secrets = plant()
  const { policyFile } = policyIn(t, POLICY)
  const settings = settingsFor('http://127.0.0.1:9/mcp', 'https://issuer.example', policyFile)
  const wrong = {
    UPSTREAM_URL: `http://user:${secrets.note('a password')}@127.0.0.1:9/mcp`,
    ISSUER: `https://${secrets.note('a user')}@issuer.example`,
    JWKS_URL: `https://issuer.example/?key=${secrets.note('a key')}#x`,
    JWT_SECRET_FILE: secrets.note('a secret in place of its file'),
    SESSION_KEY_FILE: secrets.note('a key in place of its file'),
  }
  const program = run(t, ['serve'], { ...settings, ...wrong })
  assert.equal(await program.exited, 78)
  for (const name of Object.keys(wrong))
    assert.match(program.stderr(), new RegExp(`^  ${name} `, 'm'))
  await assertSilent(program, undefined, secrets)
})
