// The end of a process: nothing under way is cut that could still finish within the budget.

import type { Server } from 'node:http'
import { performance } from 'node:perf_hooks'
import type { OpenStreams } from './policy/streams.ts'

/** Accepts for the grace, ends standing streams at an event boundary, waits for the rest (T135). */
export async function drain(
  client: Server,
  streams: OpenStreams,
  graceMs: number,
  budgetMs: number,
): Promise<void> {
  const deadline = performance.now() + budgetMs - 250
  await new Promise((resolve) => setTimeout(resolve, Math.min(graceMs, budgetMs / 4)))
  const finished = closed(client)
  streams.endStanding()
  client.closeIdleConnections()
  const left = Math.max(0, deadline - performance.now())
  let timer: NodeJS.Timeout | undefined
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, left)
  })
  await Promise.race([finished, late])
  clearTimeout(timer)
  client.closeAllConnections()
}

/** Stops accepting; resolves when the last connection is gone. */
export function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeIdleConnections()
  })
}
