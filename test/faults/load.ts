// A steady trickle of calls during a fault: some that are allowed, and every kind that never is. How
// each of them ended is kept; one that does not end within the limit is `hung`.

import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { legacy } from '../support/wire.ts'
import type { Face, Forgery } from './keys.ts'

/** No client waits longer than this for the end of its answer, whatever fails. */
export const LIMIT_MS = 8_000
export const AUDIENCE = 'http://127.0.0.1:8080/mcp'
const GAP_MS = 20

const FORGERIES: readonly Forgery[] = ['own key', 'own key, good kid', 'HS256', 'weak key']
const CLAIMS = { aud: AUDIENCE, sub: 'alice', scope: 'read secret:read' }

/** The calls that are allowed, and how they end when nothing fails. */
export const ALLOWED = ['call', 'call with a new token', 'list'] as const
/** The calls that never are. */
export const FORBIDDEN = ['secret', 'no token', 'expired', ...FORGERIES] as const
export type Kind = (typeof ALLOWED)[number] | (typeof FORBIDDEN)[number]
const KINDS: readonly Kind[] = [...ALLOWED, ...FORBIDDEN]

/** How a call ends when nothing fails. */
export const usual = (kind: Kind): string =>
  kind === 'secret' ? '200 -31403' : (ALLOWED as readonly Kind[]).includes(kind) ? '200' : '401'

/** How often each kind ended how. */
export type Seen = ReadonlyMap<Kind, ReadonlyMap<string, number>>

export class Load {
  readonly #url: string
  readonly #face: Face
  readonly #kept = new Agent({ keepAlive: true })
  readonly #pending = new Set<Promise<void>>()
  #token = ''
  #expired = ''
  #seen = new Map<Kind, Map<string, number>>()
  #running: Promise<void> | undefined
  #stopped = false
  #asked = 0

  constructor(url: string, face: Face) {
    this.#url = url
    this.#face = face
  }

  /** Begins; goes on until `stop`. */
  async start(): Promise<void> {
    this.#token = await this.#face.mint({ ...CLAIMS, scope: 'read' })
    this.#expired = await this.#face.mint(CLAIMS, { expiresIn: -3_600 })
    this.#running = this.#run()
  }

  /** What was seen since the last call of this. */
  take(): Seen {
    const seen = this.#seen
    this.#seen = new Map()
    return seen
  }

  /** Waits for so many further calls of each kind that were asked from now on, and gives their ends. */
  async sample(rounds: number): Promise<Seen> {
    await Promise.all(this.#pending)
    this.take()
    await this.further(rounds * KINDS.length)
    await Promise.all(this.#pending)
    return this.take()
  }

  /** Waits until every kind ended as usual `rounds` times in a row, 10 s at most; gives how long that took. */
  async normal(rounds = 2): Promise<number> {
    const begun = performance.now()
    for (;;) {
      const seen = await this.sample(rounds)
      const odd = [...seen].flatMap(([kind, ends]) =>
        [...ends.keys()].filter((end) => end !== usual(kind)).map((end) => `${kind}: ${end}`),
      )
      const took = performance.now() - begun
      if (took > 10_000)
        throw new Error(`not normal after ${took.toFixed(0)} ms: ${odd.join(', ')}`)
      if (odd.length === 0) return took
    }
  }

  /** Waits until so many more were asked. */
  async further(count: number): Promise<void> {
    const goal = this.#asked + count
    while (this.#asked < goal) await sleep(GAP_MS)
  }

  /** Ends it, and waits for what is under way. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
    await Promise.all(this.#pending)
    this.#kept.destroy()
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const kind = KINDS[this.#asked % KINDS.length] as Kind // the wheel has no gap
      const turn = Math.floor(this.#asked++ / KINDS.length)
      const asked: Promise<void> = this.#ask(kind, turn).finally(() => this.#pending.delete(asked))
      this.#pending.add(asked)
      await sleep(GAP_MS)
    }
  }

  async #ask(kind: Kind, turn: number): Promise<void> {
    const marker = `${kind} ${turn}`
    const agent = turn % 2 === 0 ? this.#kept : new Agent()
    const end = await this.#tokenFor(kind).then(
      (token) => this.#send(kind, token, marker, agent),
      (fault: Error) => `no token: ${fault.message}`,
    )
    const ends = this.#seen.get(kind) ?? new Map<string, number>()
    ends.set(end, (ends.get(end) ?? 0) + 1)
    this.#seen.set(kind, ends)
  }

  async #tokenFor(kind: Kind): Promise<string | undefined> {
    if (kind === 'no token') return undefined
    if (kind === 'expired') return this.#expired
    if (kind === 'call with a new token') return this.#face.mint({ ...CLAIMS, scope: 'read' })
    const forgery = FORGERIES.find((name) => name === kind)
    return forgery === undefined ? this.#token : this.#face.forge(forgery, CLAIMS)
  }

  #send(kind: Kind, token: string | undefined, marker: string, agent: Agent): Promise<string> {
    const name = kind === 'call' || kind === 'call with a new token' ? 'open' : 'secret'
    const body =
      kind === 'list' ? legacy('tools/list') : legacy('tools/call', { name, arguments: { marker } })
    return new Promise((resolve) => {
      const outgoing = request(this.#url, {
        method: 'POST',
        agent,
        headers: {
          accept: 'application/json, text/event-stream',
          'content-type': 'application/json',
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
      })
      const late = setTimeout(() => {
        resolve('hung')
        outgoing.destroy()
      }, LIMIT_MS)
      outgoing.once('close', () => clearTimeout(late))
      outgoing.once('error', (fault: NodeJS.ErrnoException) => resolve(fault.code ?? fault.message))
      outgoing.once('response', (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk) => {
          text += chunk
        })
        response.once('error', () => undefined)
        response.once('close', () => {
          if (!response.complete) resolve('cut')
          else resolve(endOf(response.statusCode ?? 0, text, kind === 'list' ? 'open' : marker))
        })
      })
      outgoing.end(body)
    })
  }
}

/** The status, with the code of an error or a word on a result that is not the one asked for. */
function endOf(status: number, text: string, said: string): string {
  if (status !== 200) return String(status)
  const { result, error } = JSON.parse(text)
  if (error !== undefined) return `200 ${error.code}`
  const got =
    result.tools?.map(({ name }: { name: string }) => name).join() ?? result.content[0].text
  return got === said ? '200' : `200 with ${got}`
}
