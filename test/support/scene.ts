// What most end-to-end tests stand on: the demo upstream, a recorder, the proxy, and an issuer that
// all tests of one file share. Everything is released when its test, or the file, ends.

import { after, type TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Catalogue } from '../../upstream/catalogue.ts'
import { demoCatalogue } from '../../upstream/demo.ts'
import { findDocuments, readDocuments } from '../../upstream/documents.ts'
import { type Mode, startCatalogue, type Upstream } from '../../upstream/server.ts'
import { type Agent, connectAs, type Kind } from './agents.ts'
import { type IssuerProcess, spawnIssuer } from './issuer.ts'
import { type ProxyOptions, startProxy, type TestProxy } from './proxy.ts'
import { type Recorder, startRecorder } from './recorder.ts'

/** The issuer of this test file. */
export const issuer: IssuerProcess = await spawnIssuer(['ES256'])
after(() => issuer.stop())

export const MODES: readonly Mode[] = ['sessions', 'stateless', 'modern']

const PUBLIC = { scopes: ['public:read'] }
const CONFIDENTIAL = { scopes: ['confidential:read'] }

/** Cuts out of the middle and off the end of the list, and knows nothing of `count_slowly`. */
export const demoPolicy = {
  version: 1,
  roles: { admin: ['public:read', 'confidential:read'] },
  tools: {
    get_public_info: PUBLIC,
    get_confidential_info: CONFIDENTIAL,
    echo: PUBLIC,
    timestamp: CONFIDENTIAL,
    'c*': PUBLIC,
    calculate: CONFIDENTIAL,
    ask_name: PUBLIC,
  },
  prompts: { summarize_document: PUBLIC, review_expression: CONFIDENTIAL },
  resources: { 'docs://public/*': PUBLIC, 'docs://confidential/*': CONFIDENTIAL },
}

export const PUBLIC_TOOLS = ['get_public_info', 'echo', 'count_slowly', 'ask_name']
export const documents = readDocuments(findDocuments())

/** The parts of one test. */
export type Scene = {
  readonly upstream: Upstream
  readonly recorder: Recorder
  readonly proxy: TestProxy
  /** A token of `alice` with `public:read`. */
  readonly reader: string
  /** A token of `alice` with all scopes of the demo policy. */
  readonly full: string
  /** Connects a client to the proxy, or without a token to the upstream itself. */
  connect(kind: Kind, token?: string): Promise<Agent>
}

/** What a test may choose. */
export type SceneOptions = Partial<Omit<ProxyOptions, 'upstream' | 'issuer'>> & {
  readonly mode: Mode
  readonly catalogue?: Catalogue
}

/** The exchange lines, once there are at least `count`: a line is written after its answer. */
export async function records(proxy: TestProxy, count: number) {
  let lines = proxy.records()
  while (lines.length < count) {
    await turn()
    lines = proxy.records()
  }
  return lines
}

/** Starts upstream, recorder and proxy; after the test the last one started is released first. */
export async function setScene(t: TestContext, options: SceneOptions): Promise<Scene> {
  const { mode, catalogue = demoCatalogue(documents), ...rest } = options
  const stack = new AsyncDisposableStack()
  t.after(() => stack.disposeAsync())
  const upstream = await startCatalogue(catalogue, { mode, port: 0 })
  stack.defer(() => upstream.close())
  const recorder = await startRecorder(upstream.url)
  stack.defer(() => recorder.stop())
  const proxy = await startProxy({ policy: demoPolicy, ...rest, upstream: recorder.url, issuer })
  stack.defer(() => proxy.stop())
  return {
    upstream,
    recorder,
    proxy,
    reader: await proxy.token({ scope: 'public:read' }),
    full: await proxy.token({ scope: 'public:read confidential:read' }),
    connect: async (kind, token) => {
      const agent = await connectAs(kind, token === undefined ? upstream.url : proxy.url, token)
      stack.defer(() => agent.close())
      return agent
    },
  }
}
