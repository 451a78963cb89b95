// A short run of `serve` of the emitted program, between an emitted issuer and the emitted server:
// `smoke-serve.ts dist`. Exits 1 with one sentence on a failure.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const START_MS = 30_000
const END_MS = 25_000
const PUBLIC_URL = 'http://127.0.0.1:8080/mcp'

const [dist = 'dist'] = process.argv.slice(2)
const children: ChildProcess[] = []
try {
  const issuer = await firstLine(run('proxy/cli/issuer.js'), 'url')
  const server = await firstLine(
    run('upstream/main.js', '--mode', 'modern', '--port', '0'),
    'listening',
  )
  const settings = ['--upstream-url', server, '--public-url', PUBLIC_URL, '--issuer', issuer]
  const ports = [
    '--host',
    '127.0.0.1',
    '--port',
    '0',
    '--admin-host',
    '127.0.0.1',
    '--admin-port',
    '0',
  ]
  const policy = ['--policy-file', 'policy/policy.yaml']
  const proxy = run('proxy/main.js', 'serve', ...settings, ...ports, ...policy)
  const url = `http://127.0.0.1:${await firstLine(proxy, 'port')}/mcp`
  await expectRefused(url)
  await expectLists(url, issuer)
  const ended = once(proxy, 'exit')
  proxy.kill('SIGTERM')
  const [code] = await within(END_MS, 'SIGTERM did not end it', ended)
  if (code !== 0) fail(`SIGTERM ended it with ${String(code)}, not 0`)
  process.stdout.write('serve: refuses, lists what is allowed, ends with 0\n')
} finally {
  for (const child of children) child.kill('SIGKILL')
}

function run(program: string, ...args: readonly string[]): ChildProcess {
  const path = join(dist, program)
  const child = spawn(process.execPath, [path, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  return child
}

/** The member of the first JSON line on stdout that has it. */
function firstLine(child: ChildProcess, member: string): Promise<string> {
  const { stdout } = child
  if (stdout === null) fail('there is no stdout')
  const found = new Promise<string>((resolve, reject) => {
    createInterface({ input: stdout }).on('line', (line) => {
      const value: unknown = JSON.parse(line)[member]
      if (value !== undefined) resolve(String(value))
    })
    child.once('exit', () => reject(new Error(`it ended before it printed "${member}"`)))
  })
  return within(START_MS, `"${member}" was not printed`, found)
}

async function expectRefused(url: string): Promise<void> {
  const answer = await ask(url, undefined)
  await answer.text()
  const challenge = answer.headers.get('www-authenticate') ?? ''
  if (answer.status !== 401 || !challenge.includes('resource_metadata='))
    fail(`without a token it answered ${answer.status} "${challenge}"`)
}

async function expectLists(url: string, issuer: string): Promise<void> {
  const narrow = await listed(url, await mint(issuer, 'public:read'))
  const wide = await listed(url, await mint(issuer, 'public:read confidential:read'))
  if (!narrow.includes('"get_public_info"') || narrow.includes('get_confidential_info'))
    fail('the list of a narrow token is wrong')
  if (!wide.includes('"get_confidential_info"')) fail('the list of a wide token is wrong')
}

/** The text of a list; keys may still be on their way, which is a 503. */
async function listed(url: string, token: string): Promise<string> {
  const deadline = Date.now() + START_MS
  for (;;) {
    const answer = await ask(url, token)
    const text = await answer.text()
    if (answer.status === 200) return text
    if (answer.status !== 503 || Date.now() > deadline)
      fail(`tools/list answered ${answer.status} ${text.slice(0, 200)}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

async function mint(issuer: string, scope: string): Promise<string> {
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ aud: PUBLIC_URL, scope })
  const answer = await fetch(`${issuer}/token`, { method: 'POST', headers, body })
  return String(((await answer.json()) as { access_token?: string }).access_token)
}

function ask(url: string, token: string | undefined): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
  })
}

function within<T>(ms: number, complaint: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(complaint)), ms)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}

function fail(complaint: string): never {
  throw new Error(`smoke-serve: ${complaint}`)
}
