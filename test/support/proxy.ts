// A real proxy in this process, in front of a given upstream, with tokens of a real issuer process.

import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { stringify } from 'yaml'
import type { Claims, MintOptions } from '../../proxy/cli/issuer.ts'
import { SETTINGS } from '../../proxy/config.ts'
import { parseConfig } from '../../proxy/configure.ts'
import { openLog } from '../../proxy/observe/log.ts'
import { loadPolicy } from '../../proxy/policy/source.ts'
import { type Running, start } from '../../proxy/start.ts'
import { type IssuerProcess, spawnIssuer } from './issuer.ts'

/** What a test may set; everything else has its default. */
export type ProxyOptions = {
  /** URL of the upstream, or `unix:/path:/mcp`. */
  readonly upstream: string
  readonly policy: object
  readonly allowedOrigins?: readonly string[]
  readonly allowedHosts?: readonly string[]
  /** Any further setting by NAME. */
  readonly settings?: Readonly<Record<string, string>>
  /** Shared with another proxy; else one is started and stopped here. */
  readonly issuer?: IssuerProcess
}

/** A running proxy and what a test asks of it. */
export type TestProxy = {
  readonly url: string
  readonly port: number
  readonly adminUrl: string
  readonly audience: string
  readonly issuer: IssuerProcess
  readonly policyFile: string
  readonly running: Running
  token(claims?: Claims, options?: MintOptions): Promise<string>
  /** The exchange lines logged so far. */
  records(): readonly Record<string, unknown>[]
  /** The same, once there are at least `count`; a line is written after its answer. */
  recorded(count: number): Promise<readonly Record<string, unknown>[]>
  /** The exchange lines since the last call. */
  news(): readonly Record<string, unknown>[]
  /** Everything logged so far. */
  logged(): string
  stop(): Promise<void>
}

/** Starts a proxy on a free port and waits until its keys are loaded. */
export async function startProxy(options: ProxyOptions): Promise<TestProxy> {
  const issuer = options.issuer ?? (await spawnIssuer())
  try {
    return await startWith(issuer, options)
  } catch (error) {
    // A test whose proxy does not start must not wait for an issuer that nobody stops.
    if (options.issuer === undefined) await issuer.stop()
    throw error
  }
}

async function startWith(issuer: IssuerProcess, options: ProxyOptions): Promise<TestProxy> {
  const folder = mkdtempSync(join(tmpdir(), 'toolstile-'))
  const policyFile = join(folder, 'policy.yaml')
  // Rules that are one object in a test are written out: a policy may hold 100 aliases at most.
  writeFileSync(policyFile, stringify(options.policy, { aliasDuplicateObjects: false }))
  const audience = 'http://127.0.0.1:8080/mcp'
  const settings: Record<string, string> = {
    UPSTREAM_URL: options.upstream,
    PUBLIC_URL: audience,
    HOST: '127.0.0.1',
    PORT: '0',
    ADMIN_HOST: '127.0.0.1',
    ADMIN_PORT: '0',
    ISSUER: issuer.url,
    POLICY_FILE: policyFile,
    ALLOWED_ORIGINS: (options.allowedOrigins ?? []).join(','),
    ALLOWED_HOSTS: (options.allowedHosts ?? []).join(','),
    DRAIN_TIMEOUT: '2s',
    ...options.settings,
  }
  const names: ReadonlySet<string> = new Set(Object.values(SETTINGS).map(({ name }) => name))
  const strange = Object.keys(settings).filter((name) => !names.has(name))
  const config = parseConfig({
    lookup: (name) => settings[name],
    readFile: (path) => readFileSync(path),
  })
  if ('problems' in config || strange.length > 0)
    throw new Error([...('problems' in config ? config.problems : []), ...strange].join('; '))
  const loaded = loadPolicy(policyFile, config.deny)
  if ('problems' in loaded) throw new Error(loaded.problems.join('; '))
  const logFile = join(folder, 'log')
  const fd = openSync(logFile, 'a')
  const log = openLog(config.logLevel, { fd, sync: true })
  const running = await start(config, loaded.policy, log, 'test')
  await keysLoaded(running)
  const tail = tailOf(logFile)
  const logged = () => {
    log.flush()
    return readFileSync(logFile, 'utf8')
  }
  const records = () => exchanges(logged())
  return {
    url: `http://127.0.0.1:${running.port}/mcp`,
    port: running.port,
    adminUrl: `http://127.0.0.1:${running.adminPort}`,
    audience,
    issuer,
    policyFile,
    running,
    token: (claims = {}, mint = {}) => issuer.mint({ aud: audience, ...claims }, mint),
    logged,
    records,
    news: () => {
      log.flush()
      return exchanges(tail())
    },
    recorded: async (count) => {
      const deadline = Date.now() + 10_000
      for (let lines = records(); ; lines = records()) {
        if (lines.length >= count) return lines
        if (Date.now() > deadline) throw new Error(`${lines.length} records of ${count}`)
        await turn()
      }
    },
    stop: async () => {
      await running.stop(0)
      if (options.issuer === undefined) await issuer.stop()
      // The descriptor stays open until the process ends: a write of the log may still be under way
      // in the thread pool, and would fail, or hit whatever has the same number next.
      log.flush()
      rmSync(folder, { recursive: true })
    },
  }
}

function exchanges(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
    .filter((line) => line.msg === 'exchange')
}

/** Reads what was added to a file since the last time, up to its last whole line. */
function tailOf(file: string): () => string {
  let offset = 0
  return () => {
    const fd = openSync(file, 'r')
    try {
      const parts: Buffer[] = []
      for (let at = offset; ; ) {
        const part = Buffer.alloc(1_048_576)
        const count = readSync(fd, part, 0, part.length, at)
        if (count === 0) break
        parts.push(part.subarray(0, count))
        at += count
      }
      const text = Buffer.concat(parts)
      const end = text.lastIndexOf('\n') + 1
      offset += end
      return text.toString('utf8', 0, end)
    } finally {
      closeSync(fd)
    }
  }
}

async function keysLoaded(running: Running): Promise<void> {
  const deadline = Date.now() + 5_000
  while ((await running.unready()).includes('signing keys')) {
    if (Date.now() > deadline) throw new Error('the keys of the issuer were not loaded')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
