// Answers what is not a request: bytes that the HTTP parser refuses, a head that is too large or too
// slow, CONNECT. Each is told so once, and its connection ends (T30-T34, T43, T122).

import { type Server, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Connections } from './connections.ts'
import { refuse } from './refuse.ts'
import type { Denial } from './types.ts'

const REASONS: ReadonlyMap<string, Denial['denied']> = new Map([
  ['HPE_HEADER_OVERFLOW', 'head_too_large'],
  ['ERR_HTTP_REQUEST_TIMEOUT', 'head_too_slow'],
])
const LINGER_MS = 500

/** Hears of each such answer, with its status. */
export type Note = (denial: Denial, status: number) => void

/** Answers what a server cannot make a request of, in its turn: after what came whole before it. */
export function answerBroken(server: Server, connections: Connections, note: Note): void {
  const told = new WeakSet<Duplex>()
  const tell = (denial: Denial, socket: Duplex) => {
    // A parser that failed fails again with all that comes.
    if (told.has(socket)) return
    told.add(socket)
    const before = connections.settled(socket)
    if (before !== undefined) void before.then(() => end(denial, socket, note))
    // The request whose body breaks off is under way, and is recorded by itself, as aborted.
    else end(denial, socket, connections.isBusy(socket) ? () => undefined : note)
  }
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const silent = (socket as Socket).bytesRead === 0 // clientError comes with a net.Socket
    if (!socket.writable || error.code === 'ECONNRESET' || silent) {
      socket.destroy()
      return
    }
    const denied = REASONS.get(error.code ?? '') ?? 'http_malformed'
    tell({ denied, detail: error.code ?? 'unknown' }, socket)
  })
  server.on('connect', (_request, socket: Duplex) => {
    socket.on('error', () => undefined)
    end({ denied: 'method_not_allowed', detail: 'CONNECT' }, socket, note)
  })
}

function end(denial: Denial, socket: Duplex, note: Note): void {
  const { status, headers, body } = refuse(denial, { metadataUrl: '', scopes: [] })
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines]
  head.push(`content-length: ${Buffer.byteLength(body)}`, 'connection: close', '', '')
  note(denial, status)
  if (!socket.writable) return
  socket.end(head.join('\r\n') + body)
  // A peer that goes on sending would hold the connection half open.
  setTimeout(() => socket.destroy(), LINGER_MS).unref()
}
