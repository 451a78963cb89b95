// From settings to the frozen Config: every problem is collected and reported together.
// Nothing here may read the environment or a clock: names come in through `lookup`.

import { ALGORITHMS, type Config, type Parsed, SETTINGS } from './config.ts'
import { audienceOf, isLoopback, type Setting, SettingError } from './values.ts'

/** Where values come from: flags and environment by NAME, and secret files by path. */
export type Sources = {
  readonly lookup: (name: string) => string | undefined
  readonly readFile: (path: string) => Uint8Array
}

/** All problems with the settings, one sentence each; the process exits with 78. */
export type Problems = { readonly problems: readonly string[] }

/** Turns settings into a Config, or reports every problem at once. */
export function parseConfig(sources: Sources): Config | Problems {
  const problems: string[] = []
  const parsed: Record<string, unknown> = {}
  for (const [key, setting] of Object.entries<Setting<unknown>>(SETTINGS)) {
    const raw = sources.lookup(setting.name) ?? setting.value
    if (raw === undefined || (setting.required && raw === '')) {
      problems.push(`${setting.name} is required: ${setting.meaning}`)
      continue
    }
    try {
      parsed[key] = setting.parse(raw)
    } catch (error) {
      if (!(error instanceof SettingError)) throw error
      problems.push(`${setting.name} "${withoutSecrets(raw)}" ${error.message}`)
    }
  }
  const secret = secretOf('JWT_SECRET_FILE', parsed['jwtSecretFile'], sources, problems)
  const sessionKey = secretOf('SESSION_KEY_FILE', parsed['sessionKeyFile'], sources, problems)
  // Every key was parsed or has its problem reported: the cast is read only when there is none.
  const settings = parsed as Parsed
  if (parsed['algorithms'] !== undefined) problems.push(...tokenProblems(settings))
  if (problems.length > 0) return { problems }
  const { jwtSecretFile, sessionKeyFile, ...rest } = settings
  return Object.freeze({
    ...rest,
    algorithms: algorithmsFor(settings),
    audience: rest.audience.length > 0 ? rest.audience : [audienceOf(rest.publicUrl)],
    secret,
    sessionKey,
    warnings: warningsFor(rest, sessionKeyFile),
  })
}

/** A shared secret without a key set means HS256 alone: fewer ways in. */
function algorithmsFor(settings: Parsed): readonly string[] {
  const { algorithms, jwtSecretFile, jwksUrl } = settings
  if (algorithms.length > 0) return algorithms
  if (jwtSecretFile === undefined) return ALGORITHMS
  return jwksUrl === undefined ? ['HS256'] : [...ALGORITHMS, 'HS256']
}

function tokenProblems(settings: Parsed): readonly string[] {
  const problems: string[] = []
  const { issuer, jwksUrl, jwtSecretFile, algorithms: given } = settings
  if (issuer === undefined && jwtSecretFile === undefined)
    problems.push('ISSUER is required: set it, or JWT_SECRET_FILE for a shared HS256 secret')
  if (jwksUrl !== undefined && issuer === undefined)
    problems.push('JWKS_URL needs ISSUER: a key set without an issuer accepts any token it signed')
  if (issuer === undefined && given.some((alg) => alg !== 'HS256'))
    problems.push('ALGORITHMS names public key algorithms, which need ISSUER')
  if (given.includes('HS256') && jwtSecretFile === undefined)
    problems.push('ALGORITHMS names HS256, which needs JWT_SECRET_FILE')
  return problems
}

function secretOf(name: string, path: unknown, sources: Sources, problems: string[]) {
  if (typeof path !== 'string') return undefined
  // Whoever sets the secret in place of its file must not find it in a log.
  const shown = /^\.{0,2}\//.test(path) ? `"${path}"` : '(not shown: no path such as /run/key)'
  try {
    const bytes = trimNewline(sources.readFile(path))
    if (bytes.length >= 32) return bytes
    problems.push(`${name} ${shown} holds ${bytes.length} bytes; 32 or more are needed`)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    problems.push(`${name} ${shown} cannot be read (${code})`)
  }
  return undefined
}

/** A value as a problem may quote it: user info and query of a URL are left out (law 12). */
function withoutSecrets(raw: string): string {
  return raw.replace(/\/\/[^/?#]*@/g, '//…@').replace(/\?.*$/s, '?…')
}

/** The newline that editors and shells leave behind a text; random bytes stay as they are. */
function trimNewline(bytes: Uint8Array): Uint8Array {
  const isText = bytes.every(
    (byte) => (byte >= 0x20 && byte < 0x7f) || byte === 0x0a || byte === 0x0d,
  )
  if (!isText) return bytes
  let end = bytes.length
  while (end > 0 && (bytes[end - 1] === 0x0a || bytes[end - 1] === 0x0d)) end--
  return bytes.subarray(0, end)
}

function warningsFor(
  settings: Omit<Parsed, 'jwtSecretFile' | 'sessionKeyFile'>,
  sessionKeyFile: string | undefined,
): readonly string[] {
  const warnings: string[] = []
  if (sessionKeyFile === undefined)
    warnings.push('SESSION_KEY_FILE is not set: sessions end with this process and stay on it')
  if (settings.publicUrl.protocol === 'http:' && !isLoopback(settings.publicUrl.hostname))
    warnings.push('PUBLIC_URL is http: tokens cross the network in the clear')
  if (!settings.upstream.loopback)
    warnings.push('UPSTREAM_URL is not loopback: whoever reaches it directly bypasses the proxy')
  return warnings
}
