// The end of a process: nothing under way is cut that could still finish within the budget.

import type { Server } from 'node:http'
import { performance } from 'node:perf_hooks'
import type { Connections } from './connections.ts'
import { closed } from './listen.ts'
import type { OpenStreams } from './policy/streams.ts'

const SWEEP_MS = 50
const RESERVE_MS = 250

/** Accepts for the grace, ends standing streams at an event boundary, waits for the rest (T135). */
export async function drain(
  client: Server,
  connections: Connections,
  streams: OpenStreams,
  graceMs: number,
  budgetMs: number,
): Promise<void> {
  const deadline = performance.now() + budgetMs - RESERVE_MS
  await new Promise((resolve) => setTimeout(resolve, Math.min(graceMs, budgetMs / 4)))
  const finished = closed(client)
  streams.endStanding()
  // T135: a connection opened ahead of its first request is no idle one to Node.
  for (const socket of connections.all) if (socket.bytesRead === 0) socket.destroy()
  // A connection that was kept alive past its last answer would hold the process otherwise.
  const sweep = setInterval(() => client.closeIdleConnections(), SWEEP_MS)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, Math.max(0, deadline - performance.now()))
  })
  await Promise.race([finished, late])
  clearTimeout(timer)
  clearInterval(sweep)
  // Every exchange must see its client leave before the upstream leg goes, or it would be recorded
  // as a fault of the upstream (contract section 6).
  const left = connections.all.map(
    (socket) => new Promise((resolve) => socket.once('close', resolve)),
  )
  client.closeAllConnections()
  await Promise.all(left)
}

/** Stops a server and every connection of it, silent ones included. */
export function cut(server: Server): Promise<void> {
  const finished = closed(server)
  server.closeAllConnections()
  return finished
}

/** Waits until the exchanges cut at the deadline are recorded as well (contract section 6). */
export async function recorded(connections: Connections): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, RESERVE_MS)
  })
  await Promise.race([connections.quiet(), late])
  clearTimeout(timer)
}
