// Parsers of setting values: durations, sizes, URLs, lists. Each throws a SettingError whose
// message states the fact about the value; none of them may guess.

/** The value of one setting is wrong; the message says how. */
export class SettingError extends Error {
  readonly code = 'ERR_SETTING'
}

/** One row of the settings table. */
export type Setting<T> = {
  readonly name: string
  /** Undefined: required, or said in `shown`. */
  readonly value: string | undefined
  readonly parse: (raw: string) => T
  readonly meaning: string
  /** What the table of docs/configuration.md shows as the default where there is no fixed one. */
  readonly shown?: string
  readonly required?: boolean
}

const DURATION_MS: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
])
const SIZE_BYTES: ReadonlyMap<string, number> = new Map([
  ['B', 1],
  ['KiB', 1_024],
  ['MiB', 1_048_576],
  ['GiB', 1_073_741_824],
])

/** Parses `250ms`, `30s`, `10m` or `24h` into milliseconds. */
export function duration(raw: string): number {
  return withUnit(raw, DURATION_MS, 'a duration such as 250ms, 30s or 10m')
}

// A timer of 2^31 ms or more would fire at once.
const MAX_TIMER_MS = 2 ** 31 - 1

/** Parses a duration that a timer can hold: 1 ms to 24 days. There is no value for "never". */
export function timer(raw: string): number {
  const value = duration(raw)
  if (value < 1 || value > MAX_TIMER_MS) throw new SettingError('is not from 1ms to 596h')
  return value
}

/** Parses `512B`, `64KiB`, `1MiB` or `1GiB` into bytes. */
export function size(raw: string): number {
  const bytes = withUnit(raw, SIZE_BYTES, 'a size such as 64KiB or 1MiB')
  if (bytes === 0) throw new SettingError('is zero')
  return bytes
}

function withUnit(raw: string, units: ReadonlyMap<string, number>, wanted: string): number {
  const match = /^(\d{1,9})([A-Za-z]+)$/.exec(raw)
  const unit = match?.[2] === undefined ? undefined : units.get(match[2])
  if (match?.[1] === undefined || unit === undefined) throw new SettingError(`is not ${wanted}`)
  const value = Number(match[1]) * unit
  if (value > 2 ** 40) throw new SettingError('is too large')
  return value
}

/** Makes a parser of whole numbers within bounds. */
export function whole(min: number, max: number): (raw: string) => number {
  return (raw) => {
    const value = /^\d{1,10}$/.test(raw) ? Number(raw) : Number.NaN
    if (!(value >= min && value <= max))
      throw new SettingError(`is not a whole number from ${min} to ${max}`)
    return value
  }
}

/** Makes a parser that accepts one of the given words. */
export function oneOf<const W extends string>(...words: readonly W[]): (raw: string) => W {
  return (raw) => {
    const word = words.find((candidate) => candidate === raw)
    if (word === undefined) throw new SettingError(`is not one of ${words.join(', ')}`)
    return word
  }
}

/** Parses a comma-separated list; an empty string is an empty list, spaces around are dropped. */
export function list(raw: string): readonly string[] {
  return raw.trim() === '' ? [] : raw.split(',').map((entry) => entry.trim())
}

/** True for the names and addresses of this machine's loopback interface. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)
}

/** Where the protected server listens. */
export type Upstream = {
  readonly origin: string
  readonly path: string
  readonly socketPath: string | undefined
  readonly loopback: boolean
}

/** Parses `http://127.0.0.1:3000/mcp`, or `unix:/run/mcp.sock:/mcp` (socket path, then URL path). */
export function upstreamUrl(raw: string): Upstream {
  const unix = /^unix:(\/[^:]+):(\/[^?#\s]*)$/.exec(raw)
  if (unix?.[1] !== undefined && unix[2] !== undefined)
    return { origin: 'http://localhost', path: unix[2], socketPath: unix[1], loopback: true }
  const url = httpUrl(raw)
  if (url.username !== '' || url.password !== '') throw new SettingError('holds credentials')
  if (url.search !== '') throw new SettingError('has a query, which would be dropped')
  return {
    origin: url.origin,
    path: url.pathname,
    socketPath: undefined,
    loopback: isLoopback(url.hostname),
  }
}

/** Parses the URL that clients use; canonical, because clients compare it exactly (RFC 9728 3.3, R38). */
export function publicUrl(raw: string): URL {
  const url = httpUrl(raw)
  if (url.search !== '' || url.username !== '' || url.password !== '')
    throw new SettingError('has a query or credentials')
  if (url.pathname !== '/' && url.pathname.endsWith('/'))
    throw new SettingError('ends in a slash; clients compare it exactly, leave the slash out')
  const canonical = url.pathname === '/' ? url.origin : url.href
  if (raw !== canonical && raw !== url.href)
    throw new SettingError(`is not canonical, write ${canonical}`)
  return url
}

/** Parses an issuer or key URL: https, or http on loopback only (T77, T158). */
export function secureUrl(raw: string): string {
  const url = httpUrl(raw)
  if (url.username !== '' || url.password !== '') throw new SettingError('holds credentials')
  if (url.protocol === 'http:' && !isLoopback(url.hostname))
    throw new SettingError('is http; only https, or http on loopback, is accepted')
  return raw
}

function httpUrl(raw: string): URL {
  const url = URL.canParse(raw) ? new URL(raw) : undefined
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw new SettingError('is not an http or https URL')
  if (raw.includes('#')) throw new SettingError('has a fragment')
  return url
}

/** Parses browser origins: scheme, host and port, nothing after them. */
export function origins(raw: string): readonly string[] {
  for (const origin of list(raw)) {
    if (!URL.canParse(origin) || new URL(origin).origin !== origin)
      throw new SettingError(`"${origin}" is not an origin such as https://app.example.com`)
  }
  return list(raw)
}

/** The RFC 9728 `resource` of a public URL: no trailing slash when there is no path (R38). */
export function audienceOf(url: URL): string {
  return url.pathname === '/' ? url.origin : url.href
}
