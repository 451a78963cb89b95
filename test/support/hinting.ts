// A 2026-07-28 server that lets everybody cache everything: what an upstream may say when it knows
// of no callers, and what must not leave the proxy as it is (R35, T105).

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'

const HINT = { ttlMs: 300_000, cacheScope: 'public' } as const

/** The methods whose results say how long they may be kept. */
export const CACHEABLE = [
  'server/discover',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
] as const

/** A running server. */
export type Hinting = { readonly url: string; stop(): Promise<void> }

/** Starts one on a free port of loopback. */
export async function startHinting(): Promise<Hinting> {
  const handler = createMcpHandler(() => {
    const cacheHints = Object.fromEntries(CACHEABLE.map((method) => [method, HINT]))
    const server = new McpServer({ name: 'hinting', version: '1.0.0' }, { cacheHints })
    const answer = async () => ({ content: [] })
    server.registerTool('open', { inputSchema: z.object({}) }, answer)
    server.registerTool('secret', { inputSchema: z.object({}) }, answer)
    server.registerPrompt('ask', {}, async () => ({ messages: [] }))
    server.registerResource('guide', 'docs://public/guide', {}, async ({ href }) => ({
      contents: [{ uri: href, text: 'a guide' }],
    }))
    return server
  })
  // The adapter's request type leaves no room for `undefined`, which Node's own type allows.
  const serve = toNodeHandler(handler) as Parameters<typeof createServer>[1]
  const server = createServer(serve as NonNullable<typeof serve>)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo // a TCP server has an AddressInfo
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    stop: async () => {
      const closed = once(server, 'close')
      await handler.close()
      server.close().closeAllConnections()
      await closed
    },
  }
}
