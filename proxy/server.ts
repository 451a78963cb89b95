// The two listeners and their routes: the client side (the MCP path, the metadata documents, health)
// and the admin side (health, readiness, metrics). Paths are compared byte for byte (T40, T42).

import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http'
import { answerBroken } from './broken.ts'
import type { Config } from './config.ts'
import { Connections, type Turns } from './connections.ts'
import { factsOf } from './observe/fault.ts'
import { handle, type Path, recordBeside } from './pipeline.ts'
import { endedBy, writeRefusal } from './respond.ts'
import type { Denial, JSONObject } from './types.ts'
import { announcesBody } from './wire/headers.ts'

/** What bounds the HTTP of a listener. */
export type HTTPLimits = Pick<
  Config,
  'headersTimeoutMs' | 'bodyTimeoutMs' | 'keepAliveTimeoutMs' | 'maxHeaders'
>

const REFUSAL_MS = 5_000
const ADMIN_CONNECTIONS = 64
const NO_REQUEST = { headers: {} }

/** T30-T33, T47, T122, T140: HTTP/1.1 only, strict parsing, bounded heads, heads in time. */
function httpOptions(limits: HTTPLimits): ServerOptions {
  const { headersTimeoutMs } = limits
  return {
    insecureHTTPParser: false,
    requireHostHeader: true,
    maxHeaderSize: limits.maxHeaders,
    headersTimeout: headersTimeoutMs,
    // The read stage ends a slow body first, with an answer of its own (T123).
    requestTimeout: headersTimeoutMs + limits.bodyTimeoutMs + REFUSAL_MS,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.max(50, Math.min(5_000, Math.floor(headersTimeoutMs / 2))),
    // T125: a peer that vanished without a word holds its streams no longer than TCP asks it.
    keepAlive: true,
    keepAliveInitialDelay: 30_000,
  }
}

/** What the client side serves beside the path. */
export type ClientSide = {
  readonly mcpPath: string
  readonly metadataPaths: ReadonlySet<string>
  readonly metadata: () => JSONObject
  readonly origins: ReadonlySet<string>
  readonly draining: () => boolean
  readonly connections: Connections
  readonly limits: HTTPLimits
}

/** Makes the client-side server; listen on it with `listen`. */
export function clientServer(side: ClientSide, path: Path): Server {
  const refuse =
    (denied: Denial['denied']) => (request: IncomingMessage, response: ServerResponse) =>
      deny(denied, request, response, path)
  const turns: Turns = {
    work: (request, response) => routeClient(request, response, side, path),
    full: refuse('overloaded'),
    gone: (request) => recordGone(request, path),
    failed: (error, response) => {
      path.recorder.log.error(factsOf(error), 'a route failed')
      response.destroy()
    },
  }
  const unexpected: Turns = { ...turns, work: refuse('expectation') }
  const { connections } = side
  const route = (request: IncomingMessage, response: ServerResponse) =>
    connections.inTurn(request, response, turns)
  const server = createServer(httpOptions(side.limits), route)
  connections.watch(server)
  // T55: a header beyond a count would be dropped unseen; the size of the head is bounded instead.
  server.maxHeadersCount = 0
  // T45: the body is asked for after authentication, by the read stage.
  server.on('checkContinue', route)
  server.on('checkExpectation', (request, response) =>
    connections.inTurn(request, response, unexpected),
  )
  answerBroken(server, connections, (denial, status) =>
    recordBeside({ denial, status }, NO_REQUEST, path),
  )
  return server
}

function routeClient(
  request: IncomingMessage,
  response: ServerResponse,
  side: ClientSide,
  path: Path,
): Promise<void> | undefined {
  const target = request.url ?? ''
  const question = target.indexOf('?')
  const route = question === -1 ? target : target.slice(0, question)
  // T44: behind an upgrade that nobody takes, Node's parser is silent about what is no HTTP.
  if (side.draining() || request.headers.upgrade !== undefined)
    response.setHeader('connection', 'close')
  const ended = endedBy(request)
  if (ended !== undefined) return deny(ended, request, response, path)
  if (!route.startsWith('/')) return deny('request_target', request, response, path)
  if (route === side.mcpPath) {
    allowOrigin(request, response, side)
    if (request.method === 'OPTIONS') return preflight(request, response, side, path)
    return handle(request, response, path)
  }
  const isMetadata = side.metadataPaths.has(route)
  // Contract section 3: a POST to a wrong path is told that the path is wrong, not its body.
  if (!isMetadata && !(route === '/health' && isRead(request)))
    return deny('path_unknown', request, response, path)
  if (announcesBody((name) => request.headers[name]))
    return deny('body_not_allowed', request, response, path)
  if (isMetadata) return metadata(request, response, side, path)
  sendJSON(response, 200, { status: 'ok' })
  return undefined
}

