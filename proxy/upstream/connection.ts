// One HTTP/1.1 connection to the upstream: one request at a time, answers by strict grammar, nothing
// retried (T130, T131). What comes unasked, or after an answer, ends it and reaches nobody.

import type { Socket, SocketConnectOpts } from 'node:net'
import { connect } from 'node:net'
import { connect as connectTLS } from 'node:tls'
import { factsOf } from '../observe/fault.ts'
import { type AnswerBody, UpstreamFault } from '../types.ts'
import { Chunked, mayBegin, parseResponse, type ResponseHead } from '../wire/response.ts'
import { Incoming } from './body.ts'

/** Whoever waits for an answer: its head and the body that follows, or why there is none. */
export type Asker = {
  /** The connection stands; not called when it stood already. */
  connected(): void
  answered(head: ResponseHead, body: AnswerBody): void
  failed(fault: UpstreamFault): void
}

/** Where to connect, and how large a head may be. */
export type Place = {
  readonly options: SocketConnectOpts
  readonly tls: boolean
  readonly maxHead: number
}

const READ_BYTES = 65_536
/** A body that is written in one piece with its head. */
const SMALL = 16_384
const MAX_INTERIM = 3
const END_OF_HEAD = Buffer.from('\r\n\r\n')
const NOTHING = Buffer.alloc(0)
// What is read is copied before the next read; one buffer serves all connections of the process.
const shared = Buffer.allocUnsafeSlow(READ_BYTES)

const FAULTS: ReadonlyMap<string, UpstreamFault['code']> = new Map([
  ['ECONNREFUSED', 'upstream_refused'],
  ['EHOSTUNREACH', 'upstream_refused'],
  ['ENETUNREACH', 'upstream_refused'],
  ['ENOTFOUND', 'upstream_refused'],
  ['EAI_AGAIN', 'upstream_refused'],
  ['ENOENT', 'upstream_refused'],
  ['EACCES', 'upstream_refused'],
])

/** Opens a connection; `over` is told once when it can take a request again, or when it is gone. */
export class Connection {
  readonly #socket: Socket
  readonly #maxHead: number
  readonly #rest: (keepMs: number) => void
  #asker: Asker | undefined
  #body: Incoming | undefined
  #head: ResponseHead | undefined
  #chunked: Chunked | undefined
  #left = 0
  #interim = 0
  #partial = NOTHING
  #connecting = true

