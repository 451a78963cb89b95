// The program as a process (T135, T136, T158; contract sections 1, 2 and 8): what it prints, how it
// ends, and what it does while its upstream is away.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as later } from 'node:timers/promises'
import { type Script, startHostile, whole } from '../support/hostile.ts'
import { type IssuerProcess, spawnIssuer } from '../support/issuer.ts'
import { call, open } from './client.ts'
import { addresses, POLICY, PUBLIC_URL, policyIn, readiness, run, settingsFor } from './program.ts'

const UPSTREAM = 'http://127.0.0.1:9/mcp'
const ANSWER = whole('{"jsonrpc":"2.0","id":1,"result":{}}')

async function issuerFor(t: TestContext): Promise<IssuerProcess> {
  const issuer = await spawnIssuer()
  t.after(issuer.stop)
  return issuer
}

test('wrong settings are all printed at once, and the exit code is 78 (T158)', async (t) => {
  const program = run(t, ['serve', '--no-such-flag', 'x'], {
    UPSTREAM_URL: 'ftp://x',
    PUBLIC_URL: 'not a url',
    PORT: '99999999',
    ISSUER: 'http://issuer.example',
    ALGORITHMS: 'none',
    CLOCK_SKEW: '5 minutes',
    MAX_BODY: 'big',
    AUTH_DISABLED: 'true',
    JWT_SECRET_FILE: '/nonexistent',
  })
  assert.equal(await program.exited, 78)
  const printed = program.stderr()
  for (const name of [
    'UPSTREAM_URL',
    'PUBLIC_URL',
    'PORT',
    'ISSUER',
    'ALGORITHMS',
    'CLOCK_SKEW',
    'MAX_BODY',
    'TOOLSTILE_AUTH_DISABLED',
    'JWT_SECRET_FILE',
    'POLICY_FILE is required',
    '--no-such-flag',
  ])
    assert.ok(printed.includes(name), `${name} is not in ${printed}`)
  assert.doesNotMatch(printed, /at .*\.ts:\d/)
})

test('an unknown TOOLSTILE_ name is an error', async (t) => {
  const { policyFile } = policyIn(t)
  const settings = settingsFor(UPSTREAM, 'https://issuer.example', policyFile)
  const program = run(t, ['serve'], { ...settings, X: '1' })
  assert.equal(await program.exited, 78)
  assert.match(program.stderr(), /TOOLSTILE_X is not a setting/)
})

test('a policy that is empty or broken is refused with 78 (T86)', async (t) => {
  for (const text of [
    '',
    'version: 1\n',
    'version: 2\ntools: {}\n',
    'tools: [',
    `${POLICY}x: 1\n`,
  ]) {
    const { policyFile } = policyIn(t, text)
    const program = run(t, ['serve'], settingsFor(UPSTREAM, 'https://issuer.example', policyFile))
    assert.equal(await program.exited, 78, JSON.stringify(text))
    assert.match(program.stderr(), /POLICY_FILE/)
  }
})

test('a port in use is one sentence', async (t) => {
  const taken = createServer()
  await once(taken.listen(0, '127.0.0.1'), 'listening')
  t.after(() => taken.close())
  const { port } = taken.address() as AddressInfo
  const { policyFile } = policyIn(t)
  for (const name of ['PORT', 'ADMIN_PORT']) {
    const settings = settingsFor(UPSTREAM, 'https://issuer.example', policyFile)
    const program = run(t, ['serve'], { ...settings, [name]: String(port) })
    assert.equal(await program.exited, 1)
    assert.equal(program.stderr(), `port ${port} is in use by another program\n`)
  }
})

/** A call under way through a program of its own. */
async function calling(t: TestContext, drainTimeout: string, script: Script) {
  const issuer = await issuerFor(t)
  const asked = Promise.withResolvers<void>()
  const upstream = await startHostile((request, socket) => {
    asked.resolve()
    return script(request, socket)
  })
  t.after(() => upstream.stop())
  const { policyFile } = policyIn(t)
  const settings = settingsFor(upstream.url, issuer.url, policyFile)
  const program = run(t, ['serve'], { ...settings, DRAIN_TIMEOUT: drainTimeout })
  const { url, admin } = await addresses(program)
  await readiness(admin, 200)
  const { head } = open(url, await issuer.mint({ aud: PUBLIC_URL }), call())
  await asked.promise
  return { program, admin, head }
}

