// A program of the tests in a process of its own: it is told and it tells by JSON lines, and it ends
// with the process that started it.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** Where clean-up is registered: a test, or whatever stands for one. */
export type CleanUp = { after(run: () => unknown): void }

/** A running program. */
export type Child = {
  readonly pid: number
  tell(message: object): void
  /** The next line it prints; rejects when it ends instead. */
  next(): Promise<unknown>
  /** Calls `hear` with every further line; not to be mixed with `next`. */
  hear(hear: (line: unknown) => void): void
  kill(signal: NodeJS.Signals): void
  readonly exited: Promise<unknown>
}

/** Starts a program by the URL of its file. */
export function spawnChild(t: CleanUp, file: URL, args: readonly string[] = []): Child {
  const child = spawn(process.execPath, [fileURLToPath(file), ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  t.after(async () => {
    child.kill('SIGKILL')
    await exited
  })
  child.stdin.on('error', () => undefined)
  const lines = createInterface({ input: child.stdout })
  const iterator = lines[Symbol.asyncIterator]()
  return {
    pid: child.pid ?? 0,
    tell: (message) => void child.stdin.write(`${JSON.stringify(message)}\n`),
    next: async () => {
      const { value, done } = await iterator.next()
      if (done === true) throw new Error(`${file.pathname} ended`)
      return JSON.parse(value)
    },
    hear: (hear) => void lines.on('line', (line) => hear(JSON.parse(line))),
    kill: (signal) => void child.kill(signal),
    exited,
  }
}

/** In the program: hears what it is told, one message after the other, and ends with its parent. */
export function obey(hear: (message: Record<string, unknown>) => unknown): void {
  const lines = createInterface({ input: process.stdin })
  lines.on('line', (line) => void hear(JSON.parse(line)))
  lines.once('close', () => process.exit())
}

/** In the program: tells one line. */
export function tell(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}
