// What stands before the upstreams: the real proxy, or something worse that shows what the oracle sees.

import { existsSync } from 'node:fs'
import type { IssuerProcess } from '../support/issuer.ts'
import { startProxy } from '../support/proxy.ts'

/** The lines of the record that the oracle reads. */
export type FrontRecord = {
  readonly trace_id: string
  readonly method: string
  readonly target?: string | undefined
  readonly outcome: string
  readonly decision?: string | undefined
  readonly reason: string
  readonly status?: number | undefined
}

/** A front before one upstream. */
export type Front = {
  readonly port: number
  /** The token of a caller who may use all that is `public`. */
  readonly token: string
  /** The records since the last call. */
  news(): readonly FrontRecord[]
  stop(): Promise<void>
}

/** Makes a front before the port of an upstream. */
export type MakeFront = (upstreamPort: number, issuer: IssuerProcess) => Promise<Front>

// A challenge names its scopes, so the scope must not be called like what it guards.
const SHUT = { scopes: ['vault:read'] }
const OPEN = { anyone: true }

/** Allows everybody what is public; the rest takes a scope that the caller lacks. */
export const POLICY = {
  version: 1,
  tools: { public: OPEN, secret: SHUT },
  prompts: { public: OPEN, secret: SHUT },
  resources: { 'docs://public/*': OPEN, 'docs://secret/*': SHUT },
}

/** The real proxy. */
export const proxyFront: MakeFront = async (upstreamPort, issuer) => {
  const proxy = await startProxy({
    upstream: `http://127.0.0.1:${upstreamPort}/mcp`,
    policy: POLICY,
    issuer,
    settings: { MAX_STREAMS_PER_CALLER: '1000' },
  })
  const exp = Math.floor(Date.now() / 1_000) + 7_200
  return {
    port: proxy.port,
    token: await proxy.token({ scope: 'public:read', exp }),
    // The proxy's own lines have these fields.
    news: () => proxy.news() as unknown as readonly FrontRecord[],
    stop: () => proxy.stop(),
  }
}

/** Where a corpus lies, or the reason why its test is skipped. */
export function corpus(name: string): { readonly folder: URL; readonly skip: string | false } {
  const folder = new URL(`../../../shared/corpora/${name}/`, import.meta.url)
  return { folder, skip: existsSync(folder) ? false : `the corpus ${name} is not here` }
}
