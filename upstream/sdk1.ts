// Registers a catalogue on an McpServer of SDK version 1 (protocol revisions up to 2025-11-25).
// A question becomes requests to the client, and the handler runs again with the replies.
import { completable } from '@modelcontextprotocol/sdk/server/completable.js'
import { McpServer, ResourceTemplate } from '@modelcontextprotocol/sdk/server/mcp.js'
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js'
import {
  ErrorCode,
  McpError,
  type ServerNotification,
  type ServerRequest,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { z } from 'zod'
import type { Call, Catalogue, Prompt, Question, Reply } from './catalogue.ts'
import { startingWith } from './completion.ts'
import { putAsk } from './sdk1-ask.ts'

const MAX_ROUNDS = 8

type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>
type Run<T> = (call: Call) => Promise<T | Question>

/** Makes one server; `watched` collects the resource URIs that its client subscribes to. */
export function createServer1(catalogue: Catalogue, watched?: Set<string>): McpServer {
  const { name, title, instructions } = catalogue
  const server = new McpServer(
    { name, title, version: '1.0.0' },
    { instructions, capabilities: { logging: {}, tools: { listChanged: true } } },
  )
  registerTools(server, catalogue)
  registerPrompts(server, catalogue)
  registerResources(server, catalogue)
  if (watched !== undefined) acceptSubscriptions(server, watched)
  return server
}

function registerTools(server: McpServer, catalogue: Catalogue): void {
  for (const tool of catalogue.tools) {
    const { title, description, input, output, readOnly } = tool
    server.registerTool(
      tool.name,
      {
        title,
        description,
        inputSchema: input,
        ...(output === undefined ? {} : { outputSchema: output }),
        annotations: { title, readOnlyHint: readOnly, openWorldHint: false },
      },
      (args: Record<string, unknown>, extra: Extra) =>
        settle((call) => tool.run(args, call), server, extra),
    )
  }
}

function registerPrompts(server: McpServer, catalogue: Catalogue): void {
  for (const prompt of catalogue.prompts) {
    const { title, description } = prompt
    if (Object.keys(prompt.args).length === 0) {
      // `registerPrompt` has no type for a prompt without arguments.
      server
        .prompt(prompt.name, description, (extra: Extra) =>
          settle((call) => prompt.render({}, call), server, extra),
        )
        .update({ title })
      continue
    }
    server.registerPrompt(
      prompt.name,
      { title, description, argsSchema: argumentsOf(prompt) },
      (args: Record<string, string>, extra: Extra) =>
        settle((call) => prompt.render(args, call), server, extra),
    )
  }
}

function argumentsOf(prompt: Prompt): Record<string, z.ZodString> {
  const shape: Record<string, z.ZodString> = {}
  for (const [name, { description, complete }] of Object.entries(prompt.args)) {
    const field = z.string().describe(description)
    shape[name] = complete === undefined ? field : completable(field, startingWith(complete))
  }
  return shape
}

function registerResources(server: McpServer, catalogue: Catalogue): void {
  for (const { name, uri, title, description, mimeType, read } of catalogue.resources) {
    server.registerResource(name, uri, { title, description, mimeType }, () => ({
      contents: [{ uri, mimeType, ...read() }],
    }))
  }
  for (const template of catalogue.templates) {
    const { name, title, description, mimeType, variable } = template
    const pattern = new ResourceTemplate(template.uri, {
      list: undefined,
      complete: { [variable]: startingWith(template.complete) },
    })
    server.registerResource(name, pattern, { title, description, mimeType }, (uri, values) => {
      const body = template.read(String(values[variable]))
      if (body === undefined) {
        throw new McpError(ErrorCode.InvalidParams, `Resource ${uri} not found`, { uri: uri.href })
      }
      return { contents: [{ uri: uri.href, mimeType, ...body }] }
    })
  }
}

function acceptSubscriptions(server: McpServer, watched: Set<string>): void {
  server.server.registerCapabilities({ resources: { subscribe: true } })
  server.server.setRequestHandler(SubscribeRequestSchema, ({ params }) => {
    watched.add(params.uri)
    return {}
  })
  server.server.setRequestHandler(UnsubscribeRequestSchema, ({ params }) => {
    watched.delete(params.uri)
    return {}
  })
}

async function settle<T extends object>(run: Run<T>, server: McpServer, extra: Extra): Promise<T> {
  let replies = new Map<string, Reply>()
  let state: string | undefined
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const outcome = await run(callOf(server, extra, replies, state))
    if (!('ask' in outcome)) return outcome
    const given = new Map<string, Reply>()
    for (const [key, ask] of Object.entries(outcome.ask)) {
      given.set(key, await putAsk(ask, server.server, extra))
    }
    replies = given
    state = outcome.state
  }
  throw new Error(`The client was asked ${MAX_ROUNDS} times without a usable reply`)
}

function callOf(
  server: McpServer,
  extra: Extra,
  replies: ReadonlyMap<string, Reply>,
  state: string | undefined,
): Call {
  const progressToken = extra._meta?.progressToken
  return {
    signal: extra.signal,
    clientCan: Object.keys(server.server.getClientCapabilities() ?? {}),
    state,
    reply: (key) => replies.get(key) ?? { kind: 'missing' },
    report: async (progress, total, message) => {
      if (progressToken === undefined) return
      const params = { progressToken, progress, total, message }
      await extra.sendNotification({ method: 'notifications/progress', params })
    },
    log: (data) =>
      extra.sendNotification({ method: 'notifications/message', params: { level: 'info', data } }),
    closeStream: () => extra.closeSSEStream?.(),
    announce: (list) =>
      list === 'tools' ? server.sendToolListChanged() : server.sendPromptListChanged(),
  }
}
