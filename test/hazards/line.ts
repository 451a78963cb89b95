// One kept-alive connection on a raw socket: every byte of each answer, and how long it took.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import type { TestContext } from 'node:test'
import { parse, type Reply } from './raw.ts'

/** One answer; `raw` is all of it, with the value of Date blanked. */
export type Answered = { readonly raw: string; readonly reply: Reply; readonly ms: number }

/** A connection that is used for one request after the other. */
export type Line = {
  ask(bytes: Uint8Array): Promise<Answered>
  /** How many connections it took: one, unless the proxy closed it. */
  connections(): number
  close(): void
}

const WAIT_MS = 10_000

/** Opens a line to a port of loopback; it is reopened when the proxy has closed it. */
export async function openLine(t: TestContext, port: number, waitMs = WAIT_MS): Promise<Line> {
  let socket: Socket | undefined
  let opened = 0
  t.after(() => socket?.destroy())
  const connected = async (): Promise<Socket> => {
    if (socket !== undefined && !socket.destroyed && socket.writable && !socket.readableEnded)
      return socket
    const fresh = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: false })
    fresh.on('error', () => undefined)
    await once(fresh, 'connect', { signal: AbortSignal.timeout(waitMs) })
    opened++
    socket = fresh
    return fresh
  }
  const ask = async (bytes: Uint8Array): Promise<Answered> => {
    const open = await connected()
    const begun = performance.now()
    const answer = collect(open, waitMs)
    open.write(bytes)
    const { received, end, reply, at } = await answer
    const raw = received.toString('latin1', 0, end).replace(/^date: .*$/im, 'date: …')
    return { raw, reply, ms: at - begun }
  }
  return { ask, connections: () => opened, close: () => socket?.destroy() }
}

function collect(socket: Socket, waitMs: number) {
  type Collected = { received: Buffer; end: number; reply: Reply; at: number }
  return new Promise<Collected>((resolve, reject) => {
    let received: Buffer = Buffer.alloc(0)
    const stop = () => {
      clearTimeout(timer)
      socket.off('data', take).off('close', fail)
    }
    const fail = () => {
      stop()
      reject(new Error(`no whole answer, only "${received.toString('latin1')}"`))
    }
    const take = (chunk: Buffer) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
      const parsed = parse(received)
      if (parsed === undefined) return
      const at = performance.now()
      stop()
      resolve({ received, end: parsed.end, reply: parsed.reply, at })
    }
    const timer = setTimeout(fail, waitMs)
    socket.on('data', take).once('close', fail)
  })
}
