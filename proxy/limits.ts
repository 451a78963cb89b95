// The part of the settings table that bounds things: every timer, buffer, queue and cache of the
// proxy, with its unit. There is no value for "no limit" (law 10).

import { duration, type Setting, size, timer, whole } from './values.ts'

/** Every bound, by the key it has in Config. */
export const LIMITS = {
  maxBody: { name: 'MAX_BODY', value: '1MiB', parse: size, meaning: 'largest request body' },
  maxDepth: {
    name: 'MAX_DEPTH',
    value: '64',
    parse: whole(4, 1_000),
    meaning: 'deepest nesting of a request body',
  },
  maxHeaders: {
    name: 'MAX_HEADERS',
    value: '16KiB',
    parse: size,
    meaning: 'largest head of a request or of an answer of the upstream',
  },
  headersTimeoutMs: {
    name: 'HEADERS_TIMEOUT',
    value: '10s',
    parse: timer,
    meaning: 'from the first byte of a connection or request to its complete head',
  },
  bodyTimeoutMs: {
    name: 'BODY_TIMEOUT',
    value: '30s',
    parse: timer,
    meaning: 'from the head of a request to its complete body',
  },
  keepAliveTimeoutMs: {
    name: 'KEEP_ALIVE_TIMEOUT',
    value: '65s',
    parse: timer,
    meaning: 'a client connection without a request is closed after this',
  },
  stallTimeoutMs: {
    name: 'STALL_TIMEOUT',
    value: '60s',
    parse: timer,
    meaning: 'a client that takes nothing of what waits for it is dropped after this',
  },
  maxConnections: {
    name: 'MAX_CONNECTIONS',
    value: '10000',
    parse: whole(1, 1_000_000),
    meaning:
      'client connections; past it the one that was idle longest is closed. Never more than half of the file descriptors of the process',
  },
  maxInflight: {
    name: 'MAX_INFLIGHT',
    value: '4096',
    parse: whole(1, 1_000_000),
    meaning: 'requests under way in all, standing streams apart',
  },
  maxInflightPerCaller: {
    name: 'MAX_INFLIGHT_PER_CALLER',
    value: '1024',
    parse: whole(1, 1_000_000),
    meaning: 'requests under way of one caller, standing streams apart',
  },
  maxStreamsPerCaller: {
    name: 'MAX_STREAMS_PER_CALLER',
    value: '16',
    parse: whole(1, 100_000),
    meaning: 'standing SSE streams (GET, subscriptions/listen) of one caller',
  },
  maxStreams: {
    name: 'MAX_STREAMS',
    value: '2000',
    parse: whole(1, 1_000_000),
    meaning: 'standing SSE streams (GET, subscriptions/listen) in all',
  },
  maxBuffered: {
    name: 'MAX_BUFFERED',
    value: '256MiB',
    parse: size,
    meaning: 'bytes of request bodies, and of answers that must be seen whole, held at one time',
  },
  connectTimeoutMs: {
    name: 'CONNECT_TIMEOUT',
    value: '5s',
    parse: timer,
    meaning: 'to a connection with the upstream',
  },
  upstreamTimeoutMs: {
    name: 'UPSTREAM_TIMEOUT',
    value: '30s',
    parse: timer,
    meaning:
      'to the response head of the upstream, and to the end of an answer that must be seen whole; streams have no total limit',
  },
  upstreamIdleMs: {
    name: 'UPSTREAM_IDLE_TIMEOUT',
    value: '30s',
    parse: timer,
    meaning: 'between two parts of a JSON answer; event streams may be silent',
  },
  maxAnswer: {
    name: 'MAX_ANSWER',
    value: '16MiB',
    parse: size,
    meaning: 'largest answer that must be seen whole: a list, or a description of the server',
  },
  maxEvent: {
    name: 'MAX_EVENT',
    value: '4MiB',
    parse: size,
    meaning: 'largest SSE event that is held; a longer one streams under a guard, or is dropped',
  },
  jwksTimeoutMs: {
    name: 'JWKS_TIMEOUT',
    value: '5s',
    parse: timer,
    meaning: 'to a loaded key set, discovery included',
  },
  jwksRefreshMs: {
    name: 'JWKS_REFRESH',
    value: '10m',
    parse: timer,
    meaning: 'a key set is loaded again after this',
  },
  jwksCooldownMs: {
    name: 'JWKS_COOLDOWN',
    value: '1s',
    parse: timer,
    meaning: 'least time between two loads, whatever tokens arrive',
  },
  jwksStaleMs: {
    name: 'JWKS_STALE',
    value: '1h',
    parse: timer,
    meaning: 'a key set that cannot be loaded again is used for this long',
  },
  maxJwks: {
    name: 'JWKS_MAX',
    value: '256KiB',
    parse: size,
    meaning: 'largest document of the issuer',
  },
  tokenCache: {
    name: 'TOKEN_CACHE',
    value: '10000',
    parse: whole(1, 1_000_000),
    meaning: 'verified tokens that are remembered',
  },
  maxTasks: {
    name: 'MAX_TASKS',
    value: '10000',
    parse: whole(1, 1_000_000),
    meaning: 'tasks whose owner is remembered',
  },
  taskTtlMs: {
    name: 'TASK_TTL',
    value: '24h',
    parse: timer,
    meaning: 'the owner of a task is remembered for this long',
  },
  policyPollMs: {
    name: 'POLICY_POLL',
    value: '500ms',
    parse: timer,
    meaning: 'how often POLICY_FILE is looked at; a change counts when two looks see the same',
  },
  drainGraceMs: {
    name: 'DRAIN_GRACE',
    value: '5s',
    parse: duration,
    meaning: 'after SIGTERM connections are still accepted for this long',
  },
  drainTimeoutMs: {
    name: 'DRAIN_TIMEOUT',
    value: '20s',
    parse: timer,
    meaning: 'SIGTERM to exit',
  },
} as const satisfies Record<string, Setting<unknown>>