const isRead = ({ method }: IncomingMessage): boolean => method === 'GET' || method === 'HEAD'

/** A request whose connection ended before its turn: by a refusal before it, or by the client. */
function recordGone(request: IncomingMessage, path: Path): undefined {
  const denied = endedBy(request)
  const denial = denied && { denied, detail: 'behind a request that was refused' }
  recordBeside(denial === undefined ? { aborted: true } : { denial }, request, path)
}

async function deny(
  denied: Denial['denied'],
  request: IncomingMessage,
  response: ServerResponse,
  path: Path,
): Promise<void> {
  const denial = { denied, detail: 'beside the MCP path' }
  await writeRefusal(denial, request, response, path.challenge())
  recordBeside({ denial, status: response.statusCode }, request, path)
}

// R56: without the new names the v2 client silently falls back to the legacy era.
const CORS_HEADERS =
  'authorization, content-type, accept, mcp-protocol-version, mcp-method, mcp-name, mcp-session-id, last-event-id, traceparent'
const CORS_EXPOSED = 'mcp-session-id, www-authenticate, retry-after'

function allowOrigin(request: IncomingMessage, response: ServerResponse, side: ClientSide): void {
  const { origin } = request.headers
  if (origin === undefined || !side.origins.has(origin)) return
  response.setHeader('access-control-allow-origin', origin)
  response.setHeader('access-control-expose-headers', CORS_EXPOSED)
  response.setHeader('vary', 'Origin')
}

/** A browser's question; the wildcard of allow-headers covers Mcp-Param-*, which no list can name. */
async function preflight(
  request: IncomingMessage,
  response: ServerResponse,
  side: ClientSide,
  path: Path,
): Promise<void> {
  const { origin } = request.headers
  if (announcesBody((name) => request.headers[name]))
    return deny('body_not_allowed', request, response, path)
  if (origin === undefined || !side.origins.has(origin))
    return deny('origin_not_allowed', request, response, path)
  const asked = request.headers['access-control-request-headers']
  const params = (typeof asked === 'string' ? asked.toLowerCase().split(',') : [])
    .map((name) => name.trim())
    .filter((name) => /^mcp-param-[a-z0-9-]{1,64}$/.test(name))
  response
    .writeHead(204, {
      'access-control-allow-methods': 'POST, GET, DELETE, OPTIONS',
      'access-control-allow-headers': [CORS_HEADERS, ...params].join(', '),
      'access-control-max-age': '7200',
    })
    .end()
}

/** RFC 9728: open, cacheable, for any origin (R37). */
async function metadata(
  request: IncomingMessage,
  response: ServerResponse,
  side: ClientSide,
  path: Path,
): Promise<void> {
  response.setHeader('access-control-allow-origin', '*')
  response.setHeader('access-control-allow-methods', 'GET, HEAD, OPTIONS')
  if (request.method === 'OPTIONS') {
    response.writeHead(204, { 'access-control-allow-headers': '*' }).end()
    return
  }
  if (!isRead(request)) return deny('method_not_allowed', request, response, path)
  sendJSON(response, 200, side.metadata(), { 'cache-control': 'public, max-age=300' })
}

/** What the admin side answers from. */
export type AdminSide = {
  /** Why the proxy is not ready; empty when it is. */
  readonly unready: () => Promise<readonly string[]>
  readonly metrics: () => Promise<string>
  readonly metricsType: string
  readonly limits: HTTPLimits
}

/** Makes the admin-side server. */
export function adminServer(side: AdminSide): Server {
  const connections = new Connections(ADMIN_CONNECTIONS)
  const turns: Turns = {
    work: (request, response) => routeAdmin(request, response, side),
    full: () => undefined,
    gone: () => undefined,
    failed: (_error, response) => void response.destroy(),
  }
  const server = createServer(httpOptions(side.limits), (request, response) => {
    connections.inTurn(request, response, turns)
  })
  answerBroken(server, connections, () => undefined)
  connections.watch(server)
  return server
}

async function routeAdmin(request: IncomingMessage, response: ServerResponse, side: AdminSide) {
  const route = request.url?.split('?')[0]
  if (!isRead(request)) return sendJSON(response, 405, { error: 'method not allowed' })
  if (route === '/health') return sendJSON(response, 200, { status: 'ok' })
  if (route === '/metrics') {
    response.writeHead(200, { 'content-type': side.metricsType }).end(await side.metrics())
    return
  }
  if (route !== '/ready') return sendJSON(response, 404, { error: 'not found' })
  const waiting = await side.unready()
  if (waiting.length === 0) return sendJSON(response, 200, { status: 'ready' })
  sendJSON(response, 503, { status: 'not ready', waiting_for: waiting })
}

function sendJSON(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = { 'cache-control': 'no-store' },
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}
