// A forwarder between proxy and upstream that keeps what the upstream was sent. It streams both
// ways and passes an abort on; it must never change a byte of a body.

import { once } from 'node:events'
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as open,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'

/** One request as it reached the upstream. */
export type Recorded = {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
  readonly body: string
  /** Settles when the upstream has begun to answer. */
  readonly answered: Promise<void>
  /** Settles when the proxy left before the answer was complete. */
  readonly left: Promise<void>
}

/** A running recorder. */
export type Recorder = {
  readonly url: string
  /** Everything since the start or the last `clear`. */
  requests(): readonly Recorded[]
  /** The `method` members of the JSON bodies, and the HTTP method where there is none. */
  methods(): readonly string[]
  /** The first request, past or future, with this HTTP method or with this text in its body. */
  seen(text: string): Promise<Recorded>
  clear(): void
  stop(): Promise<void>
}

/** Starts a recorder in front of an `http:` URL on a free port of loopback. */
export async function startRecorder(upstream: string): Promise<Recorder> {
  const target = new URL(upstream)
  const kept: Recorded[] = []
  const waiting = new Set<(recorded: Recorded) => void>()
  const server = createServer(async (request, response) => {
    const left = Promise.withResolvers<void>()
    const answered = Promise.withResolvers<void>()
    response.once('close', () => {
      if (!response.writableFinished) left.resolve()
    })
    const { method = '', url = '', headers, rawHeaders } = request
    const body = await readAll(request)
    const recorded: Recorded = {
      method,
      url,
      headers,
      rawHeaders,
      body,
      answered: answered.promise,
      left: left.promise,
    }
    kept.push(recorded)
    for (const hear of waiting) hear(recorded)
    pass(recorded, target, response, answered.resolve)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo // a TCP server has an AddressInfo
  return {
    url: `http://127.0.0.1:${port}${target.pathname}`,
    requests: () => [...kept],
    methods: () => kept.map(({ method, body }) => (body === '' ? method : methodOf(body))),
    seen: (text) => {
      const fits = ({ method, body }: Recorded) => method === text || body.includes(text)
      const past = kept.find(fits)
      if (past !== undefined) return Promise.resolve(past)
      const { promise, resolve } = Promise.withResolvers<Recorded>()
      const hear = (recorded: Recorded) => {
        if (!fits(recorded)) return
        waiting.delete(hear)
        resolve(recorded)
      }
      waiting.add(hear)
      return promise
    },
    clear: () => {
      kept.length = 0
    },
    stop: async () => {
      const closed = once(server, 'close')
      server.close().closeAllConnections()
      await closed
    },
  }
}

function pass(
  recorded: Recorded,
  target: URL,
  response: ServerResponse,
  onAnswer: () => void,
): void {
  const { method, url, headers, body } = recorded
  const outgoing = open({
    hostname: target.hostname,
    port: target.port,
    method,
    path: url,
    headers: { ...headers, host: target.host },
  })
  outgoing.once('response', (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
    response.flushHeaders()
    onAnswer()
    answer.pipe(response)
    answer.once('close', () => {
      if (!answer.complete) response.destroy()
    })
  })
  outgoing.once('error', () => response.destroy())
  response.once('close', () => outgoing.destroy())
  outgoing.end(body)
}

async function readAll(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += chunk
  return text
}

function methodOf(body: string): string {
  const { method } = JSON.parse(body) as { method?: string }
  return method ?? 'response'
}
