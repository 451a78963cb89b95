// An upstream on a raw socket that answers with whatever bytes a test scripts: what no HTTP library
// would send. It must never repair anything, and it keeps every byte that it was sent.

import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'

/** One request as it arrived: its head and body, byte for byte (latin1 in the strings). */
export type Asked = {
  readonly line: string
  readonly headers: ReadonlyMap<string, string>
  readonly rawHead: string
  readonly body: Buffer
}

/** Answers one request on its socket. */
export type Script = (asked: Asked, socket: Socket) => void | Promise<void>

/** A running hostile upstream; the script can be replaced between requests. */
export type Hostile = {
  readonly url: string
  readonly port: number
  readonly asked: Asked[]
  readonly sockets: ReadonlySet<Socket>
  /** Bytes received outside of a complete request. */
  leftover(): number
  script: Script
  stop(): Promise<void>
}

/** Hears of a head whose body has not arrived yet, with every part of that body. */
export type OnHead = (headers: ReadonlyMap<string, string>, socket: Socket) => void

/** Starts one on a free port of loopback. */
export async function startHostile(script: Script, onHead?: OnHead): Promise<Hostile> {
  const sockets = new Set<Socket>()
  const pending = new Map<Socket, Buffer>()
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => {
      sockets.delete(socket)
    })
    socket.on('data', (chunk: Buffer) => {
      const { asked, headers, rest } = take(
        Buffer.concat([pending.get(socket) ?? Buffer.alloc(0), chunk]),
      )
      pending.set(socket, rest)
      if (headers !== undefined) onHead?.(headers, socket)
      if (asked === undefined) return
      hostile.asked.push(asked)
      void hostile.script(asked, socket)
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo // a TCP server has an AddressInfo
  const hostile: Hostile = {
    url: `http://127.0.0.1:${port}/mcp`,
    port,
    asked: [],
    sockets,
    leftover: () => [...pending.values()].reduce((sum, rest) => sum + rest.length, 0),
    script,
    stop: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return hostile
}

type Taken = {
  readonly asked?: Asked
  readonly headers?: Asked['headers']
  readonly rest: Buffer
}

function take(bytes: Buffer): Taken {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return { rest: bytes }
  const rawHead = bytes.toString('latin1', 0, end)
  const [line = '', ...fields] = rawHead.split('\r\n')
  const headers = new Map<string, string>()
  for (const field of fields) {
    const colon = field.indexOf(':')
    const name = field.slice(0, colon).toLowerCase()
    // A repeated header must show: tests compare the whole value.
    const earlier = headers.get(name)
    const value = field.slice(colon + 1).trim()
    headers.set(name, earlier === undefined ? value : `${earlier}, ${value}`)
  }
  const from = end + 4
  const to = from + Number(headers.get('content-length') ?? '0')
  if (bytes.length < to) return { headers, rest: bytes }
  return {
    asked: { line, headers, rawHead, body: bytes.subarray(from, to) },
    rest: bytes.subarray(to),
  }
}

/** Writes the parts one by one, each in a turn of the event loop of its own. */
export async function writeParts(socket: Socket, parts: readonly Uint8Array[]): Promise<void> {
  for (const part of parts) {
    if (socket.destroyed) return
    if (!socket.write(part)) await drained(socket)
    await turn()
  }
}

/** Waits without leaving a listener behind: a socket that is written to for long has many waits. */
function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      socket.off('drain', done).off('close', done)
      resolve()
    }
    socket.on('drain', done).on('close', done)
  })
}

/** An HTTP answer with a length of its own. */
export function whole(
  body: string | Uint8Array,
  head: readonly string[] = ['content-type: application/json'],
  status = '200 OK',
): Buffer {
  const bytes = Buffer.from(body)
  const lines = [`HTTP/1.1 ${status}`, ...head, `content-length: ${bytes.length}`, '', '']
  return Buffer.concat([Buffer.from(lines.join('\r\n'), 'latin1'), bytes])
}

/** An HTTP answer in one chunk of a chunked body. */
export function chunked(
  body: string | Uint8Array,
  head: readonly string[] = ['content-type: text/event-stream'],
  status = '200 OK',
): Buffer {
  const bytes = Buffer.from(body)
  const lines = [`HTTP/1.1 ${status}`, ...head, 'transfer-encoding: chunked', '', '']
  return Buffer.concat([
    Buffer.from(`${lines.join('\r\n')}${bytes.length.toString(16)}\r\n`, 'latin1'),
    bytes,
    Buffer.from('\r\n0\r\n\r\n'),
  ])
}
