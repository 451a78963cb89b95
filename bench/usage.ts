// What processes have used, read from /proc: the time of every thread, and the memory.

import { readdirSync, readFileSync } from 'node:fs'

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
