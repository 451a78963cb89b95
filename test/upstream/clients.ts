// The unmodified clients of both SDKs behind one shape, for tests that run every pairing.
import {
  Client as Client2,
  StreamableHTTPClientTransport as Transport2,
} from '@modelcontextprotocol/client'
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js'

/** What a test needs from a connected client. */
export type Peer = {
  readonly instructions: string | undefined
  tools(): Promise<string[]>
  call(name: string, args?: Record<string, unknown>, steps?: string[]): Promise<Called>
  prompts(): Promise<string[]>
  prompt(name: string, args: Record<string, string>): Promise<string>
  resources(): Promise<string[]>
  templates(): Promise<string[]>
  read(uri: string): Promise<string>
  completePrompt(name: string, argument: string, value: string): Promise<string[]>
  completeTemplate(uri: string, argument: string, value: string): Promise<string[]>
  close(): Promise<void>
}

/** The result of a tool as a test sees it. */
export type Called = { text: string; isError: boolean; structured: unknown }

const who = { name: 'test-client', version: '1.0.0' }
const capabilities = { elicitation: { form: {} } }
const accepted = { action: 'accept' as const, content: { name: 'Ada' } }

/** Connects a client of SDK version 1. */
export async function connect1(url: string): Promise<Peer> {
  const client = new Client1(who, { capabilities })
  client.setRequestHandler(ElicitRequestSchema, () => accepted)
  // The SDK's class declares its accessors without exactOptionalPropertyTypes in mind.
  await client.connect(new Transport1(new URL(url)) as Transport)
  return peerOf(client, (params, options) => client.callTool(params, undefined, options))
}

/** Connects a client of SDK version 2 that prefers the 2026-07-28 revision. */
export async function connect2(url: string): Promise<Peer> {
  const client = new Client2(who, { capabilities, versionNegotiation: { mode: 'auto' } })
  client.setRequestHandler('elicitation/create', () => accepted)
  await client.connect(new Transport2(new URL(url)))
  // These methods have the same parameters and results in both SDKs, under other type names.
  const shared = client as unknown as Shared
  return peerOf(shared, (params, options) => client.callTool(params, options))
}

type Shared = Pick<
  Client1,
  | 'listTools'
  | 'listPrompts'
  | 'getPrompt'
  | 'listResources'
  | 'listResourceTemplates'
  | 'readResource'
  | 'complete'
  | 'close'
  | 'getInstructions'
>

type CallTool = (
  params: { name: string; arguments?: Record<string, unknown> },
  options: { onprogress?: (progress: { message?: string | undefined }) => void },
) => Promise<Record<string, unknown>>

function peerOf(shared: Shared, callTool: CallTool): Peer {
  const complete = async (
    ref: Parameters<Shared['complete']>[0]['ref'],
    name: string,
    value: string,
  ) => (await shared.complete({ ref, argument: { name, value } })).completion.values
  return {
    instructions: shared.getInstructions(),
    tools: async () => (await shared.listTools()).tools.map(({ name }) => name),
    call: async (name, args, steps) => {
      const onprogress = ({ message = '' }: { message?: string | undefined }) =>
        void steps?.push(message)
      const params = args === undefined ? { name } : { name, arguments: args }
      const result = await callTool(params, steps === undefined ? {} : { onprogress })
      const [first] = result['content'] as { text?: string }[]
      return {
        text: first?.text ?? '',
        isError: result['isError'] === true,
        structured: result['structuredContent'],
      }
    },
    prompts: async () => (await shared.listPrompts()).prompts.map(({ name }) => name),
    prompt: async (name, args) => {
      const { messages } = await shared.getPrompt({ name, arguments: args })
      const content = messages[0]?.content
      return content?.type === 'text' ? content.text : ''
    },
    resources: async () => (await shared.listResources()).resources.map(({ uri }) => uri),
    templates: async () => {
      const { resourceTemplates } = await shared.listResourceTemplates()
      return resourceTemplates.map(({ uriTemplate }) => uriTemplate)
    },
    read: async (uri) => {
      const [first] = (await shared.readResource({ uri })).contents
      return first !== undefined && 'text' in first ? first.text : ''
    },
    completePrompt: (name, argument, value) =>
      complete({ type: 'ref/prompt', name }, argument, value),
    completeTemplate: (uri, argument, value) =>
      complete({ type: 'ref/resource', uri }, argument, value),
    close: () => shared.close(),
  }
}