test('SIGTERM lets a call finish and exits 0 within the budget (T135)', async (t) => {
  const release = Promise.withResolvers<void>()
  const { program, admin, head } = await calling(t, '4s', async (_, socket) => {
    await release.promise
    socket.write(ANSWER)
  })
  const begun = performance.now()
  program.child.kill('SIGTERM')
  await program.line('draining')
  await readiness(admin, 503)
  release.resolve()
  const answer = await head
  assert.equal(await answer.ended, true)
  assert.equal(answer.status, 200)
  assert.equal(await program.exited, 0)
  const took = performance.now() - begun
  t.diagnostic(`SIGTERM to exit ${Math.round(took)} ms`)
  assert.ok(took < 4_000, `${took} ms`)
})

test('SIGTERM ends a call that never ends, within the budget', async (t) => {
  const { program, head } = await calling(t, '1s', () => undefined)
  const begun = performance.now()
  program.child.kill('SIGTERM')
  await assert.rejects(head)
  assert.equal(await program.exited, 0)
  assert.ok(performance.now() - begun < 2_000)
  assert.equal(program.lines().filter(({ msg }) => msg === 'exchange').length, 1)
})

test('SIGHUP reloads the policy, and a bad file keeps the last good one (T86)', async (t) => {
  const issuer = await issuerFor(t)
  const upstream = await startHostile((_, socket) => void socket.write(ANSWER))
  t.after(() => upstream.stop())
  const { policyFile } = policyIn(t)
  const program = run(t, ['serve'], settingsFor(upstream.url, issuer.url, policyFile))
  const { url, admin } = await addresses(program)
  await readiness(admin, 200)
  const token = await issuer.mint({ aud: PUBLIC_URL })
  const ask = async () => {
    const answer = await open(url, token, call()).head
    await answer.ended
    return answer.text()
  }
  assert.match(await ask(), /result/)
  writeFileSync(policyFile, 'tools: [')
  program.child.kill('SIGHUP')
  await program.line('the policy file is bad; the last good one stays')
  assert.match(await ask(), /result/)
  writeFileSync(policyFile, POLICY.replace('anyone: true', "scopes: ['other']"))
  program.child.kill('SIGHUP')
  await program.line('the policy was reloaded')
  assert.match(await ask(), /-31403/)
})

test('an upstream that is down at the start is waited for, never passed by (T136)', async (t) => {
  const issuer = await issuerFor(t)
  const gone = createServer()
  await once(gone.listen(0, '127.0.0.1'), 'listening')
  const { port } = gone.address() as AddressInfo
  gone.close()
  await once(gone, 'close')
  const { policyFile } = policyIn(t)
  const upstream = `http://127.0.0.1:${port}/mcp`
  const program = run(t, ['serve'], settingsFor(upstream, issuer.url, policyFile))
  const { url, admin } = await addresses(program)
  assert.equal((await fetch(`${admin}/health`)).status, 200)
  await readiness(admin, 503)
  const token = await issuer.mint({ aud: PUBLIC_URL })
  // Not before the keys are there: until then it is 503.
  let status = 0
  while (status !== 502) {
    const answer = await open(url, token, call()).head
    await answer.ended
    status = answer.status
    assert.ok(status === 502 || status === 503, `${status}`)
  }
  const answers = createServer((socket) => {
    socket.once('data', () => socket.write(ANSWER))
    socket.on('error', () => undefined)
  })
  await once(answers.listen(port, '127.0.0.1'), 'listening')
  t.after(() => answers.close())
  await readiness(admin, 200)
  const answer = await open(url, token, call()).head
  await answer.ended
  assert.equal(answer.status, 200)
})

