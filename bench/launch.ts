// Programs in processes of their own, each pinned to a core: started, found listening, ended with
// the bench, whatever becomes of it. Nothing that the bench did not start is ever touched.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

/** How one program is started. */
export type Program = {
  readonly command: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** The port on which it shows that it is up. */
  readonly port: number
}

/** A running program. */
export type Started = { readonly pid: number; stop(): Promise<void> }

const READY_MS = 15_000
const alive = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => process.exit(128 + (signal === 'SIGINT' ? 2 : 15)))

/** Starts a program on a core, its output in `<log>.out` and `<log>.err`; resolves when it listens. */
export async function startProgram(program: Program, core: number, log: string): Promise<Started> {
  const { command, env, port } = program
  const child = spawn('taskset', ['-c', String(core), ...command], {
    env: { ...cleanEnvironment(), ...env },
    stdio: ['ignore', openSync(`${log}.out`, 'w'), openSync(`${log}.err`, 'w')],
  })
  alive.add(child)
  const exited = once(child, 'exit').then(() => alive.delete(child))
  const stop = async () => {
    child.kill('SIGKILL')
    await exited
  }
  const deadline = performance.now() + READY_MS
  while (!(await listens(port))) {
    if (!alive.has(child) || performance.now() > deadline) {
      await stop()
      throw new Error(`${command.join(' ')} does not listen: ${readFileSync(`${log}.err`, 'utf8')}`)
    }
    await pause(2)
  }
  return { pid: child.pid ?? 0, stop }
}

/** Moves running processes, all their threads, to a core. */
export function pin(pids: readonly number[], core: number): void {
  for (const pid of pids)
    execFileSync('taskset', ['-a', '-c', '-p', String(core), String(pid)], { stdio: 'ignore' })
}

/** The cores this process may use, lowest first. */
export function usableCores(): readonly number[] {
  const line = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
  return (line ?? '0').split(',').flatMap((part) => {
    const [from = 0, to = from] = part.split('-').map(Number)
    return Array.from({ length: to - from + 1 }, (_, i) => from + i)
  })
}

/** A port of 127.0.0.1 that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port could be had')
  return address.port
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const end = (open: boolean) => () => {
      socket.destroy()
      resolve(open)
    }
    socket.once('connect', end(true)).once('error', end(false))
  })
}

/** Settings of whoever runs the bench must not reach what is measured. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(TOOLSTILE_|NODE_OPTIONS|npm_)/.test(name)),
  )
}
