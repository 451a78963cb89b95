// The upstream of the fault tests, in a process of its own that can be killed, stopped and started
// again: it tells of every call that it executes. `node upstream.ts PORT`

import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { obey, tell } from '../support/child.ts'

/** What it does to every call until it is told otherwise; `held` is for everybody but alice. */
export type Mode = 'well' | 'hung' | 'held' | 'reset in the head' | 'reset in the body' | 'stalled'

let mode: Mode = 'well'
let release = Promise.withResolvers<void>()

const server = createServer(async (request, response) => {
  if (request.method === 'GET') return stand(response)
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += chunk
  const { id, method, params } = JSON.parse(text)
  const tool = method === 'tools/call' ? String(params.name) : undefined
  const subject = request.headers['x-toolstile-subject']
  if (tool !== undefined) tell({ tool, subject })
  const tools = ['open', 'secret'].map((name) => ({ name, inputSchema: { type: 'object' } }))
  const content = [{ type: 'text', text: params?.arguments?.marker ?? '' }]
  const answer = JSON.stringify({
    jsonrpc: '2.0',
    id,
    result: tool === undefined ? { tools } : { content },
  })
  if (mode === 'held' && subject !== 'alice') await release.promise
  answerBy(mode, response, answer)
})

function answerBy(mode: Mode, response: ServerResponse, answer: string): void {
  const { socket } = response
  if (mode === 'hung') return
  if (mode === 'reset in the head') {
    socket?.write('HTTP/1.1 200 OK\r\ncontent-ty', () => socket.resetAndDestroy())
    return
  }
  response.writeHead(200, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(answer),
  })
  if (mode === 'stalled' || mode === 'reset in the body')
    response.write(answer.slice(0, -5), () => {
      if (mode === 'reset in the body') socket?.resetAndDestroy()
    })
  else response.end(answer)
}

/** A standing stream of events. */
function stand(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const message = { jsonrpc: '2.0', method: 'notifications/message', params: { data: 'tick' } }
  const timer = setInterval(() => {
    response.write(`event: message\ndata: ${JSON.stringify(message)}\n\n`)
  }, 100)
  response.once('close', () => clearInterval(timer))
}

obey((message) => {
  if (message['release'] === true) {
    release.resolve()
    release = Promise.withResolvers()
  }
  mode = (message['mode'] as Mode | undefined) ?? mode // only the tests tell it anything
})
server.listen(Number(process.argv[2] ?? '0'), '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo // a TCP server has an AddressInfo
  tell({ port })
})
