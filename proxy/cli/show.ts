// What the demo shows: four real requests through the real proxy by a published MCP client, and the
// lines to paste into other clients. Everything printed here was answered by the proxy.

import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'

/** The three callers of the demo. */
export type Tokens = { readonly reader: string; readonly partner: string; readonly admin: string }

type Print = (line: string) => void

/** Lists as two callers, calls what is denied, and calls without a token. */
export async function showRequests(url: string, tokens: Tokens, print: Print): Promise<void> {
  print('\n1. tools/list with scope public:read')
  const shown = await toolsOf(url, tokens.reader)
  printNames(shown, print)
  print('\n2. tools/list with scopes public:read confidential:read, the same server')
  const all = await toolsOf(url, tokens.partner)
  printNames(all, print)
  const hidden = all.find((name) => !shown.includes(name)) ?? 'get_confidential_info'
  print(`\n3. tools/call ${hidden} with scope public:read`)
  print(`   ${await callOf(url, tokens.reader, hidden)}`)
  print('\n4. tools/list without a token')
  print(`   ${await bareRequest(url)}`)
}

async function withClient<T>(
  url: string,
  token: string,
  use: (client: Client) => Promise<T>,
): Promise<T> {
  const client = new Client({ name: 'toolstile-demo', version: '1' })
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    requestInit: { headers: { authorization: `Bearer ${token}` } },
  })
  // The SDK's class and its own interface differ under exactOptionalPropertyTypes.
  await client.connect(transport as Transport)
  try {
    return await use(client)
  } finally {
    await client.close()
  }
}

function toolsOf(url: string, token: string): Promise<readonly string[]> {
  return withClient(url, token, async (client) => {
    const { tools } = await client.listTools()
    return tools.map(({ name }) => name)
  })
}

function printNames(names: readonly string[], print: Print): void {
  for (const name of names) print(`   ${name}`)
}

function callOf(url: string, token: string, name: string): Promise<string> {
  return withClient(url, token, async (client) => {
    try {
      const { content } = await client.callTool({ name, arguments: {} })
      return `answered: ${JSON.stringify(content).slice(0, 80)}`
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  })
}

async function bareRequest(url: string): Promise<string> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
  })
  const challenge = answer.headers.get('www-authenticate') ?? ''
  return `${answer.status} ${await answer.text()}\n   WWW-Authenticate: ${challenge}`
}

/** The tokens and lines that are ready to paste. */
export function pasteLines(url: string, tokens: Tokens, print: Print): void {
  print('\nTokens, valid for 24 hours while this runs:\n')
  print(`READER=${tokens.reader}\n`)
  print(`PARTNER=${tokens.partner}\n`)
  print(`ADMIN=${tokens.admin}`)
  print('\nWith curl:\n')
  print(`curl -s ${url} -H "Authorization: Bearer ${tokens.reader}" \\`)
  print(`  -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \\`)
  print(`  -d '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'`)
  print('\nWith Claude Code:\n')
  print(`claude mcp add --transport http toolstile ${url} \\`)
  print(`  --header "Authorization: Bearer ${tokens.reader}"`)
  print('\nAs .mcp.json:\n')
  const server = { type: 'http', url, headers: { Authorization: `Bearer ${tokens.reader}` } }
  print(JSON.stringify({ mcpServers: { toolstile: server } }, null, 2))
}
