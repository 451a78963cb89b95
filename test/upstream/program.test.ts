// The demo program as a process: what it prints, where it listens and how it ends.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startUpstream } from '../../upstream/server.ts'
import { connect2 } from './clients.ts'

const main = fileURLToPath(new URL('../../upstream/main.ts', import.meta.url))

function launch(t: TestContext, ...args: string[]) {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  t.after(() => child.kill('SIGKILL'))
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve))
  const problem = text(child.stderr)
  const listening = async (): Promise<string> => {
    for await (const chunk of child.stdout) return JSON.parse(String(chunk)).listening
    throw new Error(await problem)
  }
  return { child, ended, problem, listening }
}

async function temporary(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'upstream-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  return directory
}

test('the program serves on the port it prints and ends with 0 on SIGTERM', async (t) => {
  const { child, ended, listening } = launch(t, '--mode', 'modern', '--port', '0')
  const url = await listening()
  assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/mcp$/)
  const peer = await connect2(url)
  t.after(() => peer.close())
  assert.equal((await peer.call('echo', { text: 'hello' })).text, 'hello')
  const counting = peer.call('count_slowly', { steps: 100 }, []).catch(() => 'aborted')
  child.kill('SIGTERM')
  assert.equal(await ended, 0)
  assert.equal(await counting, 'aborted')
})

test('a Unix socket is served, and a dead one is taken over', async (t) => {
  const socket = join(await temporary(t), 'mcp.sock')
  const first = launch(t, '--mode', 'stateless', '--socket', socket)
  assert.equal(await first.listening(), `unix:${socket}:/mcp`)
  first.child.kill('SIGKILL')
  await first.ended
  const second = launch(t, '--mode', 'stateless', '--socket', socket)
  assert.equal(await second.listening(), `unix:${socket}:/mcp`)

  const answer = await new Promise<string>((resolve, reject) => {
    const outgoing = request({
      socketPath: socket,
      path: '/mcp',
      method: 'POST',
      headers: {
        host: 'mcp',
        accept: 'application/json, text/event-stream',
        'content-type': 'application/json',
      },
    })
    outgoing.on('response', (response) => resolve(text(response)))
    outgoing.on('error', reject)
    outgoing.end('{"jsonrpc":"2.0","id":1,"method":"prompts/list"}')
  })
  assert.match(answer, /"summarize_document"/)

  const third = launch(t, '--mode', 'stateless', '--socket', socket)
  assert.equal(await third.ended, 1)
  assert.equal(await third.problem, `The socket ${socket} is already in use\n`)
})

test('a port in use is one sentence and exit code 1', async (t) => {
  const taken = await startUpstream({ mode: 'stateless', port: 0 })
  t.after(() => taken.close())
  const { port } = new URL(taken.url)
  const { ended, problem } = launch(t, '--mode', 'stateless', '--port', port)
  assert.equal(await ended, 1)
  assert.equal(await problem, `Port ${port} on 127.0.0.1 is already in use\n`)
})

const wrong: readonly [string[], RegExp][] = [
  [[], /^--mode must be sessions, stateless or modern\n$/],
  [['--mode', 'modern', '--host', '0.0.0.0'], /^--host must be a loopback address\n$/],
  [['--mode', 'modern', '--port', '70000'], /^--port must be a number from 0 to 65535\n$/],
  [['--mode', 'modern', '--color'], /^Unknown option '--color'\n$/],
]

for (const [args, sentence] of wrong) {
  test(`the arguments "${args.join(' ')}" are refused with exit code 78`, async (t) => {
    const { ended, problem } = launch(t, ...args)
    assert.equal(await ended, 78)
    assert.match(await problem, sentence)
  })
}

test('only /mcp exists, and only under a local name', async (t) => {
  const upstream = await startUpstream({ mode: 'stateless', port: 0 })
  t.after(() => upstream.close())
  const { origin, port } = new URL(upstream.url)
  assert.equal((await fetch(`${origin}/`)).status, 404)
  assert.equal((await fetch(`${origin}/mcp/x`)).status, 404)
  assert.equal((await fetch(`${origin}/mcp`)).status, 405)
  const status = await new Promise((resolve, reject) => {
    const headers = { host: 'evil.example' }
    const outgoing = request({ host: '127.0.0.1', port, path: '/mcp', headers })
    outgoing.on('response', (response) => resolve(response.resume().statusCode))
    outgoing.on('error', reject)
    outgoing.end()
  })
  assert.equal(status, 403)
})
