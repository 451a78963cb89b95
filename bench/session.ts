// A session of the 2025 era, opened the way a client opens it.

import { choosing } from './scenarios.ts'

const INITIALIZE = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'bench', version: '1' },
  },
})

/** Sends `initialize` to a port and gives the session id of the answer. */
export async function openSession(port: number, token?: string): Promise<string> {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const response = await fetch(`http://127.0.0.1:${port}/mcp`, {
    method: 'POST',
    headers: { ...choosing('session'), ...authorization },
    body: INITIALIZE,
  })
  await response.text()
  const id = response.headers.get('mcp-session-id')
  if (id === null) throw new Error(`initialize got ${response.status} and no session`)
  return id
}
