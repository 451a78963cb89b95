// Four unmodified published servers in a thread of their own, watched from outside: what each was sent
// and what it did. A handler only notes that it ran; nothing of an SDK is patched or wrapped.

import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import type { IncomingMessage, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { createMcpExpressApp } from '@modelcontextprotocol/sdk/server/express.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { z } from 'zod'
import { type Catalogue, textAnswer, tool } from '../../upstream/catalogue.ts'
import { createServer1 } from '../../upstream/sdk1.ts'
import { startCatalogue } from '../../upstream/server.ts'
import { CANARY } from './messages.ts'

/** The three modes of upstream/server.ts, and SDK version 1 behind `express.json()`. */
export const UPSTREAMS = ['sessions', 'stateless', 'modern', 'express'] as const
export type UpstreamName = (typeof UPSTREAMS)[number]

/** One request as a server got it, and what its handlers did for it. */
export type Note = {
  readonly upstream: UpstreamName
  readonly via: 'direct' | 'front'
  /** The trace id, when it was sent a well-formed one. */
  readonly trace: string | undefined
  /** The client's port of the connection. */
  readonly peer: number
  readonly line: string
  readonly rawHeaders: readonly string[]
  readonly body: Uint8Array
  /** `tool secret`, `prompt public`, `resource docs://…`, `complete …`. */
  readonly deeds: readonly string[]
}

/** Ports of every server: one for bytes that come directly, one to stand behind a front. */
export type Ports = Readonly<
  Record<UpstreamName, { readonly direct: number; readonly front: number }>
>

/** The running servers. */
export type Upstreams = {
  readonly ports: Ports
  /** What happened since the last call. */
  notes(): Promise<readonly Note[]>
  stop(): Promise<void>
}

/** Starts all of them in a thread. */
export async function startUpstreams(): Promise<Upstreams> {
  const worker = new Worker(new URL(import.meta.url))
  const ask = async (word: string) => {
    worker.postMessage(word)
    const [answer] = await once(worker, 'message', { signal: AbortSignal.timeout(30_000) })
    return answer
  }
  const ports: Ports = await ask('ports')
  return { ports, notes: () => ask('notes'), stop: async () => void (await worker.terminate()) }
}

type Open = Omit<Note, 'body' | 'deeds'> & { chunks: Uint8Array[]; deeds: string[]; told: boolean }

const running = new AsyncLocalStorage<Open>()
const opened: Open[] = []

async function serve(): Promise<void> {
  const places = new Map<number, Pick<Note, 'upstream' | 'via'>>()
  watch(places)
  const ports: Record<string, Record<string, number>> = {}
  for (const upstream of UPSTREAMS) {
    ports[upstream] = {}
    for (const via of ['direct', 'front'] as const) {
      const port = upstream === 'express' ? await startExpress() : await startMode(upstream)
      places.set(port, { upstream, via })
      ports[upstream][via] = port
    }
  }
  parentPort?.on('message', (word: string) =>
    parentPort?.postMessage(word === 'ports' ? ports : take()),
  )
}

/** Sees each request before its server does, and every byte of its body as it is delivered. */
function watch(places: ReadonlyMap<number, Pick<Note, 'upstream' | 'via'>>): void {
  subscribe('http.server.request.start', (message) => {
    const { request, server } = message as { request: IncomingMessage; server: Server }
    const place = places.get((server.address() as AddressInfo).port) // a TCP server has one
    if (place === undefined) return
    const { method, url, httpVersion, rawHeaders, headers, socket } = request
    const trace = /^00-([0-9a-f]{32})-/.exec(String(headers['traceparent'] ?? ''))?.[1]
    const line = `${method} ${url} HTTP/${httpVersion}`
    const chunks: Uint8Array[] = []
    const note = {
      ...place,
      trace,
      peer: socket.remotePort ?? 0,
      line,
      rawHeaders,
      chunks,
      deeds: [],
      told: false,
    }
    const push = request.push.bind(request)
    request.push = (chunk: Buffer | null, encoding?: BufferEncoding) => {
      if (chunk !== null) chunks.push(chunk)
      return push(chunk, encoding)
    }
    opened.push(note)
    running.enterWith(note)
  })
}

function take(): Note[] {
  return opened.splice(0).map((open) => {
    open.told = true
    const { chunks, told: _, ...note } = open
    return { ...note, body: Buffer.concat(chunks) }
  })
}

/** Called by every handler. */
function did(deed: string): void {
  const note = running.getStore()
  if (note === undefined) throw new Error(`nobody asked for ${deed}`)
  // What is done after it was asked for is told the next time.
  if (note.told) opened.push({ ...note, chunks: [], deeds: [deed], told: false })
  else note.deeds.push(deed)
}

async function startMode(mode: Exclude<UpstreamName, 'express'>): Promise<number> {
  const { url } = await startCatalogue(catalogue, { mode, port: 0 })
  return Number(new URL(url).port)
}

/** As the SDK's own examples do it: a server for each request, the body parsed by express. */
async function startExpress(): Promise<number> {
  const app = createMcpExpressApp()
  // Its error handler prints what it refuses otherwise.
  app.set('env', 'test')
  app.post('/mcp', async (request: IncomingMessage & { body?: unknown }, response: never) => {
    const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true })
    // The SDK's class declares its accessors without exactOptionalPropertyTypes in mind.
    await createServer1(catalogue).connect(transport as Transport)
    await transport.handleRequest(request, response, request.body)
  })
  const server: Server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port // a TCP server has one
}

const NAMES = ['public', 'secret'] as const
const tells = (name: string) => (name === 'secret' ? CANARY : 'a public answer')

const catalogue: Catalogue = {
  name: 'watched',
  title: 'Watched',
  instructions: 'Notes what it does.',
  tools: NAMES.map((name) =>
    tool({
      name,
      title: name,
      description: name,
      input: z.looseObject({}),
      readOnly: true,
      run: () => {
        did(`tool ${name}`)
        return textAnswer(tells(name))
      },
    }),
  ),
  prompts: NAMES.map((name) => ({
    name,
    title: name,
    description: name,
    args: { topic: { description: 'a topic', complete: () => completed(name) } },
    render: async () => {
      did(`prompt ${name}`)
      return { messages: [{ role: 'user', content: { type: 'text', text: tells(name) } }] }
    },
  })),
  resources: NAMES.map((name) => ({
    name: `${name}-a`,
    uri: `docs://${name}/a`,
    title: name,
    description: name,
    mimeType: 'text/plain',
    read: () => {
      did(`resource docs://${name}/a`)
      return { text: tells(name) }
    },
  })),
  templates: NAMES.map((name) => ({
    name: `${name}-more`,
    uri: `docs://${name}/more/{id}`,
    title: name,
    description: name,
    mimeType: 'text/plain',
    variable: 'id',
    complete: () => completed(`docs://${name}/more/{id}`),
    read: () => {
      did(`resource docs://${name}/more/`)
      return { text: tells(name) }
    },
  })),
}

function completed(of: string): string[] {
  did(`complete ${of}`)
  return [of.includes('secret') ? CANARY : 'x']
}

if (!isMainThread) await serve()
