// Real servers behind the proxy: the demo server on the published SDKs, asked directly and through
// the proxy, so that a reader sees what share of the whole the proxy is.

import { join } from 'node:path'
import { type Contender, contendersNamed } from './contenders.ts'
import type { Fact, Means } from './facts.ts'
import { alternate, type Loaded, prepare, rounded } from './measure.ts'
import { ask } from './probes.ts'
import { HEADERS, type Scenario, STEADY, small, toolCall } from './scenarios.ts'
import { openSession } from './session.ts'

type Mode = { readonly mode: string; readonly what: string; readonly hasSessions?: true } & Pick<
  Scenario,
  'body' | 'headers'
>

const LEGACY = { body: toolCall('get_public_info', 0), headers: HEADERS }
const MODES: readonly Mode[] = [
  { mode: 'stateless', what: 'SDK v1, a server for each request', ...LEGACY },
  { mode: 'sessions', what: 'SDK v1, one session', hasSessions: true, ...LEGACY },
  {
    mode: 'modern',
    what: 'SDK v2, 2026-07-28',
    body: JSON.stringify({
      ...{ jsonrpc: '2.0', id: 1, method: 'tools/call' },
      params: {
        ...{ name: 'get_public_info', arguments: {} },
        _meta: {
          'io.modelcontextprotocol/protocolVersion': '2026-07-28',
          'io.modelcontextprotocol/clientCapabilities': {},
        },
      },
    }),
    headers: {
      ...HEADERS,
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': 'get_public_info',
    },
  },
]

/** CPU of the server alone, of the server behind the proxy, and of the proxy. */
export async function shares({ scene, built, effort }: Means): Promise<readonly Fact[]> {
  const [ours] = contendersNamed(['ours'])
  if (ours === undefined) return []
  const token = await scene.issuer.sign(scene.iss)
  const found: Fact[] = []
  for (const { mode, what, hasSessions, ...request } of MODES) {
    const upstream = await scene.start(server(built, mode))
    const proxy = await scene.start(ours, { upstreamPort: upstream.port })
    const load = async (port: number) => {
      const session = hasSessions === true ? await openSession(port, token) : undefined
      const headers = { ...request.headers, ...(session && { 'mcp-session-id': session }) }
      const scenario = { ...small(STEADY), name: mode, body: request.body, headers }
      const seen = await ask(`http://127.0.0.1:${port}/mcp`, scenario, token)
      if (seen.status !== 200 || !seen.body.includes('"result"'))
        throw new Error(`the server in mode ${mode} got ${seen.status} ${seen.body.slice(0, 200)}`)
      return prepare(scene, scenario, { token } satisfies Loaded)
    }
    const [direct, through] = [await load(upstream.port), await load(proxy.port)]
    const core = scene.cores[0]
    const [alone, behind, own] = await alternate(
      [
        (seconds) => direct(upstream, seconds, core),
        (seconds) => through({ ...proxy, pids: upstream.pids }, seconds, core),
        (seconds) => through(proxy, seconds, core),
      ],
      effort,
    )
    await Promise.all([proxy.stop(), upstream.stop()])
    if (alone === undefined || behind === undefined || own === undefined) continue
    found.push({
      ...{ scenario: 'real servers', contender: what },
      values: {
        'requests/s direct': alone.rps,
        'requests/s through': own.rps,
        'server us direct': alone.cpu_us,
        'server us behind': behind.cpu_us,
        'proxy us': own.cpu_us,
        'share of the proxy %': rounded((100 * own.cpu_us) / (own.cpu_us + behind.cpu_us)),
      },
    })
  }
  return found
}

function server(built: string, mode: string): Contender {
  const main = join(built, 'upstream/main.js')
  return {
    ...{ name: `server in mode ${mode}`, does: '', needs: [], checks: [] },
    programs: ({ port }) => [
      { command: [process.execPath, main, '--mode', mode, '--port', String(port)], port },
    ],
  }
}
