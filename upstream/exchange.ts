// What every mode gives to the listener, and the two answers that the SDKs leave to their host.
import type { IncomingMessage, ServerResponse } from 'node:http'

/** A running MCP endpoint, whatever its mode. */
export type Exchange = {
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>
  /** How many sessions are open; always 0 in a mode without sessions. */
  sessions(): number
  /** Tells every client that watches the resource that it has changed. */
  touch(uri: string): void
  close(): Promise<void>
}

/** Answers with a JSON-RPC error that belongs to no request. */
export function refuse(response: ServerResponse, status: number, code: number, message: string) {
  const body = JSON.stringify({ jsonrpc: '2.0', error: { code, message }, id: null })
  response.writeHead(status, { 'content-type': 'application/json' }).end(body)
}
