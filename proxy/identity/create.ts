// The parts that turn a token into a caller, made from a Config: once for the proxy, once for explain.

import type { Config } from '../config.ts'
import { KeySource, type KeySourceOptions } from './keys.ts'
import { Verifier } from './verifier.ts'

/** A verifier, its keys (none for a shared secret), and what ends them. */
export type Identity = {
  readonly verifier: Verifier
  readonly keys: KeySource | undefined
  close(): Promise<void>
}

/** Makes a verifier of the configured issuer or secret. */
export function createVerifier(
  config: Config,
  onRefresh?: NonNullable<KeySourceOptions['onRefresh']>,
): Identity {
  const shared = config.algorithms.every((alg) => alg === 'HS256')
  const keys =
    shared || config.issuer === undefined
      ? undefined
      : new KeySource({
          issuer: config.issuer,
          jwksUrl: config.jwksUrl,
          now: () => performance.now(),
          timeoutMs: config.jwksTimeoutMs,
          maxBytes: config.maxJwks,
          cooldownMs: config.jwksCooldownMs,
          refreshMs: config.jwksRefreshMs,
          staleMs: config.jwksStaleMs,
          ...(onRefresh === undefined ? {} : { onRefresh }),
        })
  const verifier = new Verifier({
    issuer: config.issuer,
    keys,
    secret: config.secret,
    algorithms: config.algorithms,
    audience: config.audience,
    tokenTypes: config.tokenTypes,
    scopeClaim: config.scopeClaim,
    rolesClaim: config.rolesClaim,
    clockSkewS: config.clockSkewMs / 1_000,
    maxTokenAgeS: config.maxTokenAgeMs / 1_000,
    now: () => Date.now(),
  })
  return { verifier, keys, close: async () => keys?.close() }
}
