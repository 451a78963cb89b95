// The settings of a proxy under siege: the bounds that the attacks run into, short enough for them to
// be met within seconds.

import { settingsFor } from '../hazards/program.ts'

const BOUNDS = {
  HEADERS_TIMEOUT: '4s',
  BODY_TIMEOUT: '3s',
  STALL_TIMEOUT: '2s',
  UPSTREAM_TIMEOUT: '2s',
  UPSTREAM_IDLE_TIMEOUT: '2s',
  MAX_CONNECTIONS: '2000',
  MAX_INFLIGHT_PER_CALLER: '64',
  MAX_STREAMS: '60',
}

/** The environment of the program. */
export function settingsOf(upstream: string, issuer: string, policyFile: string) {
  const settings = { ...settingsFor(upstream, issuer, policyFile), ...BOUNDS }
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [`TOOLSTILE_${name}`, value]),
  )
}