test('check prints every problem, or one good line', async (t) => {
  const { policyFile } = policyIn(t)
  const settings = settingsFor(UPSTREAM, 'https://issuer.example', policyFile)
  const good = run(t, ['check'], settings)
  assert.equal(await good.exited, 0)
  assert.match(good.stdout(), /settings and policy are good \(policy version [0-9a-f]{12}\)/)
  const { policyFile: bad } = policyIn(t, 'version: 1\ntools: { a: { scope: x } }\n')
  const wrong = run(t, ['check'], { ...settings, PORT: 'x', POLICY_FILE: bad })
  assert.equal(await wrong.exited, 78)
  assert.match(wrong.stdout(), /PORT "x"/)
  assert.match(wrong.stdout(), /POLICY_FILE .*unknown key "scope"/)
})

test('explain tells who may do what, and by which rule', async (t) => {
  const issuer = await issuerFor(t)
  const { folder, policyFile } = policyIn(t)
  const tokenFile = join(folder, 'token')
  writeFileSync(tokenFile, `${await issuer.mint({ aud: PUBLIC_URL, roles: ['guest'] })}\n`)
  const settings = settingsFor(UPSTREAM, issuer.url, policyFile)
  const explain = async (...args: string[]) => {
    const program = run(t, ['explain', '--token-file', tokenFile, ...args], settings)
    return { code: await program.exited, text: program.stdout() }
  }
  const nothing = { scopes: [], roles: [] }
  const lacks = { scopes: ['secret:read'], roles: ['admin'] }
  const cases = [
    ['public', 0, true, 'tools.public', nothing],
    ['secret', 1, false, 'tools.secret', lacks],
    ['no_such_tool', 1, false, 'default', nothing],
  ] as const
  for (const [tool, code, allow, rule, missing] of cases) {
    const told = await explain('--tool', tool)
    assert.equal(told.code, code, told.text)
    const { reason, policy_version, ...rest } = JSON.parse(told.text)
    assert.deepEqual(rest, { allow, rule, engine: 'table', missing })
    assert.equal(typeof reason, 'string')
    assert.match(policy_version, /^[0-9a-f]{12}$/)
  }
  const all = await explain()
  assert.equal(all.code, 0)
  assert.match(all.text, /allowed +tool +public/)
  assert.match(all.text, /denied +tool +secret +lacks scope secret:read, role admin/)
  writeFileSync(tokenFile, 'not a token')
  assert.equal((await explain('--tool', 'public')).code, 1)
  const wrong = run(t, ['explain', '--token-file', tokenFile], { ...settings, PORT: 'x' })
  assert.equal(await wrong.exited, 78)
})

/** Connections that the system holds for a listener until it accepts them (proc(5), net/tcp). */
function inLine(port: number): number {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const rows = readFileSync('/proc/net/tcp', 'utf8').split('\n')
  const listener = rows.map((row) => row.trim().split(/\s+/)).find((row) => row[1] === local)
  return Number.parseInt(listener?.[4]?.split(':')[1] ?? '0', 16)
}

test('T122 two thousand that come while the process is busy wait in line, and none must come again', async (t) => {
  const { policyFile } = policyIn(t)
  const settings = settingsFor(UPSTREAM, 'https://issuer.example', policyFile)
  const program = run(t, ['serve'], { ...settings, MAX_CONNECTIONS: '4000' })
  const { port } = await program.line('up')
  program.child.kill('SIGSTOP')
  const sockets = Array.from({ length: 2_000 }, () => connect(Number(port), '127.0.0.1'))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
  })
  const deadline = Date.now() + 10_000
  while (inLine(Number(port)) < 2_000) {
    assert.ok(Date.now() < deadline, `${inLine(Number(port))} in line`)
    await later(20)
  }
  program.child.kill('SIGCONT')
  const answers = sockets.map(async (socket) => {
    socket.write('GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n')
    const [bytes] = await once(socket, 'data')
    return String(bytes).slice(0, 15)
  })
  assert.deepEqual([...new Set(await Promise.all(answers))], ['HTTP/1.1 200 OK'])
})
