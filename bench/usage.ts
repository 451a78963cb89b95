// What processes have used, read from /proc: the time of every thread, and the memory.

import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

const [LOOK_MS, QUIET_US, PATIENCE_MS] = [20, 2_000, 10_000]

/** CPU microseconds that all threads of these processes have used so far. */
export function cpuMicros(pids: readonly number[]): number {
  const nanos = pids.flatMap((pid) =>
    readdirSync(`/proc/${pid}/task`).map((task) =>
      Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]),
    ),
  )
  return nanos.reduce((sum, one) => sum + one, 0) / 1_000
}

/** Resident memory of these processes in MB (10^6 bytes): now, and at its highest. */
export function memoryMB(pids: readonly number[]): { readonly now: number; readonly peak: number } {
  const sum = (field: string) =>
    pids.reduce((total, pid) => {
      const kib = new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(
        readFileSync(`/proc/${pid}/status`, 'utf8'),
      )?.[1]
      return total + (Number(kib) * 1_024) / 1e6
    }, 0)
  return { now: sum('VmRSS'), peak: sum('VmHWM') }
}

/** Waits until these processes have done what the last load left to them. */
export async function settled(pids: readonly number[]): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  for (let last = -Infinity; performance.now() < deadline; await pause(LOOK_MS)) {
    const now = cpuMicros(pids)
    if (now - last < QUIET_US) return
    last = now
  }
}
