// The Node programs for streams that stand: `stub PORT` answers each GET with an event stream that
// stays open and silent; `hold URL COUNT` opens so many with the token it reads, and tells when.

import { createServer, get } from 'node:http'

const [kind, where = '', count = '0'] = process.argv.slice(2)
/** Not all in one moment: the queue of the listener would be what is measured. */
const AT_ONCE = 64

function stub(port: number): void {
  createServer((request, response) => {
    request.resume()
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    response.write(': open\n\n')
  }).listen(port, '127.0.0.1', 4_096)
}

async function hold(url: string, total: number): Promise<void> {
  const authorization = `Bearer ${process.env['TOKEN']}`
  const headers = { authorization, accept: 'text/event-stream' }
  const open = () =>
    new Promise<void>((resolve, reject) => {
      get(url, { headers, agent: false }, (response) => {
        if (response.statusCode !== 200) reject(new Error(`a stream got ${response.statusCode}`))
        response.resume()
        response.once('close', () => process.exit(1))
        resolve()
      }).once('error', reject)
    })
  for (let done = 0; done < total; done += AT_ONCE)
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, total - done) }, open))
  process.stdout.write('open\n')
}

if (kind === 'stub') stub(Number(where))
else await hold(where, Number(count))
