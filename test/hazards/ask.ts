// One request of a caller through the proxy, as raw as node:http allows, and all that came back.

import { type Agent, request } from 'node:http'

/** What the client sends. */
export type Ask =
  | {
      readonly method: string
      readonly params?: object
      readonly modern?: true
      readonly id?: null
    }
  | { readonly http: 'GET' | 'DELETE' }

/** All that came back; `complete` is false when the body did not end as HTTP says it should. */
export type Got = {
  readonly status: number
  readonly headers: readonly string[]
  readonly body: Buffer
  readonly complete: boolean
}

const VERSION = 'io.modelcontextprotocol/protocolVersion'
const CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities'

/** Sends it with `label` in a header that the proxy passes on, and collects the answer. */
export function send(
  url: string,
  agent: Agent,
  token: string,
  ask: Ask,
  label: string,
): Promise<Got> {
  const post = 'method' in ask
  const outgoing = request(url, {
    agent,
    method: post ? 'POST' : ask.http,
    headers: {
      authorization: `Bearer ${token}`,
      accept: 'application/json, text/event-stream',
      'mcp-param-row': label,
      ...(post ? { 'content-type': 'application/json' } : {}),
      ...(post && ask.modern ? modernHeaders(ask) : {}),
    },
  })
  return new Promise((resolve, reject) => {
    const nothing = { status: 0, headers: [], body: Buffer.alloc(0), complete: false }
    outgoing.setTimeout(20_000, () => {
      reject(new Error(`no end of ${label}`))
      outgoing.destroy()
    })
    outgoing.on('error', () => resolve(nothing))
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', () => undefined)
      response.on('close', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: [...response.rawHeaders, response.statusMessage ?? ''],
          body: Buffer.concat(chunks),
          complete: response.complete,
        }),
      )
    })
    outgoing.end(post ? JSON.stringify(bodyOf(ask)) : undefined)
  })
}

type Post = Extract<Ask, { readonly method: string }>

function bodyOf({ method, params = {}, modern, id }: Post): object {
  const meta = { _meta: { [VERSION]: '2026-07-28', [CAPABILITIES]: {} } }
  return {
    jsonrpc: '2.0',
    ...(id === null ? {} : { id: 1 }),
    method,
    params: modern ? { ...params, ...meta } : params,
  }
}

function modernHeaders({ method, params = {} }: Post): Record<string, string> {
  const name = 'name' in params ? { 'mcp-name': String(params.name) } : {}
  return { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, ...name }
}
