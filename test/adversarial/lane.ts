// One lane of the bench: a shot at a time, on connections and in sessions of its own, so that what
// comes back can only be of this shot.

import { randomBytes } from 'node:crypto'
import { Connection, type Reply, type Talk, type Waiting } from './connection.ts'
import type { Front } from './front.ts'
import { legacyDraft } from './messages.ts'
import { compose, isRaw, type Shot, TRACE } from './shot.ts'
import { UPSTREAMS, type UpstreamName, type Upstreams } from './upstreams.ts'

/** A front before each upstream. */
export type Fronts = Readonly<Record<UpstreamName, Front>>

/** Which upstreams get the bytes directly when the front let nothing of them pass. */
export type Directly = 'all' | 'one'

/** A shot and the upstream behind the front that it goes to. */
export type Aimed = { readonly shot: Shot; readonly against: UpstreamName }

/** What a lane knows of a shot that it fired. */
export type Fired = Aimed & {
  readonly trace: string
  readonly sent: Buffer
  readonly front: Talk
  readonly direct: Readonly<Partial<Record<UpstreamName, Talk>>>
}

/** The trace of what the bench itself asks for. */
export const OWN = 'f'.repeat(32)
/** Behind raw bytes: its answer is the end of theirs. */
const SENTINEL = Buffer.from(
  `GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n${TRACE.replace('{trace}', OWN)}\r\nconnection: close\r\n\r\n`,
)
const run = randomBytes(4).toString('hex')
let fired = 0

/** One shot at a time, on connections and in sessions of its own. */
export class Lane {
  readonly #fronts: Fronts
  readonly #behind: Record<UpstreamName, Connection>
  readonly #direct: Record<UpstreamName, Connection>
  readonly #directly: Directly
  readonly #patienceMs: number
  readonly #sessions: { front: string | undefined; direct: string | undefined } = {
    front: undefined,
    direct: undefined,
  }

  constructor(fronts: Fronts, upstreams: Upstreams, directly: Directly, patienceMs: number) {
    const connections = (portOf: (name: UpstreamName) => number) =>
      Object.fromEntries(UPSTREAMS.map((name) => [name, new Connection(portOf(name))])) as Record<
        UpstreamName,
        Connection
      > // one for each name
    this.#fronts = fronts
    this.#directly = directly
    this.#patienceMs = patienceMs
    this.#behind = connections((name) => fronts[name].port)
    this.#direct = connections((name) => upstreams.ports[name].direct)
  }

  /** Opens both sessions anew. */
  async renew(): Promise<void> {
    this.#sessions.front = await this.#open(this.#behind.sessions)
    this.#sessions.direct = await this.#open(this.#direct.sessions)
  }

  /** The first request of a thread compiles it: no shot shall be late for that. */
  async warm(): Promise<void> {
    for (const name of UPSTREAMS) {
      const filling = { token: '', session: undefined, trace: OWN }
      const { shot } = legacyDraft('tools/call', { name: 'public', arguments: {} })
      await this.#direct[name].send(compose(shot, filling), { answers: 1, patienceMs: 20_000 })
    }
  }

  async fire({ shot, against }: Aimed): Promise<Fired> {
    const trace = run + (fired++).toString(16).padStart(24, '0')
    const { token } = this.#fronts[against]
    const raw = isRaw(shot)
    const bytesFor = (session: string | undefined) => {
      const bytes = compose(shot, { token, session, trace })
      return raw ? Buffer.concat([bytes, SENTINEL]) : bytes
    }
    const waiting = waitingFor(shot, this.#patienceMs)
    const session = against === 'sessions' ? this.#sessions.front : undefined
    const sent = bytesFor(session)
    const front = await this.#behind[against].send(sent, {
      ...waiting,
      patienceMs: raw ? 700 : 10_000,
    })
    const direct: Partial<Record<UpstreamName, Talk>> = {}
    await Promise.all(
      this.#aims(shot, front, against).map(async (name) => {
        const bytes = bytesFor(name === 'sessions' ? this.#sessions.direct : undefined)
        direct[name] = await this.#direct[name].send(bytes, waiting)
      }),
    )
    const ended = [front, direct.sessions].some((talk) =>
      talk?.replies.some(({ status }) => status === 404),
    )
    if (ended || shot.line.startsWith('DELETE')) await this.renew()
    return { shot, against, trace, sent, front, direct }
  }

  #aims(shot: Shot, { replies }: Talk, against: UpstreamName): readonly UpstreamName[] {
    const isSure = this.#directly === 'one' && !isRaw(shot) && replies.length > 0
    return isSure && replies.every(isRefusal) ? [against] : UPSTREAMS
  }

  close(): void {
    for (const name of UPSTREAMS) {
      this.#behind[name].close()
      this.#direct[name].close()
    }
  }

  async #open(connection: Connection): Promise<string | undefined> {
    const { token } = this.#fronts.sessions
    const clientInfo = { name: 'lane', version: '1' }
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo }
    const opening = compose(legacyDraft('initialize', params).shot, {
      token,
      session: undefined,
      trace: OWN,
    })
    const { replies } = await connection.send(opening, { answers: 1, patienceMs: 10_000 })
    const session = /\r\nmcp-session-id: (\S+)/i.exec(replies[0]?.head ?? '')?.[1]
    if (session === undefined) return undefined
    const initialized = compose(legacyDraft('notifications/initialized', {}).shot, {
      token,
      session,
      trace: OWN,
    })
    await connection.send(initialized, { answers: 1, patienceMs: 10_000 })
    return session
  }
}

/** Only the proxy itself refuses with this header; a 5xx of it may speak for an upstream. */
function isRefusal({ head, status }: Reply): boolean {
  return status < 500 && /\r\ncache-control: no-store(\r|$)/i.test(head)
}

function waitingFor(shot: Shot, patienceMs: number): Waiting {
  const leave = shot.line.startsWith('GET ')
    ? 'head'
    : shot.body.includes('listen')
      ? 'event'
      : undefined
  return {
    answers: isRaw(shot) ? Number.POSITIVE_INFINITY : 1,
    // What is one request is answered, however slow the machine is.
    patienceMs: isRaw(shot) ? patienceMs : 3 * patienceMs,
    head: shot.line.startsWith('HEAD '),
    piece: shot.framing === 'chunked' ? 0 : shot.piece,
    ...(leave === undefined ? {} : { leave }),
  }
}
