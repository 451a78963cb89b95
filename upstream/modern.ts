// Mode `modern`: SDK version 2, which serves revision 2026-07-28 and the older ones side by side.
import { randomBytes } from 'node:crypto'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, type ServerNotifier } from '@modelcontextprotocol/server'
import type { Catalogue } from './catalogue.ts'
import type { Exchange } from './exchange.ts'
import { serverFactory2 } from './sdk2.ts'

/** Serves a catalogue in both eras with a fresh server for each request. */
export function serveModern(catalogue: Catalogue): Exchange {
  const notify = (): ServerNotifier => handler.notify
  const handler = createMcpHandler(serverFactory2(catalogue, randomBytes(32), notify))
  return {
    // The adapter's request type leaves no room for `undefined`, which Node's own type allows.
    handle: toNodeHandler(handler) as Exchange['handle'],
    sessions: () => 0,
    touch: (uri) => handler.notify.resourceUpdated(uri),
    close: () => handler.close(),
  }
}
