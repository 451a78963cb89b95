// Puts one ask to a client of SDK version 1, on the stream of the request that needs it.
import type { Server } from '@modelcontextprotocol/sdk/server/index.js'
import type { ElicitRequestFormParams, RequestId } from '@modelcontextprotocol/sdk/types.js'
import type { Ask, Reply } from './catalogue.ts'

/** Sends the request for one ask and waits for the client's reply. */
export async function putAsk(
  ask: Ask,
  server: Server,
  request: { requestId: RequestId; signal: AbortSignal },
): Promise<Reply> {
  const options = { relatedRequestId: request.requestId, signal: request.signal }
  switch (ask.kind) {
    case 'elicit': {
      const { action, content } = await server.elicitInput(formOf(ask), options)
      return { kind: 'elicit', action, content: { ...content } }
    }
    case 'sample': {
      const result = await server.createMessage(
        {
          messages: [{ role: 'user', content: { type: 'text', text: ask.prompt } }],
          maxTokens: ask.maxTokens,
        },
        options,
      )
      return { kind: 'sample', text: result.content.type === 'text' ? result.content.text : '' }
    }
    case 'roots': {
      const { roots } = await server.listRoots(undefined, options)
      return { kind: 'roots', uris: roots.map((root) => root.uri) }
    }
  }
}

function formOf(ask: Ask & { kind: 'elicit' }): ElicitRequestFormParams {
  // A catalogue writes its fields in the wire shape; the SDK's union of shapes is the same thing.
  const properties = ask.fields as ElicitRequestFormParams['requestedSchema']['properties']
  const requestedSchema = { type: 'object' as const, properties, required: ask.required }
  return { mode: 'form', message: ask.message, requestedSchema }
}
