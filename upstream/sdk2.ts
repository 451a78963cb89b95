// Registers a catalogue on an McpServer of SDK version 2 (both protocol eras).
// A question becomes an input_required result; its state is signed before it leaves.
import {
  CLIENT_CAPABILITIES_META_KEY,
  completable,
  createRequestStateCodec,
  inputRequired,
  inputResponse,
  type McpRequestContext,
  McpServer,
  ResourceNotFoundError,
  ResourceTemplate,
  type ServerContext,
  type ServerNotifier,
} from '@modelcontextprotocol/server'
import { z } from 'zod'
import type { Ask, Call, Catalogue, Prompt, Question, Reply } from './catalogue.ts'
import { startingWith } from './completion.ts'

type Elicit = Parameters<typeof inputRequired.elicit>[0]
type InputRequest = ReturnType<typeof inputRequired.elicit>
type Codec = ReturnType<typeof createRequestStateCodec>

/** Makes the factory that `createMcpHandler` calls for every request. */
export function serverFactory2(
  catalogue: Catalogue,
  stateKey: Uint8Array,
  notify: () => ServerNotifier,
) {
  const codec = createRequestStateCodec({ key: stateKey })
  return ({ era }: McpRequestContext): McpServer => {
    const { name, title, instructions } = catalogue
    const server = new McpServer(
      { name, title, version: '1.0.0' },
      {
        instructions,
        capabilities: {
          logging: {},
          tools: { listChanged: true },
          prompts: { listChanged: true },
          // A server that lives for one request can only be listened to in the modern era.
          resources: { listChanged: true, subscribe: era === 'modern' },
        },
        requestState: { verify: codec.verify },
      },
    )
    const settle = settler(codec, notify)
    registerTools(server, catalogue, settle)
    registerPrompts(server, catalogue, settle)
    registerResources(server, catalogue)
    return server
  }
}

type Settle = ReturnType<typeof settler>

function settler(codec: Codec, notify: () => ServerNotifier) {
  return async <T extends object>(
    run: (call: Call) => Promise<T | Question>,
    context: ServerContext,
  ) => {
    const outcome = await run(callOf(context, notify))
    if (!('ask' in outcome)) return outcome
    const entries = Object.entries(outcome.ask).map(([key, ask]) => [key, requestOf(ask)])
    const inputRequests: Record<string, InputRequest> = Object.fromEntries(entries)
    if (outcome.state === undefined) return inputRequired({ inputRequests })
    const requestState = await codec.mint(outcome.state, context)
    return inputRequired({ inputRequests, requestState })
  }
}

function registerTools(server: McpServer, catalogue: Catalogue, settle: Settle): void {
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
      (args, context) => settle((call) => tool.run(args, call), context),
    )
  }
}

function registerPrompts(server: McpServer, catalogue: Catalogue, settle: Settle): void {
  for (const prompt of catalogue.prompts) {
    const { title, description } = prompt
    if (Object.keys(prompt.args).length === 0) {
      server.registerPrompt(prompt.name, { title, description }, (context) =>
        settle((call) => prompt.render({}, call), context),
      )
      continue
    }
    server.registerPrompt(
      prompt.name,
      { title, description, argsSchema: z.object(argumentsOf(prompt)) },
      (args, context) => settle((call) => prompt.render(args, call), context),
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
      if (body === undefined) throw new ResourceNotFoundError(uri.href)
      return { contents: [{ uri: uri.href, mimeType, ...body }] }
    })
  }
}

function requestOf(ask: Ask): InputRequest {
  switch (ask.kind) {
    case 'elicit': {
      // A catalogue writes its fields in the wire shape; the SDK's union is the same thing.
      const properties = ask.fields
      const requestedSchema = { type: 'object', properties, required: ask.required }
      return inputRequired.elicit({ message: ask.message, requestedSchema } as Elicit)
    }
    case 'sample':
      return inputRequired.createMessage({
        messages: [{ role: 'user', content: { type: 'text', text: ask.prompt } }],
        maxTokens: ask.maxTokens,
      })
    case 'roots':
      return inputRequired.listRoots()
  }
}

function callOf(context: ServerContext, notify: () => ServerNotifier): Call {
  const { mcpReq } = context
  const progressToken = mcpReq._meta?.progressToken
  return {
    signal: mcpReq.signal,
    clientCan: capabilitiesOf(mcpReq.envelope),
    state: mcpReq.requestState<string>(),
    reply: (key) => replyOf(inputResponse(mcpReq.inputResponses, key)),
    report: async (progress, total, message) => {
      if (progressToken === undefined) return
      const params = { progressToken, progress, total, message }
      await mcpReq.notify({ method: 'notifications/progress', params })
    },
    log: (text) => mcpReq.log('info', text),
    closeStream: () => context.http?.closeSSE?.(),
    announce: (list) => (list === 'tools' ? notify().toolsChanged() : notify().promptsChanged()),
  }
}

function capabilitiesOf(envelope: Readonly<Record<string, unknown>> | undefined): string[] {
  return Object.keys(envelope?.[CLIENT_CAPABILITIES_META_KEY] ?? {})
}

function replyOf(view: ReturnType<typeof inputResponse>): Reply {
  switch (view.kind) {
    case 'missing':
      return view
    case 'elicit':
      return { kind: 'elicit', action: view.action, content: view.content ?? {} }
    case 'roots':
      return { kind: 'roots', uris: view.roots.map((root) => root.uri) }
    case 'sampling': {
      const { content } = view.result
      const first = Array.isArray(content) ? content[0] : content
      return { kind: 'sample', text: first?.type === 'text' ? first.text : '' }
    }
  }
}
