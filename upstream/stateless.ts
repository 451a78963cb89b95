// Mode `stateless`: SDK version 1 with a fresh server for each request and JSON answers.
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import type { Catalogue } from './catalogue.ts'
import { type Exchange, refuse } from './exchange.ts'
import { createServer1 } from './sdk1.ts'

/** Serves a catalogue without sessions; GET and DELETE are not allowed. */
export function serveStateless(catalogue: Catalogue): Exchange {
  return {
    handle: async (request, response) => {
      if (request.method !== 'POST') return refuse(response, 405, -32000, 'Method not allowed.')
      const server = createServer1(catalogue)
      const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true })
      response.on('close', () => void server.close())
      // The SDK's class declares its accessors without exactOptionalPropertyTypes in mind.
      await server.connect(transport as Transport)
      await transport.handleRequest(request, response)
    },
    sessions: () => 0,
    touch: () => {},
    close: async () => {},
  }
}
