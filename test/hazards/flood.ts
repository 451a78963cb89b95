// A program for exhaustion-memory.test.ts: an upstream that answers every POST with a very large body, and then
// prints its length and SHA-256. `node flood.ts json|events|event BYTES`

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const KINDS = {
  json: {
    type: 'application/json',
    start: '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":""}',
    block: `,{"type":"text","text":"${'abcdefgh'.repeat(8_186)}"}`,
    end: ']}}',
  },
  events: {
    type: 'text/event-stream',
    start: ': keepalive\n\n',
    block: `event: message\ndata: {"jsonrpc":"2.0","method":"notifications/message","params":{"data":"${'abcdefgh'.repeat(8_181)}"}}\n\n`,
    end: 'data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n',
  },
  event: {
    type: 'text/event-stream',
    start: 'data: {"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"',
    block: 'abcdefgh'.repeat(8_192),
    end: '"}]}}\n\n',
  },
} as const

const [kind = '', bytes = '0'] = process.argv.slice(2)
const { type, start, block, end } = KINDS[kind as keyof typeof KINDS] // its only caller knows them

const server = createServer(async (request, response) => {
  request.resume()
  response.writeHead(200, { 'content-type': type })
  const hash = createHash('sha256')
  let length = 0
  const write = async (part: Buffer) => {
    hash.update(part)
    length += part.length
    if (!response.write(part)) await once(response, 'drain')
  }
  await write(Buffer.from(start))
  const part = Buffer.from(block)
  while (length < Number(bytes)) await write(part)
  await write(Buffer.from(end))
  response.end()
  process.stdout.write(`${JSON.stringify({ length, sha256: hash.digest('hex') })}\n`)
})
await once(server.listen(0, '127.0.0.1'), 'listening')
const { port } = server.address() as AddressInfo // a TCP server has an AddressInfo
process.stdout.write(`${JSON.stringify({ port })}\n`)
