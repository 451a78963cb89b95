// A short run of a built proxy, as its users start it: `smoke.ts dist/proxy/main.js` runs `demo` of
// the emitted program, `smoke.ts npm-start` runs `npm start`. Exits 1 with one sentence on a failure.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'

const START_MS = 60_000
const END_MS = 25_000

const [what = ''] = process.argv.slice(2)
const [port, adminPort] = [await freePort(), await freePort()]
const flags = ['--port', String(port), '--admin-port', String(adminPort)]
const [command, args] =
  what === 'npm-start'
    ? ['npm', ['start', '--', ...flags]]
    : [process.execPath, [what, 'demo', ...flags]]

const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
const ended = once(child, 'exit')
let printed = ''
child.stdout.setEncoding('utf8').on('data', (text: string) => {
  printed += text
})
try {
  await within(START_MS, 'the demo did not get ready', ready())
  const url = `http://127.0.0.1:${port}/mcp`
  const token = /^READER=(\S+)$/m.exec(printed)?.[1] ?? fail('no READER token was printed')
  await expectList(url, token)
  await expectStatus(url, {}, 401)
  await expectStatus(`http://127.0.0.1:${adminPort}/ready`, undefined, 200)
  await expectStatus(`http://127.0.0.1:${adminPort}/metrics`, undefined, 200)
  child.kill('SIGTERM')
  const [code] = await within(END_MS, 'SIGTERM did not end it', ended)
  if (code !== 0) fail(`SIGTERM ended it with ${String(code)}, not 0`)
  process.stdout.write(`${what}: lists, refuses, is ready, is measured, ends with 0\n`)
} finally {
  child.kill('SIGKILL')
}

/** Resolves when the demo says it is ready. */
async function ready(): Promise<void> {
  while (!printed.includes('Ready on ')) {
    await Promise.race([once(child.stdout, 'data'), ended.then(() => fail('it ended early'))])
  }
}

async function expectList(url: string, token: string): Promise<void> {
  const answer = await ask(url, { authorization: `Bearer ${token}` })
  const text = await answer.text()
  if (answer.status !== 200 || !text.includes('"get_public_info"'))
    fail(`tools/list answered ${answer.status} ${text.slice(0, 200)}`)
  if (text.includes('get_confidential_info')) fail('tools/list shows what it should hide')
}

async function expectStatus(
  url: string,
  headers: Record<string, string> | undefined,
  status: number,
): Promise<void> {
  const answer = headers === undefined ? await fetch(url) : await ask(url, headers)
  await answer.text()
  if (answer.status !== status) fail(`${url} answered ${answer.status}, not ${status}`)
}

function ask(url: string, headers: Record<string, string>): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
  })
}

async function within<T>(ms: number, complaint: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(complaint)), ms)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}

function fail(complaint: string): never {
  throw new Error(`${what}: ${complaint}`)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port: free } = server.address() as AddressInfo // a TCP server has an AddressInfo
  server.close()
  return free
}
