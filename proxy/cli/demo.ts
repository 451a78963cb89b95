// `npm start`: the main job on embedded defaults. A plain server as a process of its own, a demo
// issuer, the proxy, and four real requests through it. It must never print a stack trace.

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, extname, join, relative } from 'node:path'
import { createInterface } from 'node:readline'
import { openLog } from '../observe/log.ts'
import { loadPolicy } from '../policy/source.ts'
import { type Running, start } from '../start.ts'
import { configure, type Environment, readFlags, reportProblems } from './flags.ts'
import { type Issuer, startIssuer } from './issuer.ts'
import { startFailure } from './serve.ts'
import { pasteLines, showRequests, type Tokens } from './show.ts'

const DAY_S = 24 * 3_600
const DRAIN_MS = 0

/** Runs the demo until a signal ends it; resolves with the exit code. */
export async function demo(
  args: readonly string[],
  environment: Environment,
  version: string,
): Promise<number> {
  const print = (line: string) => void process.stdout.write(`${line}\n`)
  const stops: (() => Promise<unknown> | unknown)[] = []
  try {
    const issuer = await startIssuer()
    stops.push(() => issuer.close())
    const server = await startServer()
    stops.push(() => server.child.kill('SIGTERM'))
    const proxy = await startProxy(args, environment, version, issuer.url, server.url)
    if (typeof proxy === 'number') return proxy
    stops.push(() => proxy.running.stop(DRAIN_MS))
    const tokens = await mintTokens(issuer, proxy.url)
    introduce(print, server.url, issuer.url, proxy)
    await showRequests(proxy.url, tokens, print)
    pasteLines(proxy.url, tokens, print)
    print(`\nReady on ${proxy.url}. Edit ${proxy.policyFile} and watch the lists change.`)
    print('Ctrl-C ends it.')
    return await untilEnd(server.child, print)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    return 1
  } finally {
    await Promise.allSettled(stops.reverse().map((stop) => stop()))
  }
}

type Started = {
  readonly running: Running
  readonly url: string
  readonly policyFile: string
}

/** Starts the proxy on the defaults of the demo; any setting can be given as a flag. */
async function startProxy(
  args: readonly string[],
  environment: Environment,
  version: string,
  issuer: string,
  upstream: string,
): Promise<Started | number> {
  const flags = readFlags(args)
  const port = flags.values.get('PORT') ?? environment['TOOLSTILE_PORT'] ?? '8080'
  const defaults = new Map([
    ['HOST', '127.0.0.1'],
    ['ADMIN_HOST', '127.0.0.1'],
    ['UPSTREAM_URL', upstream],
    ['PUBLIC_URL', `http://127.0.0.1:${port}/mcp`],
    ['ISSUER', issuer],
    ['POLICY_FILE', join(root(), 'policy', 'policy.yaml')],
    ['LOG_LEVEL', 'warn'],
  ])
  const stderr = (line: string) => void process.stderr.write(`${line}\n`)
  const config = configure(flags, environment, defaults)
  if ('problems' in config) return reportProblems(config.problems, stderr)
  const loaded = loadPolicy(config.policyFile, config.deny)
  if ('problems' in loaded) return reportProblems(loaded.problems, stderr)
  try {
    const running = await start(config, loaded.policy, openLog(config.logLevel), version)
    return {
      running,
      url: config.publicUrl.href,
      policyFile: relative(process.cwd(), config.policyFile),
    }
  } catch (error) {
    stderr(`${startFailure(error, config)}; choose others with --port and --admin-port`)
    return 1
  }
}

function mintTokens(issuer: Issuer, aud: string): Promise<Tokens> {
  const mint = (sub: string, claims: object) =>
    issuer.mint({ sub, aud, ...claims }, { expiresIn: DAY_S })
  return Promise.all([
    mint('reader', { scope: 'public:read' }),
    mint('partner', { scope: 'public:read confidential:read' }),
    mint('admin', { roles: ['admin'] }),
  ]).then(([reader, partner, admin]) => ({ reader, partner, admin }))
}

function introduce(
  print: (line: string) => void,
  server: string,
  issuer: string,
  proxy: Started,
): void {
  print('toolstile demo\n')
  print(`  server   ${server}   a plain MCP server: it knows nothing of tokens`)
  print(`  issuer   ${issuer}       signs the demo tokens`)
  print(`  proxy    ${proxy.url}    what clients connect to`)
  print(`  metrics  http://127.0.0.1:${proxy.running.adminPort}/metrics`)
}

type Server = { readonly url: string; readonly child: ChildProcess }

/** The demo upstream in its own process, on a free port of 127.0.0.1. */
function startServer(): Promise<Server> {
  // The sources run as .ts, the emitted files as .js.
  const program = join(
    import.meta.dirname,
    '..',
    '..',
    'upstream',
    `main${extname(import.meta.filename)}`,
  )
  const child = spawn(process.execPath, [program, '--mode', 'modern', '--port', '0'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let complaint = ''
  child.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString('utf8')).slice(0, 2_000)
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', () => {
      const why = /Cannot find package/.test(complaint)
        ? 'its SDK is not installed; run npm ci without --omit=optional'
        : (complaint.split('\n')[0] ?? '')
      reject(new Error(`the demo server did not start: ${why}`))
    })
    createInterface({ input: child.stdout }).once('line', (line) => {
      resolve({ url: String(JSON.parse(line).listening), child })
    })
  })
}

function root(): string {
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder))
    if (existsSync(join(folder, 'policy', 'policy.yaml'))) return folder
  return process.cwd()
}

/** A Ctrl-C reaches the server as well, so its end is an event only when no signal came first. */
function untilEnd(server: ChildProcess, print: (line: string) => void): Promise<number> {
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined
    const end = () => {
      server.removeListener('exit', ended)
      clearTimeout(timer)
      resolve(0)
    }
    process.once('SIGINT', end).once('SIGTERM', end)
    const ended = () => {
      timer = setTimeout(() => {
        print('the demo server ended')
        resolve(1)
      }, 200)
    }
    server.once('exit', ended)
  })
}
