// The same crowd against the published SDK servers in all three modes (T110): 1,000 requests at once,
// all with id 1, progress notifications included, and some clients that leave.

import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { type Mode, startUpstream } from '../../upstream/server.ts'
import { startProxy, type TestProxy } from '../support/proxy.ts'
import { legacy, modern, modernHeaders } from '../support/wire.ts'
import { inTurns } from './answers.ts'
import {
  assertOwn,
  assertQuiet,
  dice,
  hashOf,
  leave,
  markerOf,
  markersIn,
  POINTS,
  recordsByHash,
} from './crowd.ts'
import { bytesOf } from './probes.ts'
import { head, talk } from './raw.ts'

const CLIENTS = 1_000
const LEAVING = 50
/** A server of the sessions mode keeps an SDK server for each session. */
const SESSIONS = 100
const WAIT_MS = 90_000

const POLICY = {
  version: 1,
  tools: {
    echo: { anyone: true },
    count_slowly: { anyone: true },
    get_public_info: { scopes: ['a'] },
  },
}

type Caller = { readonly token: string; readonly headers: Readonly<Record<string, string>> }

/** Callers of different subjects, each with a session of its own where the server has sessions. */
async function callersFor(proxy: TestProxy, mode: Mode): Promise<readonly Caller[]> {
  const callers: Caller[] = []
  const count = mode === 'sessions' ? SESSIONS : 5
  await inTurns(Array.from({ length: count }), 8, async (_, at) => {
    const scope = at % 2 === 0 ? 'a' : 'b'
    const token = await proxy.token({ sub: `caller-${at}`, scope })
    if (mode !== 'sessions') return void callers.push({ token, headers: {} })
    const clientInfo = { name: 'crowd', version: '1' }
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo }
    const { replies } = await talk(proxy.port, bytesOf(token, legacy('initialize', params), {}))
    const id = replies[0]?.headers.get('mcp-session-id') ?? ''
    const headers = { 'mcp-session-id': id, 'mcp-protocol-version': '2025-11-25' }
    const ready = bytesOf(token, legacy('notifications/initialized', {}, null), headers)
    assert.equal((await talk(proxy.port, ready)).replies[0]?.status, 202)
    callers.push({ token, headers })
  })
  return callers
}

function callBytes(caller: Caller, mode: Mode, tool: string, args: object, marker: string): Buffer {
  const params = { name: tool, arguments: args, _meta: { progressToken: marker } }
  if (mode !== 'modern') return bytesOf(caller.token, legacy('tools/call', params), caller.headers)
  return bytesOf(
    caller.token,
    modern('tools/call', params as never),
    modernHeaders('tools/call', tool),
  )
}

for (const mode of ['sessions', 'stateless', 'modern'] as const)
  test(`T110 1,000 requests with one id to the SDK server, mode ${mode}`, async (t: TestContext) => {
    const seed = randomInt(2 ** 31)
    t.diagnostic(`seed ${seed}`)
    const roll = dice(seed)
    const upstream = await startUpstream({ mode, port: 0 })
    t.after(() => upstream.close())
    const proxy = await startProxy({ upstream: upstream.url, policy: POLICY })
    t.after(() => proxy.stop())
    const callers = await callersFor(proxy, mode)
    const before = proxy.records().length
    const whole: string[] = []
    const client = async (at: number): Promise<void> => {
      const caller = callers[at % callers.length] ?? { token: '', headers: {} }
      const marker = markerOf(mode, at)
      const echo = callBytes(caller, mode, 'echo', { text: marker }, marker)
      if (at < LEAVING) {
        const count = callBytes(caller, mode, 'count_slowly', { steps: 3, intervalMs: 5 }, marker)
        return leave(proxy.port, count, POINTS[at % POINTS.length] ?? 'in the body', roll)
      }
      // The answer of a server that was asked for progress names the token of this request alone.
      if (roll(4) === 0) {
        const count = callBytes(caller, mode, 'count_slowly', { steps: 2, intervalMs: 1 }, marker)
        const { replies } = await talk(proxy.port, count, 1, WAIT_MS)
        const body = replies[0]?.body ?? ''
        assert.match(body, /Counted to 2/)
        // A stateless server answers in JSON, where no progress can be told.
        const told = mode === 'stateless' ? [] : [marker]
        assert.deepEqual([...new Set(markersIn(body))], told)
        assert.equal(body.split('Counted to 2').length, 2)
        return
      }
      if (roll(4) === 0) {
        const public_ = callBytes(caller, mode, 'get_public_info', {}, marker)
        const { replies } = await talk(proxy.port, public_, 1, WAIT_MS)
        const allowed = !(replies[0]?.body ?? '').includes('-31403')
        assert.equal(allowed, claims(caller.token).scope === 'a')
        return
      }
      whole.push(marker)
      const { replies } = await talk(proxy.port, echo, 1, WAIT_MS)
      assertOwn(replies[0], marker)
    }
    const begun = performance.now()
    await Promise.all(Array.from({ length: CLIENTS }, (_, at) => client(at)))
    await assertQuiet(proxy)
    t.diagnostic(`${CLIENTS} clients in ${Math.round(performance.now() - begun)} ms`)
    await proxy.recorded(before + CLIENTS - LEAVING)
    const records = recordsByHash(proxy)
    for (const marker of whole) assert.equal(records.get(hashOf(marker)), 1, marker)
    for (const { token, headers } of mode === 'sessions' ? callers : [])
      assert.equal((await talk(proxy.port, head('DELETE', token, headers))).replies[0]?.status, 200)
    assert.equal(upstream.sessions(), 0)
  })

function claims(token: string): { readonly scope: string } {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
}
