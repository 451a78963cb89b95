// Stage 7: the request to the upstream, rebuilt from scratch out of a Permit: the header allow-list,
// the configured path, our own length, the very bytes that were judged (L2, law 1). Nothing of the
// client's Authorization, Cookie or identity headers passes (R41, T51, T54).

import {
  type Answer,
  type AnswerBody,
  type Caller,
  type Head,
  type Permit,
  UpstreamFault,
} from '../types.ts'
import type { Asker, Connection } from '../upstream/connection.ts'
import type { UpstreamPool } from '../upstream/pool.ts'
import type { Release, Watch } from '../watch.ts'
import { encodeHeaderValue, encodeWords } from '../wire/headers.ts'
import type { ResponseHead } from '../wire/response.ts'

/** Identifiers the proxy alone sets. */
export type Stamp = { readonly requestId: string; readonly traceparent: string }

/** The leg to the upstream. */
export type Leg = {
  readonly pool: Pick<UpstreamPool, 'take'>
  /** `host[:port]`, for the Host header. */
  readonly host: string
  readonly path: string
  readonly connectTimeoutMs: number
  /** From the request, or the connection made for it, to the head of the answer. */
  readonly headTimeoutMs: number
}

// R12: Mcp-Param-* is forwarded untouched; R3: Accept as well. Everything else stays behind.
const PASSED = new Set(['accept', 'mcp-protocol-version'])
// R13: only in the modern era were they checked against the body.
const CHECKED = new Set(['mcp-method', 'mcp-name'])
/** What a header value may hold (RFC 9110 5.5): no line can end in one (T48). */
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/** Sends a permitted request on; rejects with an UpstreamFault when there is no answer. */
export function forward(
  permit: Permit,
  head: Head,
  leg: Leg,
  stamp: Stamp,
  watch: Watch,
  over: Release,
): Promise<Answer> {
  // What nobody waits for is not executed.
  if (over.isDone) return Promise.reject(new Error('the client left'))
  const lines = rebuild(permit, head, leg, stamp)
  const connection = leg.pool.take(permit.caller)
  return new Promise((resolve, reject) => {
    const asking = new Asking(connection, leg, watch, resolve, reject)
    connection.ask(lines, permit.intent.body?.bytes, asking)
    over.add(asking)
  })
}

/** One request under way, until its answer is complete or it is given up. */
class Asking implements Asker {
  readonly #connection: Connection
  readonly #leg: Leg
  readonly #watch: Watch
  readonly #resolve: (answer: Answer) => void
  readonly #reject: (fault: UpstreamFault) => void

  constructor(
    connection: Connection,
    leg: Leg,
    watch: Watch,
    resolve: (answer: Answer) => void,
    reject: (fault: UpstreamFault) => void,
  ) {
    this.#connection = connection
    this.#leg = leg
    this.#watch = watch
    this.#resolve = resolve
    this.#reject = reject
    const unconnected = () => this.#late('upstream_refused', 'no connection in time')
    if (connection.connecting) watch.set(leg.connectTimeoutMs, unconnected)
    else this.connected()
  }

  connected(): void {
    const { headTimeoutMs } = this.#leg
    this.#watch.set(headTimeoutMs, () => this.#late('upstream_slow', 'no response head in time'))
  }

  answered({ status, headers }: ResponseHead, body: AnswerBody): void {
    this.#watch.clear()
    this.#resolve({ status, headers, body })
  }

  failed(fault: UpstreamFault): void {
    this.#reject(fault)
  }

  release(): void {
    this.#connection.cancel(this)
  }

  #late(code: UpstreamFault['code'], fact: string): void {
    this.#connection.destroy(new UpstreamFault(code, fact))
  }
}

/** The head for the upstream: the headers of the allow-list and our own, its empty line included. */
export function rebuild(
  { caller, intent, session, scopes }: Permit,
  head: Head,
  { host, path }: Pick<Leg, 'host' | 'path'>,
  stamp: Stamp,
): string {
  let lines = `${intent.http} ${path} HTTP/1.1\r\nhost: ${host}\r\naccept-encoding: identity\r\n`
  if (intent.body !== undefined)
    lines += `content-type: application/json\r\ncontent-length: ${intent.body.bytes.length}\r\n`
  for (const [name, value] of head.headers)
    if (
      PASSED.has(name) ||
      name.startsWith('mcp-param-') ||
      (intent.era === 'modern' && CHECKED.has(name))
    )
      lines += field(name, value)
  if (session !== undefined) {
    lines += field('mcp-session-id', session)
    // T100: a replay only inside a session bound to this caller.
    const lastEventId = head.headers.get('last-event-id')
    if (lastEventId !== undefined) lines += field('last-event-id', lastEventId)
  }
  return `${lines}${identityOf(caller, scopes)}x-request-id: ${stamp.requestId}\r\ntraceparent: ${stamp.traceparent}\r\n\r\n`
}

type Identity = { readonly scopes: ReadonlySet<string>; readonly lines: string }
const identities = new WeakMap<Caller, Identity>()

/** The same for all requests of a token, until its roles give it other scopes. */
function identityOf(caller: Caller, scopes: ReadonlySet<string>): string {
  const known = identities.get(caller)
  if (known?.scopes === scopes) return known.lines
  const lines =
    field('x-toolstile-subject', encodeHeaderValue(caller.sub)) +
    field('x-toolstile-scopes', encodeWords(scopes)) +
    field('x-toolstile-roles', encodeWords(caller.roles))
  identities.set(caller, { scopes, lines })
  return lines
}

function field(name: string, value: string): string {
  if (!FIELD_VALUE.test(value)) throw new TypeError('a header value holds a control character')
  return `${name}: ${value}\r\n`
}
