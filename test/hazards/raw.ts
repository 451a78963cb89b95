// A client on a raw socket, for requests that no HTTP library would send, and a bench that tells what
// the upstream saw of them.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { TestContext } from 'node:test'
import { type Hostile, startHostile, whole } from '../support/hostile.ts'
import { type ProxyOptions, startProxy, type TestProxy } from '../support/proxy.ts'

/** One answer on a connection. */
export type Reply = {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

/** All answers of one connection in order, and whether the proxy ended it. */
export type Talk = { readonly replies: readonly Reply[]; readonly closed: boolean }

/** A proxy before an upstream that answers everything, and a caller who may use only `public`. */
export type RawBench = {
  readonly proxy: TestProxy
  readonly upstream: Hostile
  readonly token: string
  /** Request line, headers, body; Host, Authorization and the length are added unless given. */
  request(line: string, headers?: readonly string[], body?: string | Uint8Array): Buffer
  post(body: string | Uint8Array, headers?: readonly string[]): Buffer
  /** Sends bytes and waits for so many replies, or the end of the connection. */
  talk(bytes: Uint8Array, count?: number): Promise<Talk>
  /** Runs `work` and gives the requests that reached the upstream meanwhile. */
  seen(work: () => Promise<void>): Promise<Hostile['asked']>
}

export const LIST = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'

/** Starts both. */
export async function startRaw(
  t: TestContext,
  options: Partial<ProxyOptions> = {},
): Promise<RawBench> {
  const upstream = await startHostile((asked, socket) => {
    const { id, method } = asked.body.length === 0 ? {} : JSON.parse(asked.body.toString())
    const result = method === 'tools/list' ? { tools: [{ name: 'public' }] } : {}
    socket.write(whole(JSON.stringify({ jsonrpc: '2.0', id, result })))
  })
  t.after(() => upstream.stop())
  const policy = {
    version: 1,
    tools: { public: { anyone: true }, secret: { scopes: ['secret:read'] } },
    resources: { 'docs://public/*': { anyone: true } },
  }
  const proxy = await startProxy({ upstream: upstream.url, policy, ...options })
  t.after(() => proxy.stop())
  const token = await proxy.token({ scope: '' })
  const request = (line: string, headers: readonly string[] = [], body?: string | Uint8Array) => {
    const given = new Set(headers.map((header) => header.split(':')[0]?.trim().toLowerCase()))
    const bytes = Buffer.from(body ?? '')
    const lines = [
      `${line} HTTP/1.1`,
      ...(given.has('host') ? [] : ['host: 127.0.0.1']),
      ...(given.has('authorization') ? [] : [`authorization: Bearer ${token}`]),
      ...(given.has('accept') ? [] : ['accept: application/json, text/event-stream']),
      ...headers.filter((header) => !/^authorization: none$/.test(header)),
      ...(body === undefined || given.has('content-length') || given.has('transfer-encoding')
        ? []
        : [`content-length: ${bytes.length}`]),
    ]
    return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), bytes])
  }
  const post = (body: string | Uint8Array, headers: readonly string[] = []) => {
    const typed = headers.some((header) => /^content-type:/i.test(header))
    const type = typed ? [] : ['content-type: application/json']
    return request('POST /mcp', [...type, ...headers], body)
  }
  return {
    proxy,
    upstream,
    token,
    request,
    post,
    talk: (bytes, count = 1) => talk(proxy.port, bytes, count),
    seen: async (work) => {
      const before = upstream.asked.length
      await work()
      assert.equal(upstream.leftover(), 0, 'bytes beside a request reached the upstream')
      return upstream.asked.slice(before)
    },
  }
}

/** A request without a body. */
export function head(
  http: string,
  token: string,
  headers: Readonly<Record<string, string>> = {},
): Buffer {
  const lines = [
    `${http} /mcp HTTP/1.1`,
    'host: 127.0.0.1',
    `authorization: Bearer ${token}`,
    'accept: application/json, text/event-stream',
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ]
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`)
}

/** Sends bytes to a port and reads replies. */
export async function talk(
  port: number,
  bytes: Uint8Array,
  count = 1,
  waitMs = 10_000,
): Promise<Talk> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  const signal = AbortSignal.timeout(waitMs)
  let received = Buffer.alloc(0)
  let closed = false
  const replies: Reply[] = []
  const done = new Promise<void>((resolve, reject) => {
    signal.onabort = () => reject(new Error(`no reply, only ${received.toString('latin1')}`))
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      for (let next = parse(received); next !== undefined; next = parse(received)) {
        replies.push(next.reply)
        received = received.subarray(next.end)
      }
      if (replies.filter(({ status }) => status >= 200).length >= count) resolve()
    })
    socket.once('end', () => {
      closed = true
      resolve()
    })
    socket.once('error', () => undefined).once('close', () => resolve())
  })
  try {
    await once(socket, 'connect', { signal })
    socket.write(bytes)
    await done
    return { replies, closed: closed || socket.destroyed }
  } finally {
    signal.onabort = null
    socket.destroy()
  }
}

type Parsed = { readonly reply: Reply; readonly end: number }

/** The first reply in these bytes, once it is complete. */
export function parse(bytes: Buffer): Parsed | undefined {
  const head = bytes.indexOf('\r\n\r\n')
  if (head < 0) return undefined
  const [line = '', ...fields] = bytes.toString('latin1', 0, head).split('\r\n')
  const headers = new Map(
    fields.map((field) => [
      field.slice(0, field.indexOf(':')).toLowerCase(),
      field.slice(field.indexOf(':') + 1).trim(),
    ]),
  )
  const status = Number(line.split(' ')[1])
  const from = head + 4
  if (headers.get('transfer-encoding') === 'chunked') return unchunk(bytes, from, status, headers)
  const end = from + Number(headers.get('content-length') ?? '0')
  if (bytes.length < end) return undefined
  return { reply: { status, headers, body: bytes.toString('utf8', from, end) }, end }
}

function unchunk(
  bytes: Buffer,
  from: number,
  status: number,
  headers: ReadonlyMap<string, string>,
): Parsed | undefined {
  const parts: Buffer[] = []
  for (let at = from; ; ) {
    const line = bytes.indexOf('\r\n', at)
    if (line < 0) return undefined
    const size = Number.parseInt(bytes.toString('latin1', at, line), 16)
    const end = line + 2 + size + 2
    if (bytes.length < end) return undefined
    if (size === 0)
      return { reply: { status, headers, body: Buffer.concat(parts).toString() }, end }
    parts.push(bytes.subarray(line + 2, end - 2))
    at = end
  }
}
