// The upstream of the siege: it serves good callers well, and does to the callers of its `bad_` tools
// whatever an upstream can do to a proxy. It tells of every call that it should never have been sent.

import type { Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { obey, tell } from '../support/child.ts'
import { type Asked, startHostile, whole, writeParts } from '../support/hostile.ts'

type Message = {
  readonly id?: number | string
  readonly method?: string
  readonly params?: { readonly name?: string; readonly arguments?: { readonly marker?: string } }
}
type Answer = (message: Message, socket: Socket) => void | Promise<void>

const TICK_MS = 250
const MB = 1_048_576
const JSON_HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n'
const SSE_HEAD =
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n'

const part = (text: string | Buffer) =>
  Buffer.concat([
    Buffer.from(`${Buffer.byteLength(text).toString(16)}\r\n`),
    Buffer.from(text),
    Buffer.from('\r\n'),
  ])
const event = (message: object) =>
  `event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`
const text = (id: Message['id'], said = '') =>
  JSON.stringify({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text: said }] } })
const poison = (id: Message['id']) => whole(text(id, 'poison'))

const NOISE = part(event({ method: 'notifications/message', params: { data: 'x'.repeat(60_000) } }))
const LINE = part('x'.repeat(MB))
const LINE_PARTS = 1_024
// Larger than what may be held whole, and then just small enough to be filtered.
const listOf = (bytes: number) => {
  const tool = { name: 'bad_list', description: 'y'.repeat(1_000), inputSchema: { type: 'object' } }
  const tools = Array.from({ length: bytes / JSON.stringify(tool).length }, () => tool)
  return (id: Message['id']) => whole(JSON.stringify({ jsonrpc: '2.0', id, result: { tools } }))
}
const HUGE_LIST = listOf(20 * MB)(1)
const LONG_LIST = listOf(MB)(1)

const TOOLS: Readonly<Record<string, Answer>> = {
  echo: ({ id, params }, socket) => void socket.write(whole(text(id, params?.arguments?.marker))),
  ticks: ({ id, params }, socket) => {
    const told = [1, 2, 3].map((progress) =>
      event({ method: 'notifications/progress', params: { progressToken: id, progress } }),
    )
    const answer = `event: message\ndata: ${text(id, params?.arguments?.marker)}\n\n`
    return writeParts(socket, [
      Buffer.from(SSE_HEAD),
      ...[...told, answer].map(part),
      Buffer.from('0\r\n\r\n'),
    ])
  },
  bad_silent: () => undefined,
  bad_twice: ({ id }, socket) =>
    void socket.write(Buffer.concat([whole(text(id, 'first')), poison(id), poison(2)])),
  bad_twice_late: ({ id }, socket) => {
    socket.write(whole(text(id, 'first')))
    setTimeout(() => socket.write(poison(id)), 20)
  },
  // Its first answer was there before the request was.
  bad_early: ({ id }, socket) => void socket.write(poison(id)),
  bad_garbage: (_, socket) =>
    void socket.write('HTTP/1.1 200 OK\r\ncontent-length: 5, 6\r\n\r\n{}'),
  bad_chunks: (_, socket) =>
    void socket.write(`${JSON_HEAD}transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`),
  bad_head: (_, socket) => void socket.write(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(65_536)}\r\n\r\n`),
  bad_redirect: (_, socket) =>
    void socket.write(whole('{}', ['location: http://127.0.0.1:9/'], '302 Found')),
  bad_gzip: ({ id }, socket) =>
    void socket.write(
      whole(gzipSync(text(id)), ['content-type: application/json', 'content-encoding: gzip']),
    ),
  bad_reset: (_, socket) => void socket.resetAndDestroy(),
  bad_cut: (_, socket) => void socket.end(`${JSON_HEAD}content-length: 100\r\n\r\n{"jsonrpc"`),
  bad_stalled: (_, socket) =>
    void socket.write(`${JSON_HEAD}content-length: 100\r\n\r\n{"jsonrpc":"2.0","result":{`),
  bad_interim: ({ id }, socket) =>
    void socket.write(
      Buffer.concat([Buffer.from('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(50)), whole(text(id))]),
    ),
  bad_endless: (_, socket) => pour(socket, NOISE, Number.POSITIVE_INFINITY),
  bad_line: async ({ id }, socket) => {
    socket.write(Buffer.concat([Buffer.from(SSE_HEAD), part('data: {"jsonrpc":"2.0","x":"')]))
    await pour(socket, LINE, LINE_PARTS)
    socket.write(Buffer.concat([part(`","id":${id},"result":{}}\n\n`), Buffer.from('0\r\n\r\n')]))
  },
}

async function pour(socket: Socket, block: Buffer, count: number): Promise<void> {
  if (count === Number.POSITIVE_INFINITY) socket.write(SSE_HEAD)
  for (let sent = 0; sent < count && !socket.destroyed; sent++) await writeParts(socket, [block])
}

function listFor(subject: string, id: Message['id']): Buffer {
  if (subject === 'mallory') return HUGE_LIST
  if (subject === 'sybil0') return LONG_LIST
  const tools = ['echo', 'ticks', ...Object.keys(TOOLS).filter((name) => name.startsWith('bad_'))]
  const result = { tools: tools.map((name) => ({ name, inputSchema: { type: 'object' } })) }
  return whole(JSON.stringify({ jsonrpc: '2.0', id, result }))
}

/** A standing stream: one tick after the other, so that a gap shows. */
function stand(socket: Socket): void {
  socket.write(SSE_HEAD)
  let progress = 0
  const timer = setInterval(() => {
    const params = { progressToken: 0, progress: ++progress }
    socket.write(part(event({ method: 'notifications/progress', params })))
  }, TICK_MS)
  socket.once('close', () => clearInterval(timer))
}

function answer({ line, headers, body }: Asked, socket: Socket): void {
  upstream.asked.length = 0
  const subject = headers.get('x-toolstile-subject') ?? ''
  if (line.startsWith('GET')) {
    stand(socket)
    return
  }
  const message = JSON.parse(body.toString()) as Message
  if (message.method === 'tools/list') {
    socket.write(listFor(subject, message.id))
    return
  }
  const name = message.params?.name ?? ''
  const bad = name.startsWith('bad_')
  if (bad === subject.startsWith('good')) tell({ unauthorized: `${name} for ${subject}` })
  void TOOLS[name]?.(message, socket)
}

const early = new WeakSet<Socket>()
const upstream = await startHostile(answer, (headers, socket) => {
  // Only one attack has a body that does not come with its head: it is answered before it is there.
  if (early.has(socket) || headers.get('x-toolstile-subject') !== 'sybil2') return
  early.add(socket)
  socket.write(poison(1))
})
obey(() => undefined)
tell({ url: upstream.url })
