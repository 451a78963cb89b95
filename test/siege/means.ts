// What the attackers of the siege are made of: raw connections that are fed and read as slowly as the
// attack wants, and how each of them ended. An attempt that the siege ends itself is `held`.

import { connect, type Socket } from 'node:net'

/** Whom to attack, and with what. */
export type Target = {
  readonly port: number
  /** Of a caller that may use the bad tools. */
  readonly mallory: string
  /** Of further such callers. */
  readonly sybils: readonly string[]
  readonly signal: AbortSignal
}

/** How one connection is treated. */
export type Manner = {
  /** Fed after the first bytes, one piece every `everyMs`. */
  readonly drip?: { readonly piece: string; readonly everyMs: number }
  /** Fed as fast as it is taken. */
  readonly flood?: Buffer
  /** Reads nothing for so long. */
  readonly deafMs?: number
  /** Leaves after so long, answered or not. */
  readonly leaveMs?: number
  /** Keeps the connection after the answer, until the other side ends it. */
  readonly stay?: true
  /** Takes the answer for whole when so many bytes of it came. */
  readonly enough?: number
}

/** Opens a connection, sends the bytes, and tells how it ended. */
export function attack(
  target: Target,
  bytes: string | Buffer,
  manner: Manner = {},
): Promise<string> {
  const socket = connect({ port: target.port, host: '127.0.0.1', noDelay: true })
  const answer = new Answer()
  const { drip, flood, deafMs, leaveMs, stay, enough = Number.POSITIVE_INFINITY } = manner
  return new Promise((resolve) => {
    const timers: NodeJS.Timeout[] = []
    const end = (how: string) => {
      for (const timer of timers) clearTimeout(timer)
      target.signal.removeEventListener('abort', held)
      socket.destroy()
      resolve(how)
    }
    const held = () => end(answer.length === 0 ? 'held' : `${answer.end ?? 'part'}, held`)
    target.signal.addEventListener('abort', held)
    socket.on('error', () => undefined)
    socket.once('close', () => end(answer.length === 0 ? 'closed' : (answer.end ?? 'cut')))
    socket.on('data', (chunk: Buffer) => {
      answer.push(chunk)
      if (answer.length >= enough) end('enough')
      else if (answer.end !== undefined && stay === undefined) end(answer.end)
    })
    socket.once('connect', () => {
      socket.write(bytes)
      if (drip !== undefined)
        timers.push(setInterval(() => socket.writable && socket.write(drip.piece), drip.everyMs))
      if (flood !== undefined) pour(socket, flood)
    })
    if (deafMs !== undefined) {
      socket.pause()
      timers.push(setTimeout(() => socket.resume(), deafMs))
    }
    if (leaveMs !== undefined) timers.push(setTimeout(() => end('left'), leaveMs))
  })
}

const MAX_HEAD = 65_536

/** The first answer on a connection: how much of it came, and its status once it is complete. */
class Answer {
  length = 0
  end: string | undefined
  #start = ''
  #tail = ''
  #body = 0
  #declared: number | undefined

  push(chunk: Buffer): void {
    this.length += chunk.length
    if (this.end !== undefined) return
    const text = chunk.toString('latin1')
    if (this.#start.length < MAX_HEAD) this.#start += text
    this.#tail = (this.#tail + text).slice(-7)
    if (this.#body === 0) this.#begin()
    const whole =
      this.#declared === undefined
        ? this.#tail === '\r\n0\r\n\r\n'
        : this.length >= this.#body + this.#declared
    if (this.#body === 0 || !whole) return
    const code = /"error":\{"code":(-\d+)/.exec(this.#start.slice(this.#body))?.[1]
    const status = this.#start.slice(9, 12)
    this.end = code === undefined ? status : `${status} ${code}`
  }

  #begin(): void {
    const end = this.#start.indexOf('\r\n\r\n')
    if (end < 0) return
    this.#body = end + 4
    const declared = /\r\ncontent-length: (\d+)/i.exec(this.#start.slice(0, end))?.[1]
    if (declared !== undefined) this.#declared = Number(declared)
  }
}

function pour(socket: Socket, block: Buffer): void {
  const more = () => {
    while (socket.writable && socket.write(block));
  }
  socket.on('drain', more)
  more()
}

/** The bytes of a request. */
export function requestOf(
  http: string,
  token: string | undefined,
  body?: string | Buffer,
  extra: readonly string[] = [],
): Buffer {
  const bytes = Buffer.from(body ?? '')
  const length = body === undefined ? [] : [`content-length: ${bytes.length}`]
  const own = extra.some((line) => /^(content-length|transfer-encoding):/.test(line))
  const lines = [
    `${http} /mcp HTTP/1.1`,
    'host: 127.0.0.1',
    'accept: application/json, text/event-stream',
    ...(token === undefined ? [] : [`authorization: Bearer ${token}`]),
    ...(http === 'POST' ? ['content-type: application/json'] : []),
    ...(own ? [] : length),
    ...extra,
  ]
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), bytes])
}