  constructor(place: Place, events: { rest(keepMs: number): void; closed(): void }) {
    this.#maxHead = place.maxHead
    this.#rest = events.rest
    const onread = {
      buffer: shared,
      callback: (length: number) => {
        this.#read(shared.subarray(0, length))
        return true
      },
    }
    const options = { ...place.options, noDelay: true, onread }
    const socket = place.tls ? connectTLS(options) : connect(options)
    this.#socket = socket
    socket.once(place.tls ? 'secureConnect' : 'connect', () => {
      this.#connecting = false
      this.#asker?.connected()
    })
    socket.on('error', (error) => this.#fail(faultOf(error)))
    socket.on('end', () => this.#end())
    socket.on('close', () => {
      this.#fail(broken('the connection closed before the answer was complete'))
      events.closed()
    })
  }

  get connecting(): boolean {
    return this.#connecting
  }

  /** False once it is ending: what is written would reach nobody. */
  get usable(): boolean {
    return !this.#socket.destroyed && this.#socket.writable
  }

  /** Sends one request, of a head that ends in an empty line and its body; nothing else may be under way. */
  ask(head: string, body: Uint8Array | undefined, asker: Asker): void {
    this.#asker = asker
    this.#interim = 0
    const socket = this.#socket
    if (body === undefined) socket.write(head, 'latin1')
    else if (body.length <= SMALL) {
      const bytes = Buffer.from(body.buffer, body.byteOffset, body.length)
      socket.write(head + bytes.toString('latin1'), 'latin1')
    } else {
      socket.cork()
      socket.write(head, 'latin1')
      socket.write(body)
      socket.uncork()
    }
  }

  /** Ends the connection; whoever waits for an answer is told this fault. */
  destroy(fault: UpstreamFault = broken('the exchange was given up')): void {
    this.#fail(fault)
    this.#socket.destroy()
  }

  /** Ends the connection if this request is under way still. */
  cancel(asker: Asker): void {
    if (this.#asker === asker) this.destroy()
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  #read(bytes: Buffer): void {
    try {
      if (this.#body === undefined) this.#readHead(bytes)
      else this.#readBody(this.#body, bytes)
    } catch (error) {
      this.destroy(error instanceof UpstreamFault ? error : broken(factsOf(error).detail, error))
    }
  }

  #readHead(bytes: Buffer): void {
    if (this.#asker === undefined) throw broken('bytes that nobody asked for')
    const all = this.#partial.length === 0 ? bytes : Buffer.concat([this.#partial, bytes])
    const end = all.indexOf(END_OF_HEAD)
    if ((end < 0 ? all.length : end) > this.#maxHead) throw broken('the head is too large')
    this.#partial = end < 0 ? Buffer.from(all) : NOTHING
    if (end < 0) {
      if (!mayBegin(all.toString('latin1'))) throw broken('the head is malformed')
      return
    }
    const head = parseResponse(all.toString('latin1', 0, end + 2))
    if ('fault' in head) throw broken(head.fault)
    const rest = all.subarray(end + END_OF_HEAD.length)
    if (head.status < 200) this.#passInterim(head, rest)
    else this.#begin(head, rest)
  }

  /** T134: an interim answer is no answer, and more than a few of them are none to wait for. */
  #passInterim({ status }: ResponseHead, rest: Buffer): void {
    if (status === 101 || ++this.#interim > MAX_INTERIM) throw broken('too many interim answers')
    if (rest.length > 0) this.#readHead(rest)
  }

  #begin(head: ResponseHead, rest: Uint8Array): void {
    const { framing } = head
    const asker = this.#asker as Asker // asserted by whoever read the head
    const body = new Incoming(this)
    this.#head = head
    this.#body = body
    this.#left = framing.kind === 'length' ? framing.length : 0
    this.#chunked = framing.kind === 'chunked' ? new Chunked() : undefined
    // Whoever asked goes on after this turn: by then what came along is read.
    asker.answered(head, body)
    const isEmpty = framing.kind === 'none' || (framing.kind === 'length' && framing.length === 0)
    if (rest.length > 0 || isEmpty) this.#readBody(body, rest)
    // An answer that is not whole yet waits until somebody reads it.
    if (this.#body === body) this.#socket.pause()
  }

  #readBody(body: Incoming, bytes: Uint8Array): void {
    const kind = this.#head?.framing.kind
    let used = 0
    if (kind === 'close') {
      body.add(bytes)
      return
    }
    if (this.#chunked !== undefined) used = this.#readChunks(this.#chunked, body, bytes)
    else if (kind === 'length') {
      used = Math.min(this.#left, bytes.length)
      this.#left -= used
      if (used > 0) body.add(bytes.subarray(0, used))
    }
    if (this.#chunked === undefined ? this.#left > 0 : !this.#chunked.done) return
    const keepMs = this.#head?.keepMs ?? 0
    this.#over()
    // T130: what follows an answer belongs to nobody.
    const isClean = used === bytes.length && this.#socket.writableLength === 0
    if (!isClean || keepMs === 0) this.#socket.destroy()
    else this.#rest(keepMs)
    body.finish()
  }

  /** One part for all chunks of a read: there may be one for each byte (T128). */
  #readChunks(chunked: Chunked, body: Incoming, bytes: Uint8Array): number {
    const plain = Buffer.allocUnsafe(bytes.length)
    let length = 0
    const used = chunked.push(bytes, (part) => {
      plain.set(part, length)
      length += part.length
    })
    if (length > 0) body.take(plain.subarray(0, length))
    return used
  }

  #end(): void {
    const body = this.#body
    if (this.#head?.framing.kind !== 'close') {
      this.destroy(broken('the connection ended before the answer was complete'))
      return
    }
    this.#over()
    body?.finish()
  }

  #fail(fault: UpstreamFault): void {
    const asker = this.#asker
    const body = this.#body
    this.#over()
    if (body !== undefined) body.finish(fault)
    else asker?.failed(fault)
  }

  #over(): void {
    this.#asker = undefined
    this.#body = undefined
    this.#head = undefined
    this.#chunked = undefined
    this.#left = 0
  }
}

function broken(detail: string, cause?: unknown): UpstreamFault {
  return new UpstreamFault('upstream_broken', detail, cause)
}

function faultOf(error: Error): UpstreamFault {
  const code = 'code' in error ? String(error.code) : ''
  return new UpstreamFault(FAULTS.get(code) ?? 'upstream_broken', factsOf(error).detail, error)
}
