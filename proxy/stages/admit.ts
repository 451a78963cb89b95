// Stage 1: may this HTTP request be looked at at all? Method, target, Host, Origin and the headers
// that must be single (L2). Nothing here may depend on who is calling.

import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Denial, Head, Reason } from '../types.ts'
import { isLoopback } from '../values.ts'
import { announcesBody } from '../wire/headers.ts'

/** What the admission depends on. */
export type Admission = {
  /** Accepted `Host` values in lower case, with or without a port. */
  readonly hosts: ReadonlySet<string>
  readonly origins: ReadonlySet<string>
  /** True when ALLOWED_HOSTS was not set: loopback names pass as well. */
  readonly loopback: boolean
}

const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/
// A host or an origin within the lengths of RFC 1035: shorter than any signed token.
const PLACE =
  /^(https?:\/\/)?(\[[0-9a-f:.]{2,45}\]|[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63}){0,5})(:\d{1,5})?$/i
const CONTINUE = '100-continue'
// T55, R12: for these Node would keep the first or join them with a comma.
const SINGLE = new Set([
  'authorization',
  'host',
  'origin',
  'content-type',
  'content-encoding',
  'content-length',
  'transfer-encoding',
  'last-event-id',
  'traceparent',
  'expect',
])

/** The head of a POST that was admitted, as it came: most clients send the same one with every request. */
type Admitted = {
  readonly url: string | undefined
  readonly raw: readonly string[]
  readonly head: Head
}
const admitted = new WeakMap<Socket, Admitted>()
/** What differs from one POST of a client to the next; the later stages read it from the request. */
const VARYING = new Set(['content-length', 'traceparent'])

/** Admits the head of a request, or says why not. */
export function admit(request: IncomingMessage, admission: Admission): Head | Denial {
  const before = admitted.get(request.socket)
  if (before !== undefined && isSame(before, request)) return before.head
  const head = admitAnew(request, admission)
  // T36: without a body there is more to look at, and a stream that stands would keep its head.
  if (!('denied' in head) && head.http === 'POST') {
    const { url, rawHeaders: raw } = request
    admitted.set(request.socket, { url, raw, head })
  }
  return head
}

function isSame({ url, raw }: Admitted, request: IncomingMessage): boolean {
  const { rawHeaders } = request
  if (request.method !== 'POST' || request.url !== url || rawHeaders.length !== raw.length)
    return false
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as string // within bounds
    if (rawHeaders[i] !== name) return false
    if (rawHeaders[i + 1] === raw[i + 1]) continue
    if (!VARYING.has(name.toLowerCase())) return false
  }
  return request.httpVersion === '1.1'
}

function admitAnew(request: IncomingMessage, admission: Admission): Head | Denial {
  if (request.httpVersion !== '1.1') return deny('http_version', `HTTP/${request.httpVersion}`)
  const headers = new Map<string, string>()
  const { rawHeaders } = request
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase()
    if (headers.has(name) && (SINGLE.has(name) || name.startsWith('mcp-')))
      return deny('duplicate_header', `${SINGLE.has(name) ? name : 'an Mcp-* header'} is repeated`)
    const value = rawHeaders[i + 1] ?? ''
    const earlier = headers.get(name)
    headers.set(name, earlier === undefined ? value : `${earlier}, ${value}`)
  }
  // T45: a list that names it among others is no 100-continue.
  if ((headers.get('expect')?.toLowerCase() ?? CONTINUE) !== CONTINUE)
    return deny('expectation', 'Expect other than 100-continue')
  // T31: a list that ends in chunked has a body for one reader, and another body for the next.
  const coding = headers.get('transfer-encoding')
  if (coding !== undefined && coding.toLowerCase() !== 'chunked')
    return deny('transfer_coding', 'Transfer-Encoding is not "chunked" alone')
  const host = (headers.get('host') ?? '').toLowerCase()
  if (!hostAllowed(host, admission)) return deny('host_not_allowed', `Host${shown(host)}`)
  const origin = headers.get('origin')
  if (origin !== undefined && !admission.origins.has(origin))
    return deny('origin_not_allowed', `Origin${shown(origin)}`)
  const http = request.method
  if (http !== 'POST' && http !== 'GET' && http !== 'DELETE')
    return deny('method_not_allowed', `method ${http}`)
  if (http !== 'POST' && announcesBody((name) => headers.get(name)))
    return deny('body_not_allowed', `${http} with a body`)
  if (hasTokenInQuery(request.url ?? '')) return deny('token_in_query', 'access_token in the query')
  return { http, headers }
}

function deny(denied: Reason, detail: string): Denial {
  return { denied, detail }
}

/** Only a place that could be allowed is quoted: what else stands there may be a secret (law 12). */
function shown(place: string): string {
  return PLACE.test(place) ? ` "${place}"` : ' of no valid form'
}

function hostAllowed(host: string, admission: Admission): boolean {
  const match = HOST.exec(host)
  if (match?.[1] === undefined) return false
  if (admission.hosts.has(host) || admission.hosts.has(match[1])) return true
  return admission.loopback && isLoopback(match[1])
}

function hasTokenInQuery(target: string): boolean {
  const at = target.indexOf('?')
  return at !== -1 && new URLSearchParams(target.slice(at)).has('access_token')
}
