// The nouns of the path: who asks, what arrived, what is asked, what was decided, what happened.
// Types, one guard and one fault, shared by every layer; this file must never hold a decision.

export type Era = 'legacy' | 'modern'

export type JSONValue = null | boolean | number | string | readonly JSONValue[] | JSONObject
export type JSONObject = { readonly [name: string]: JSONValue | undefined }

/** A value in a text, as UTF-16 indices; `end` is exclusive. */
export type Span = { readonly start: number; readonly end: number }

/** A JSON-RPC id: a string, or an integer within ±(2^53 - 1). */
export type RequestId = string | number

/** Who is calling: the verified claims of one access token, nothing else. */
export type Caller = {
  readonly iss: string
  readonly sub: string
  /** `client_id`, else `azp`, else the empty string. */
  readonly client: string
  readonly scopes: ReadonlySet<string>
  readonly roles: ReadonlySet<string>
  /** Seconds since the epoch. */
  readonly expiresAt: number
}

/** The admitted head of a request: single headers by lower-case name. */
export type Head = {
  readonly http: 'POST' | 'GET' | 'DELETE'
  readonly headers: ReadonlyMap<string, string>
}

/** The credentials of one request, or why there are none to judge. */
export type Authorization =
  | Credentials
  | { readonly fault: 'missing' | 'malformed'; readonly detail: string }
export type Credentials = { readonly token: string }

/** What is sent on as it came. */
export type Body = {
  readonly bytes: Uint8Array
  /** The same bytes, decoded. */
  readonly text: string
  /** Where `params.arguments` lies in the text, if there is one. */
  readonly arguments?: Span | undefined
}

/** What arrived: one JSON-RPC message and the bytes it was parsed from. */
export type Message = Body & { readonly params: JSONObject } & (
    | { readonly kind: 'request'; readonly id: RequestId; readonly method: string }
    | { readonly kind: 'notification'; readonly method: string }
    | { readonly kind: 'response'; readonly id: RequestId }
  )

export type TargetKind = 'tool' | 'prompt' | 'resource' | 'template' | 'task'
export type Target = { readonly kind: TargetKind; readonly name: string }

/** Members of a result that hold a list, and what they list. */
export type ListName = 'tools' | 'prompts' | 'resources' | 'resourceTemplates' | 'tasks'

/** What is asked: the part of a request that a decision is made on. */
export type Intent = {
  readonly era: Era
  readonly http: 'POST' | 'GET' | 'DELETE'
  /** JSON-RPC method; `response` for an answer of the client, else `GET` or `DELETE`. */
  readonly method: string
  readonly id: RequestId | undefined
  readonly targets: readonly Target[]
  readonly list: ListName | undefined
  /** The session id as the client sent it; undefined in the modern era and on initialize (T113). */
  readonly sealedSession: string | undefined
  /** Without what was parsed, which may take thirty times the memory (T127). */
  readonly body: Body | undefined
  /** The result may be a task, whose owner must be remembered (R31). */
  readonly mayCreateTask: boolean
}

declare const proof: unique symbol
/** The right to reach the upstream. The proof is not exported: only `authorize` makes one. */
export type Permit = {
  readonly caller: Caller
  readonly intent: Intent
  /** The upstream's own session id, opened for this caller. */
  readonly session: string | undefined
  /** Scopes of the token and of its roles. */
  readonly scopes: ReadonlySet<string>
  readonly rule: string
  readonly [proof]: true
}

/** The head of the upstream's answer; its body must be read or destroyed. */
export type Answer = {
  readonly status: number
  /** By lower-case name; a header that came more than once is a list. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: AnswerBody
}

/** What is told of a body, in order; every part is the receiver's to keep. */
export type Sink = {
  data(bytes: Uint8Array): void
  end(): void
  /** The body is not complete and will not be. */
  fail(fault: Error): void
}

/** A body on its way: it waits until it is read. */
export type AnswerBody = {
  /** All of it, where it has come already; to be called once, in place of `read`. */
  whole(): Uint8Array | undefined
  /** Tells what came and what comes; to be called once. */
  read(sink: Sink): void
  pause(): void
  resume(): void
  /** Ends the exchange and its connection, unless it is complete; the sink hears of a fault. */
  destroy(): void
}

/** The upstream could not be asked, or did not answer to the end; `code` says how that is answered. */
export class UpstreamFault extends Error {
  readonly code: 'upstream_refused' | 'upstream_slow' | 'upstream_broken'

  constructor(
    code: 'upstream_refused' | 'upstream_slow' | 'upstream_broken',
    detail: string,
    cause?: unknown,
  ) {
    super(detail, { cause })
    this.code = code
  }
}

export type DenyMode = 'error' | 'hide' | 'challenge'

/** Why a request was refused; `denials.ts` says how each is answered. */
export type Reason =
  | 'path_unknown'
  | 'method_not_allowed'
  | 'host_not_allowed'
  | 'origin_not_allowed'
  | 'http_version'
  | 'http_malformed'
  | 'head_too_large'
  | 'head_too_slow'
  | 'request_target'
  | 'duplicate_header'
  | 'transfer_coding'
  | 'body_not_allowed'
  | 'expectation'
  | 'token_in_query'
  | 'token_missing'
  | 'token_invalid'
  | 'token_expired'
  | 'keys_unavailable'
  | 'too_many_requests'
  | 'overloaded'
  | 'too_many_streams'
  | 'media_type'
  | 'content_encoding'
  | 'body_too_large'
  | 'body_too_slow'
  | 'not_json'
  | 'invalid_message'
  | 'duplicate_key'
  | 'too_deep'
  | 'batch'
  | 'invalid_name'
  | 'header_mismatch'
  | 'envelope_missing'
  | 'version_unsupported'
  | 'method_unknown'
  | 'session_unknown'
  | 'target_denied'
  | 'target_hidden'
  | 'scope_insufficient'
  | 'task_unknown'
  | 'draining'
  | 'upstream_refused'
  | 'upstream_slow'
  | 'upstream_broken'
  | 'internal'

/** A refusal: a value, never an exception. */
export type Denial = {
  readonly denied: Reason
  /** One fact about the input, for the log; never shown unless the row of denials.ts shows it. */
  readonly detail: string
  readonly id?: RequestId | undefined
  readonly era?: Era | undefined
  readonly target?: Target | undefined
  /** For `scope_insufficient`: all scopes the call needs. */
  readonly scopes?: readonly string[] | undefined
  readonly rule?: string | undefined
  /** For `header_mismatch`: what the header said; for `version_unsupported`: what was asked. */
  readonly got?: string | undefined
  /** For `header_mismatch`: what the body says; the caller's own value, shown to nobody else. */
  readonly body?: string | undefined
}

export function isDenial(value: object): value is Denial {
  return 'denied' in value
}

const keys = new WeakMap<Caller, string>()

/** The name of a caller in a table of callers; T58: no delimiter that a subject could hold. */
export function callerKey(caller: Caller): string {
  const known = keys.get(caller)
  if (known !== undefined) return known
  const key = JSON.stringify([caller.iss, caller.sub])
  keys.set(caller, key)
  return key
}
