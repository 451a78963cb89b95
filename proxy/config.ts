// The settings table and the type of the frozen Config made from it; docs/configuration.md is
// generated from this table. Its bounds are in limits.ts, reading values is the work of configure.ts.

import { resolve } from 'node:path'
import { LIMITS } from './limits.ts'
import type { DenyMode } from './types.ts'
import {
  duration,
  list,
  oneOf,
  origins,
  publicUrl,
  type Setting,
  SettingError,
  secureUrl,
  upstreamUrl,
  whole,
} from './values.ts'

/** Accepted `alg` values when ALGORITHMS is not set. */
export const ALGORITHMS = ['RS256', 'ES256', 'EdDSA', 'PS256']

const maybe =
  <T>(parse: (raw: string) => T) =>
  (raw: string): T | undefined =>
    raw === '' ? undefined : parse(raw)
const text = (raw: string): string => raw

function names(raw: string): readonly string[] {
  if (list(raw).length === 0) throw new SettingError('is empty')
  return list(raw)
}

function algorithms(raw: string): readonly string[] {
  const unknown = list(raw).find((alg) => !ALGORITHMS.includes(alg) && alg !== 'HS256')
  if (unknown !== undefined)
    throw new SettingError(`names "${unknown}"; known are ${ALGORITHMS.join(', ')} and HS256`)
  return list(raw)
}

/** Every setting of `serve`: name, default, meaning. Environment `TOOLSTILE_<NAME>`, flag `--<name>`. */
export const SETTINGS = {
  upstream: {
    name: 'UPSTREAM_URL',
    value: undefined,
    parse: upstreamUrl,
    required: true,
    meaning: 'the MCP endpoint protected, `http://127.0.0.1:3000/mcp` or `unix:/run/mcp.sock:/mcp`',
  },
  publicUrl: {
    name: 'PUBLIC_URL',
    value: undefined,
    parse: publicUrl,
    required: true,
    meaning:
      'the URL clients use: RFC 9728 `resource`, default audience; its path is the one MCP path served',
  },
  host: { name: 'HOST', value: '0.0.0.0', parse: text, meaning: 'address of the client side' },
  port: {
    name: 'PORT',
    value: '8080',
    parse: whole(0, 65_535),
    meaning: 'port of the client side; 0 lets the system choose',
  },
  adminHost: {
    name: 'ADMIN_HOST',
    value: '0.0.0.0',
    parse: text,
    meaning: 'address of `/health`, `/ready` and `/metrics`',
  },
  adminPort: {
    name: 'ADMIN_PORT',
    value: '9464',
    parse: whole(0, 65_535),
    meaning: 'port of `/health`, `/ready` and `/metrics`',
  },
  issuer: {
    name: 'ISSUER',
    value: '',
    parse: maybe(secureUrl),
    shown: 'required unless JWT_SECRET_FILE',
    meaning: 'exact `iss`; keys by discovery (RFC 8414, OIDC) unless JWKS_URL is set',
  },
  jwksUrl: {
    name: 'JWKS_URL',
    value: '',
    parse: maybe((raw: string) => new URL(secureUrl(raw))),
    shown: 'from discovery',
    meaning: 'the key set; https, or http on loopback only',
  },
  jwtSecretFile: {
    name: 'JWT_SECRET_FILE',
    value: '',
    parse: maybe(text),
    shown: 'unset',
    meaning: 'file with an HS256 key of 32 bytes or more, for a token service that shares a secret',
  },
  algorithms: {
    name: 'ALGORITHMS',
    value: '',
    parse: algorithms,
    shown: '`RS256,ES256,EdDSA,PS256`; `HS256` with JWT_SECRET_FILE and no JWKS_URL',
    meaning: 'accepted `alg`',
  },
  audience: {
    name: 'AUDIENCE',
    value: '',
    parse: list,
    shown: 'PUBLIC_URL',
    meaning: 'accepted `aud` values, comma separated',
  },
  tokenTypes: {
    name: 'TOKEN_TYPES',
    value: 'at+jwt,JWT',
    parse: list,
    meaning: 'accepted `typ`, comma separated; an empty entry accepts a token without `typ`',
  },
  scopeClaim: {
    name: 'SCOPE_CLAIM',
    value: 'scope,scp',
    parse: names,
    meaning: 'claims that hold scopes, the first one present counts; dotted paths allowed',
  },
  rolesClaim: {
    name: 'ROLES_CLAIM',
    value: 'roles',
    parse: names,
    meaning: 'claims that hold roles; dotted paths allowed (`realm_access.roles`)',
  },
  clockSkewMs: {
    name: 'CLOCK_SKEW',
    value: '5s',
    parse: duration,
    meaning: 'tolerance for `exp`, `nbf` and `iat`',
  },
  maxTokenAgeMs: {
    name: 'MAX_TOKEN_AGE',
    value: '24h',
    parse: duration,
    meaning: 'longest life (`exp` - `iat`) of an accepted token',
  },
  policyFile: {
    name: 'POLICY_FILE',
    value: undefined,
    parse: (raw: string) => resolve(raw),
    required: true,
    meaning:
      'the policy table, reloaded when the file changes; a bad file keeps the last good one and is reported',
  },
  allowedOrigins: {
    name: 'ALLOWED_ORIGINS',
    value: '',
    parse: origins,
    shown: 'none',
    meaning: 'browser origins, comma separated; any other `Origin` gets 403',
  },
  allowedHosts: {
    name: 'ALLOWED_HOSTS',
    value: '',
    parse: list,
    shown: 'host of PUBLIC_URL and loopback',
    meaning: '`Host` values, comma separated, with or without a port; any other gets 403',
  },
  deny: {
    name: 'DENY',
    value: 'error',
    parse: oneOf<DenyMode>('error', 'hide', 'challenge'),
    meaning: '`error`, `hide` or `challenge`, see docs/denials.md; a policy rule can override it',
  },
  sessionKeyFile: {
    name: 'SESSION_KEY_FILE',
    value: '',
    parse: maybe(text),
    shown: 'random per process, with a warning',
    meaning: 'file with 32 bytes or more that seal session ids; shared between replicas',
  },
  logLevel: {
    name: 'LOG_LEVEL',
    value: 'info',
    parse: oneOf('debug', 'info', 'warn', 'error', 'silent'),
    meaning: 'least level written; exchanges are `info`',
  },
  logSubject: {
    name: 'LOG_SUBJECT',
    value: 'hash',
    parse: oneOf('hash', 'plain', 'none'),
    meaning: 'how the subject of a token is written: `hash`, `plain` or `none`',
  },
  ...LIMITS,
} as const satisfies Record<string, Setting<unknown>>

/** The parsed values by key, before secrets are read and defaults that depend on others are filled in. */
export type Parsed = {
  -readonly [K in keyof typeof SETTINGS]: ReturnType<(typeof SETTINGS)[K]['parse']>
}

/** Everything the proxy runs on, parsed once and frozen. */
export type Config = Readonly<Omit<Parsed, 'jwtSecretFile' | 'sessionKeyFile'>> & {
  readonly secret: Uint8Array | undefined
  readonly sessionKey: Uint8Array | undefined
  readonly warnings: readonly string[]
}
