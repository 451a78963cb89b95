// A client on a raw socket that is used again while the peer allows it: bytes out, replies in. It must
// never repair a request, and no wait of it is without an end.

import { connect, type Socket } from 'node:net'

/** One final answer; `whole` is false when it was cut short or still open when we left. */
export type Reply = {
  readonly status: number
  readonly head: string
  readonly body: Buffer
  readonly whole: boolean
}

/** What came back for one shot. */
export type Talk = {
  readonly replies: readonly Reply[]
  /** The port of ours that it was sent from. */
  readonly port: number
  /** Nothing more came for the whole patience. */
  readonly late: boolean
}

/** What to wait for. */
export type Waiting = {
  /** So many final answers; with `Infinity` until the peer closes. */
  readonly answers: number
  /** Milliseconds without a byte after which the connection is given up. */
  readonly patienceMs: number
  /** The first answer has no body. */
  readonly head?: boolean
  /** Leave an event stream at its first event, or at once when it has a GET before it. */
  readonly leave?: 'head' | 'event'
  /** Bytes of one write; 0 for all at once. */
  readonly piece?: number
}

/** A connection that opens when it is needed. */
export class Connection {
  readonly #port: number
  #socket: Socket | undefined

  constructor(port: number) {
    this.#port = port
  }

  /** Sends one shot and waits for what comes of it. */
  send(bytes: Buffer, waiting: Waiting): Promise<Talk> {
    const used = this.#socket !== undefined && !this.#socket.destroyed
    const socket = used && this.#socket ? this.#socket : this.#open()
    return new Promise((resolve) => {
      const replies: Reply[] = []
      let received: Buffer = Buffer.alloc(0)
      let port = socket.localPort ?? 0
      const noBody = () => waiting.head === true && replies.length === 0
      const finish = (late: boolean, keep: boolean) => {
        clearTimeout(timer)
        socket.removeAllListeners('data').removeAllListeners('close').removeAllListeners('connect')
        const rest = replyIn(received, noBody(), 'cut')
        if (rest !== undefined && rest.reply.status >= 200) replies.push(rest.reply)
        if (!keep) this.close()
        resolve({ replies, port, late })
      }
      const timer = setTimeout(() => finish(true, false), waiting.patienceMs)
      socket.on('connect', () => {
        port = socket.localPort ?? 0
      })
      socket.on('data', (chunk: Buffer) => {
        timer.refresh()
        received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
        for (;;) {
          const next = replyIn(received, noBody(), 'open')
          if (next === undefined) break
          received = received.subarray(next.end)
          if (next.reply.status >= 200) replies.push(next.reply)
        }
        const closes = /\r\nconnection: close/i.test(replies.at(-1)?.head ?? '')
        // What closes tells so by closing: more than was asked for may follow until then.
        if (replies.length >= waiting.answers && !closes) finish(false, received.length === 0)
        else if (isStanding(received, waiting)) finish(false, false)
      })
      socket.on('close', () => finish(false, false))
      void write(socket, bytes, waiting.piece ?? 0)
    })
  }

  close(): void {
    this.#socket?.destroy()
    this.#socket = undefined
  }

  #open(): Socket {
    const socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true })
    socket.on('error', () => undefined)
    this.#socket = socket
    return socket
  }
}

/** Pieces go out in turns of their own, so that the peer sees them apart. */
async function write(socket: Socket, bytes: Buffer, piece: number): Promise<void> {
  // A piece for each byte of a long body would be a load test, not a cut.
  const size = piece === 0 ? bytes.length : Math.max(piece, Math.ceil(bytes.length / 16))
  for (let at = 0; at < bytes.length && !socket.destroyed; at += size) {
    if (at > 0) await new Promise((resolve) => setImmediate(resolve))
    if (!socket.destroyed) socket.write(bytes.subarray(at, at + size))
  }
}

function isStanding(received: Buffer, { leave }: Waiting): boolean {
  if (leave === undefined) return false
  const end = received.indexOf('\r\n\r\n')
  if (end < 0 || !/\r\ncontent-type: text\/event-stream/i.test(received.toString('latin1', 0, end)))
    return false
  return leave === 'head' || received.includes('\n\n', end + 4)
}

type Found = { readonly reply: Reply; readonly end: number }

function replyIn(bytes: Buffer, noBody: boolean, peer: 'open' | 'cut'): Found | undefined {
  const at = bytes.indexOf('\r\n\r\n')
  if (at < 0) return undefined
  const head = bytes.toString('latin1', 0, at)
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1] ?? 0)
  const from = at + 4
  const found = (body: Buffer, end: number, whole = true): Found => ({
    reply: { status, head, body, whole },
    end,
  })
  if (status === 0) return peer === 'cut' ? found(bytes, bytes.length, false) : undefined
  if (noBody || status < 200 || status === 204 || status === 304)
    return found(Buffer.alloc(0), from)
  if (/\r\ntransfer-encoding: chunked/i.test(head)) {
    const { body, end } = unchunk(bytes, from)
    if (end !== undefined) return found(body, end)
    return peer === 'cut' ? found(body, bytes.length, false) : undefined
  }
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1]
  if (length !== undefined && bytes.length >= from + Number(length))
    return found(bytes.subarray(from, from + Number(length)), from + Number(length))
  return peer === 'cut'
    ? found(bytes.subarray(from), bytes.length, length === undefined)
    : undefined
}

function unchunk(bytes: Buffer, from: number): { body: Buffer; end: number | undefined } {
  const parts: Buffer[] = []
  for (let at = from; ; ) {
    const line = bytes.indexOf('\r\n', at)
    if (line < 0) break
    const size = Number.parseInt(bytes.toString('latin1', at, line), 16)
    const end = line + 2 + size + 2
    parts.push(bytes.subarray(line + 2, Math.min(end - 2, bytes.length)))
    if (bytes.length < end) break
    if (size === 0) return { body: Buffer.concat(parts), end }
    at = end
  }
  return { body: Buffer.concat(parts), end: undefined }
}
