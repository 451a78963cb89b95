// Mode `sessions`: SDK version 1 with sessions, SSE answers, GET streams and resumption.
// Never keeps more than MAX_SESSIONS sessions: the oldest one ends first.
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import type { Catalogue } from './catalogue.ts'
import { createEvents } from './events.ts'
import { type Exchange, refuse } from './exchange.ts'
import { createServer1 } from './sdk1.ts'

const MAX_SESSIONS = 1000
const RETRY_MS = 500

type Session = {
  readonly server: McpServer
  readonly transport: StreamableHTTPServerTransport
  readonly watched: Set<string>
}

/** Serves a catalogue with one server and one event store for each session. */
export function serveSessions(catalogue: Catalogue): Exchange {
  const sessions = new Map<string, Session>()
  return {
    handle: async (request, response) => {
      const id = request.headers['mcp-session-id']
      if (typeof id !== 'string') return begin(catalogue, sessions, request, response)
      const session = sessions.get(id)
      if (session === undefined) return refuse(response, 404, -32001, 'Session not found')
      await session.transport.handleRequest(request, response)
    },
    sessions: () => sessions.size,
    touch: (uri) => {
      for (const { server, watched } of sessions.values()) {
        // A session that ends meanwhile has nobody left to tell.
        if (watched.has(uri)) server.server.sendResourceUpdated({ uri }).catch(() => {})
      }
    },
    close: async () => {
      await Promise.all([...sessions.values()].map(({ server }) => server.close()))
    },
  }
}

async function begin(
  catalogue: Catalogue,
  sessions: Map<string, Session>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const watched = new Set<string>()
  const server = createServer1(catalogue, watched)
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    eventStore: createEvents(),
    retryInterval: RETRY_MS,
    onsessioninitialized: (id) => {
      makeRoom(sessions)
      sessions.set(id, { server, transport, watched })
    },
  })
  transport.onclose = () => {
    if (transport.sessionId !== undefined) sessions.delete(transport.sessionId)
  }
  // The SDK's class declares its accessors without exactOptionalPropertyTypes in mind.
  await server.connect(transport as Transport)
  await transport.handleRequest(request, response)
  if (transport.sessionId === undefined) await server.close()
}

function makeRoom(sessions: Map<string, Session>): void {
  if (sessions.size < MAX_SESSIONS) return
  const oldest = sessions.values().next().value
  void oldest?.server.close()
}
