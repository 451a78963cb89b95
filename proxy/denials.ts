// The only source of refusals: reason -> status, JSON-RPC code, challenge, public sentence.
// docs/denials.md is generated from this table. No sentence may show an internal fact.

import type { Reason } from './types.ts'

/** How one reason is answered, and when it is given. */
export type DenialRow = {
  readonly status: number
  /** JSON-RPC error code; a row without one answers with `{"error": sentence}`. */
  readonly code?: number
  readonly sentence: string
  readonly when: string
  readonly challenge?: 'bare' | 'invalid_token' | 'insufficient_scope'
  /** Seconds. */
  readonly retryAfter?: number
  /** The connection is closed: framing or intent of the peer is in doubt (T30-T36). */
  readonly close?: true
}

const BAD = { status: 400, close: true } as const
const UNAVAILABLE = { status: 503, retryAfter: 1 } as const
const INVALID = { status: 400, code: -32600 } as const
const PARAMS = { status: 400, code: -32602 } as const

/** Every refusal. `{target}` is `tool "x"`, `{Unknown}` is `tool: x`, `{detail}` states a fact about the input. */
export const DENIALS: Readonly<Record<Reason, DenialRow>> = {
  path_unknown: {
    status: 404,
    sentence: 'not found',
    when: 'any path but the MCP path, the metadata paths and /health',
  },
  method_not_allowed: {
    status: 405,
    sentence: 'method not allowed',
    when: 'an HTTP method other than POST, GET, DELETE, OPTIONS',
  },
  host_not_allowed: { status: 403, sentence: 'host not allowed', when: 'not in ALLOWED_HOSTS' },
  origin_not_allowed: {
    status: 403,
    sentence: 'origin not allowed',
    when: '`Origin` is present and not in ALLOWED_ORIGINS',
  },
  http_version: { status: 505, sentence: 'HTTP/1.1 is required', when: 'HTTP/1.0', close: true },
  http_malformed: {
    ...BAD,
    sentence: 'the request is not well-formed HTTP/1.1',
    when: 'framing or a head that the HTTP parser refuses',
  },
  head_too_large: {
    status: 431,
    sentence: 'the head is too large',
    when: 'more than MAX_HEADERS',
    close: true,
  },
  head_too_slow: {
    status: 408,
    sentence: 'the head took too long',
    when: 'no complete head within HEADERS_TIMEOUT',
    close: true,
  },
  request_target: {
    ...BAD,
    sentence: 'invalid request target',
    when: 'a request target that is not a path',
  },
  duplicate_header: {
    ...BAD,
    sentence: 'a header that must be single is repeated',
    when: 'Authorization, Host, Origin, Content-*, Mcp-* or another deciding header twice',
  },
  transfer_coding: {
    status: 400,
    sentence: 'the only transfer coding is chunked',
    when: '`Transfer-Encoding` is anything but `chunked`',
    close: true,
  },
  body_not_allowed: {
    ...BAD,
    sentence: 'a body is not allowed here',
    when: 'GET, DELETE or OPTIONS with a body',
  },
  expectation: {
    status: 417,
    sentence: 'expectation failed',
    when: '`Expect` other than 100-continue',
    close: true,
  },
  token_in_query: {
    status: 400,
    sentence: 'an access token in the query is not accepted',
    when: '`access_token` in the query (RFC 6750 2.3 is refused)',
  },
  token_missing: {
    status: 401,
    challenge: 'bare',
    sentence: 'an access token is required',
    when: 'no `Authorization`',
  },
  token_invalid: {
    status: 401,
    challenge: 'invalid_token',
    sentence: 'the access token is not valid',
    when: 'malformed, wrong signature, issuer, audience, type, age',
  },
  token_expired: {
    status: 401,
    challenge: 'invalid_token',
    sentence: 'the access token expired',
    when: '`exp` has passed',
  },
  keys_unavailable: {
    ...UNAVAILABLE,
    sentence: 'signing keys are unavailable',
    when: 'the key set could not be loaded, or is too old',
  },
  too_many_requests: {
    status: 429,
    retryAfter: 1,
    sentence: 'too many requests under way',
    when: 'MAX_INFLIGHT_PER_CALLER is reached',
  },
  overloaded: {
    ...UNAVAILABLE,
    sentence: 'the proxy is at its limits',
    when: 'MAX_INFLIGHT or MAX_BUFFERED is reached, or 100 requests wait on one connection',
  },
  too_many_streams: {
    status: 429,
    retryAfter: 5,
    sentence: 'too many open streams',
    when: 'MAX_STREAMS_PER_CALLER or MAX_STREAMS is reached',
  },
  media_type: {
    status: 415,
    sentence: 'the content type must be application/json in UTF-8',
    when: 'any other media type or charset',
  },
  content_encoding: {
    status: 415,
    sentence: 'an encoded body is not accepted',
    when: '`Content-Encoding` other than identity',
  },
  body_too_large: {
    status: 413,
    sentence: 'the body is too large',
    when: 'more than MAX_BODY',
    close: true,
  },
  body_too_slow: {
    status: 408,
    sentence: 'the body took too long',
    when: 'the body is not complete in time',
    close: true,
  },
  not_json: { status: 400, code: -32700, sentence: 'Parse error', when: 'not strict UTF-8 JSON' },
  invalid_message: {
    ...INVALID,
    sentence: 'Invalid Request: {detail}',
    when: 'JSON that is no JSON-RPC message of MCP',
  },
  duplicate_key: {
    ...INVALID,
    sentence: 'Invalid Request: a member name is repeated',
    when: 'a member name twice in one object, at any depth',
  },
  too_deep: { ...INVALID, sentence: 'Invalid Request: nested too deeply', when: 'over MAX_DEPTH' },
  batch: { ...INVALID, sentence: 'Invalid Request: batches are not accepted', when: 'an array' },
  invalid_name: {
    ...PARAMS,
    sentence: 'Invalid params: {detail}',
    when: 'a name or URI that is missing, no string, too long or has control characters',
  },
  header_mismatch: {
    status: 400,
    code: -32020,
    sentence: 'Header mismatch: {detail}',
    when: 'an Mcp-* header is missing, malformed or disagrees with the body (2026-07-28)',
  },
  envelope_missing: {
    ...PARAMS,
    sentence: 'Invalid params: {detail}',
    when: 'a 2026-07-28 header over a body without its envelope',
  },
  version_unsupported: {
    status: 400,
    code: -32022,
    sentence: 'Unsupported protocol version',
    when: 'an envelope of a revision that is not supported',
  },
  method_unknown: {
    status: 200,
    code: -32601,
    sentence: 'Method not found',
    when: 'a method outside the table of its era; 404 in 2026-07-28',
  },
  session_unknown: {
    status: 404,
    sentence: 'session not found',
    when: 'an unknown session, or one of another caller',
  },
  target_denied: {
    status: 200,
    code: -31403,
    sentence: 'Permission denied: {target}',
    when: 'not allowed or not existing, `deny: error`',
  },
  target_hidden: {
    status: 200,
    code: -32602,
    sentence: 'Unknown {Unknown}',
    when: 'not allowed or not existing, `deny: hide`',
  },
  scope_insufficient: {
    status: 403,
    challenge: 'insufficient_scope',
    sentence: 'insufficient scope',
    when: 'not allowed, `deny: challenge`, and a scope would help',
  },
  task_unknown: {
    status: 200,
    code: -32602,
    sentence: 'Unknown {Unknown}',
    when: 'an unknown task, or one of another caller',
  },
  draining: {
    ...UNAVAILABLE,
    sentence: 'shutting down',
    when: 'after SIGTERM, for new streams',
    close: true,
  },
  upstream_refused: {
    status: 502,
    sentence: 'the upstream server is unreachable',
    when: 'the upstream refuses the connection',
  },
  upstream_slow: {
    status: 504,
    sentence: 'the upstream server took too long',
    when: 'no response head within UPSTREAM_TIMEOUT',
  },
  upstream_broken: {
    status: 502,
    sentence: 'the upstream server gave a broken answer',
    when: 'an answer that is malformed, encoded, redirected, 401, 403, 5xx, or cannot be filtered',
  },
  internal: { status: 500, sentence: 'internal error', when: 'a fault of the proxy itself' },
}
