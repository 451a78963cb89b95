// Starts one MCP server on loopback or on a Unix socket.
// Never binds another address: whoever reaches this server may use all of it.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { localhostHostValidation } from '@modelcontextprotocol/node'
import type { Catalogue } from './catalogue.ts'
import { demoCatalogue } from './demo.ts'
import { findDocuments, readDocuments } from './documents.ts'
import { type Exchange, refuse } from './exchange.ts'
import { serveModern } from './modern.ts'
import { serveSessions } from './sessions.ts'
import { freeSocket } from './socket.ts'
import { serveStateless } from './stateless.ts'

/** The three ways to serve a catalogue. */
export type Mode = 'sessions' | 'stateless' | 'modern'

/** Where to listen; a socket wins over host and port. Port 0 takes any free one. */
export type Place = {
  readonly port?: number
  readonly host?: '127.0.0.1' | '::1' | 'localhost'
  readonly socket?: string
}

/** A running server. */
export type Upstream = {
  /** `http://127.0.0.1:3000/mcp`, or `unix:/run/mcp.sock:/mcp`. */
  readonly url: string
  /** How many sessions are open. */
  sessions(): number
  /** Tells every client that watches the resource that it has changed. */
  touch(uri: string): void
  /** Ends every stream and session and frees the port or socket. */
  close(): Promise<void>
}

const serveIn: Record<Mode, (catalogue: Catalogue) => Exchange> = {
  sessions: serveSessions,
  stateless: serveStateless,
  modern: serveModern,
}

/** Starts the demo server; `documents` defaults to the folder of that name above this module. */
export function startUpstream(
  options: { readonly mode: Mode; readonly documents?: string } & Place,
): Promise<Upstream> {
  const documents = readDocuments(options.documents ?? findDocuments())
  return startCatalogue(demoCatalogue(documents), options)
}

/** Starts a server for any catalogue. */
export async function startCatalogue(
  catalogue: Catalogue,
  { mode, ...place }: { readonly mode: Mode } & Place,
): Promise<Upstream> {
  const exchange = serveIn[mode](catalogue)
  // A Unix socket cannot be reached by a browser, so only TCP needs the check of the Host header.
  const isLocal = place.socket === undefined ? localhostHostValidation() : () => true
  const server = createServer((request, response) => {
    void route(exchange, isLocal, request, response)
  })
  const url = await listen(server, place)
  return {
    url,
    sessions: exchange.sessions,
    touch: exchange.touch,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      await exchange.close()
      server.closeAllConnections()
      await closed
    },
  }
}

async function route(
  exchange: Exchange,
  isLocal: (request: IncomingMessage, response: ServerResponse) => boolean,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = request.url?.split('?', 1)[0]
  if (path !== '/mcp') return void response.writeHead(404).end()
  if (!isLocal(request, response)) return
  try {
    await exchange.handle(request, response)
  } catch (error) {
    console.error(error)
    if (response.headersSent) response.destroy()
    else refuse(response, 500, -32603, 'Internal server error')
  }
}

async function listen(server: Server, place: Place): Promise<string> {
  const { socket, host = '127.0.0.1', port = 3000 } = place
  if (socket !== undefined) await freeSocket(socket)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(socket === undefined ? { host, port } : { path: socket }, resolve)
  })
  if (socket !== undefined) return `unix:${socket}:/mcp`
  // A TCP server that listens has an address object.
  const { port: bound } = server.address() as AddressInfo
  return `http://${host === '::1' ? '[::1]' : host}:${bound}/mcp`
}
