// The program as its users run it: a child process with settings in its environment, a policy file in
// a folder of its own, and everything it prints.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../proxy/main.ts', import.meta.url))
/** What the first line of the program asks of Node. */
const NODE_FLAGS = readFileSync(MAIN, 'utf8').split('\n', 1).join().match(/--\S+/g) ?? []
export const PUBLIC_URL = 'http://127.0.0.1:8080/mcp'
export const POLICY = `version: 1
tools:
  public: { anyone: true }
  secret: { scopes: ['secret:read'], roles: [admin] }
`

/** A running command. */
export type Program = {
  readonly child: ChildProcess
  readonly pid: number
  stdout(): string
  stderr(): string
  /** The log lines so far. */
  lines(): readonly Record<string, unknown>[]
  /** The first log line with this `msg`, now or later. */
  line(msg: string): Promise<Record<string, unknown>>
  /** The exit code; null when a signal ended it. */
  readonly exited: Promise<number | null>
}

/** How it is started, where that differs from the usual. */
export type Launch = {
  /** A module loaded before the program; it hears what is sent to the child. */
  readonly preload?: URL
  /** `ulimit -n`, soft and hard: Node raises the soft limit to the hard one. */
  readonly maxFiles?: number
}

/** Runs `toolstile ...args`; only the settings given exist. */
export function run(
  t: TestContext,
  args: readonly string[],
  settings: Readonly<Record<string, string>>,
  { preload, maxFiles }: Launch = {},
): Program {
  const env: Record<string, string> = { PATH: process.env['PATH'] ?? '' }
  for (const [name, value] of Object.entries(settings)) env[`TOOLSTILE_${name}`] = value
  const command = [
    ...(maxFiles === undefined ? [] : ['sh', '-c', `ulimit -n ${maxFiles} && exec "$0" "$@"`]),
    process.execPath,
    ...NODE_FLAGS,
    ...(preload === undefined ? [] : ['--import', preload.href]),
    MAIN,
    ...args,
  ]
  const child = spawn(command[0] ?? '', command.slice(1), {
    env,
    stdio: ['ignore', 'pipe', 'pipe', ...(preload === undefined ? [] : ['ipc' as const])],
  })
  t.after(() => child.kill('SIGKILL'))
  let stdout = ''
  let stderr = ''
  const lines: Record<string, unknown>[] = []
  const waiting = new Set<() => void>()
  child.stderr?.on('data', (chunk) => {
    stderr += chunk
  })
  const out = child.stdout
  assert.ok(out)
  createInterface({ input: out }).on('line', (line) => {
    stdout += `${line}\n`
    if (line.startsWith('{"')) lines.push(JSON.parse(line))
    for (const look of waiting) look()
  })
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve))
  const line = (msg: string) =>
    new Promise<Record<string, unknown>>((resolve, reject) => {
      const look = () => {
        const found = lines.find((entry) => entry['msg'] === msg)
        if (found === undefined) return
        waiting.delete(look)
        resolve(found)
      }
      waiting.add(look)
      void exited.then((code) => reject(new Error(`exit ${code} before "${msg}": ${stderr}`)))
      look()
    })
  return {
    child,
    pid: child.pid ?? 0,
    stdout: () => stdout,
    stderr: () => stderr,
    lines: () => lines,
    line,
    exited,
  }
}

/** A folder with a policy file, removed after the test. */
export function policyIn(t: TestContext, text = POLICY): { folder: string; policyFile: string } {
  const folder = mkdtempSync(join(tmpdir(), 'toolstile-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const policyFile = join(folder, 'policy.yaml')
  writeFileSync(policyFile, text)
  return { folder, policyFile }
}

/** Settings of a proxy on free ports. */
export function settingsFor(upstream: string, issuer: string, policyFile: string) {
  return {
    UPSTREAM_URL: upstream,
    PUBLIC_URL,
    HOST: '127.0.0.1',
    PORT: '0',
    ADMIN_HOST: '127.0.0.1',
    ADMIN_PORT: '0',
    ISSUER: issuer,
    POLICY_FILE: policyFile,
  }
}

/** Where a program that is up listens. */
export async function addresses(program: Program): Promise<{ url: string; admin: string }> {
  const { port, admin_port } = await program.line('up')
  return { url: `http://127.0.0.1:${port}/mcp`, admin: `http://127.0.0.1:${admin_port}` }
}

/** Waits, 10 s at most, until `/ready` answers with this status. */
export async function readiness(admin: string, status: number): Promise<void> {
  const deadline = Date.now() + 10_000
  for (;;) {
    const answer = await fetch(`${admin}/ready`)
    const text = await answer.text()
    if (answer.status === status) return
    if (Date.now() > deadline) throw new Error(`/ready says ${answer.status} ${text}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
