// The published clients of both SDKs, each with a token, behind the calls that they share.

import {
  Client as Client2,
  StreamableHTTPClientTransport as Transport2,
  type VersionNegotiationOptions,
} from '@modelcontextprotocol/client'
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import {
  ElicitRequestSchema,
  ResourceUpdatedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js'
import type { Mode } from '../../upstream/server.ts'

/** A client and how it picks its era. */
export type Kind = 'v1' | 'v2' | 'v2 auto' | 'v2 pinned'

/** Every client with every upstream that it can talk to. */
export const PAIRINGS: readonly (readonly [Kind, Mode])[] = [
  ...(['v1', 'v2', 'v2 auto'] as const).flatMap((kind) =>
    (['sessions', 'stateless', 'modern'] as const).map((mode) => [kind, mode] as const),
  ),
  ['v2 pinned', 'modern'],
]

type Shared = Pick<
  Client1,
  | 'listTools'
  | 'listPrompts'
  | 'getPrompt'
  | 'listResources'
  | 'listResourceTemplates'
  | 'readResource'
  | 'complete'
  | 'subscribeResource'
  | 'unsubscribeResource'
  | 'getInstructions'
  | 'close'
>

/** A connected client. */
export type Agent = Shared & {
  callTool(name: string, args?: Record<string, unknown>, onProgress?: Hear): Promise<Called>
  /** Hears of every resource that the server says has changed. */
  onUpdated(hear: (uri: string) => void): void
  /** Ends the session, where there is one. */
  endSession(): Promise<void>
}

type Hear = (message: string) => void

/** The result of a tool. */
export type Called = { readonly text: string; readonly isError: boolean }

const who = { name: 'agent', version: '1.0.0' }
const capabilities = { elicitation: { form: {} } }
const accepted = { action: 'accept' as const, content: { name: 'Ada' } }

const NEGOTIATION: Readonly<Record<Exclude<Kind, 'v1'>, VersionNegotiationOptions | undefined>> = {
  v2: undefined,
  'v2 auto': { mode: 'auto' },
  'v2 pinned': { mode: { pin: '2026-07-28' } },
}

/** Connects a client that sends the token, or none. */
export function connectAs(kind: Kind, url: string, token?: string): Promise<Agent> {
  return kind === 'v1' ? connect1(url, token) : connect2(NEGOTIATION[kind], url, token)
}

async function connect1(url: string, token: string | undefined): Promise<Agent> {
  const client = new Client1(who, { capabilities })
  client.setRequestHandler(ElicitRequestSchema, () => accepted)
  const transport = new Transport1(new URL(url), { requestInit: { headers: bearer(token) } })
  // The SDK's class declares its accessors without exactOptionalPropertyTypes in mind.
  await client.connect(transport as Transport)
  return agentOf(client, {
    call: (params, options) => client.callTool(params, undefined, options),
    onUpdated: (hear) =>
      client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) =>
        hear(params.uri),
      ),
    endSession: () => transport.terminateSession(),
  })
}

async function connect2(
  versionNegotiation: VersionNegotiationOptions | undefined,
  url: string,
  token: string | undefined,
): Promise<Agent> {
  const client = new Client2(who, {
    capabilities,
    ...(versionNegotiation && { versionNegotiation }),
  })
  client.setRequestHandler('elicitation/create', () => accepted)
  const transport = new Transport2(new URL(url), { authProvider: { token: async () => token } })
  await client.connect(transport)
  // These methods have the same parameters and results in both SDKs, under other type names.
  return agentOf(client as unknown as Shared, {
    call: (params, options) => client.callTool(params, options),
    onUpdated: (hear) =>
      client.setNotificationHandler('notifications/resources/updated', ({ params }) =>
        hear(params.uri),
      ),
    endSession: () => transport.terminateSession(),
  })
}

function bearer(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` }
}

type Own = {
  call(
    params: { name: string; arguments: Record<string, unknown> },
    options: { onprogress?: (progress: { message?: string | undefined }) => void },
  ): Promise<Record<string, unknown>>
  onUpdated(hear: (uri: string) => void): void
  endSession(): Promise<void>
}

function agentOf(client: Shared, { call, onUpdated, endSession }: Own): Agent {
  return {
    listTools: (...given) => client.listTools(...given),
    listPrompts: (...given) => client.listPrompts(...given),
    getPrompt: (...given) => client.getPrompt(...given),
    listResources: (...given) => client.listResources(...given),
    listResourceTemplates: (...given) => client.listResourceTemplates(...given),
    readResource: (...given) => client.readResource(...given),
    complete: (...given) => client.complete(...given),
    subscribeResource: (...given) => client.subscribeResource(...given),
    unsubscribeResource: (...given) => client.unsubscribeResource(...given),
    getInstructions: () => client.getInstructions(),
    close: () => client.close(),
    onUpdated,
    endSession,
    callTool: async (name, args = {}, onProgress) => {
      const onprogress = ({ message = '' }: { message?: string | undefined }) =>
        onProgress?.(message)
      const options = onProgress === undefined ? {} : { onprogress }
      const result = await call({ name, arguments: args }, options)
      const [first] = result['content'] as { text?: string }[]
      return { text: first?.text ?? '', isError: result['isError'] === true }
    },
  }
}
