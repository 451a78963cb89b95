// Secrets that are planted where real ones would be, and the search for them in every spelling that a
// program could give them on its way into a log (T147).

import { randomBytes } from 'node:crypto'

/** A planted secret; `slices` are parts of it that must not show either. */
export type Canary = { readonly name: string; readonly secret: string }

const SLICE = 12

/** A new secret of 30 characters that occurs nowhere else. */
export function canary(): string {
  return `zq${randomBytes(14).toString('hex')}`
}

/** Where a text holds a secret, as `name: spelling`; empty when it holds none. */
export function leaksIn(text: string, canaries: readonly Canary[]): readonly string[] {
  return canaries.flatMap(({ name, secret }) =>
    [...spellings(secret)]
      .filter(([, spelling]) => text.includes(spelling))
      .map(([how]) => `${name}: ${how}`),
  )
}

/** All spellings of a secret by how they came about. */
export function spellings(secret: string): ReadonlyMap<string, string> {
  const bytes = Buffer.from(secret)
  const found = new Map<string, string>([
    ['raw', secret],
    ['lower case', secret.toLowerCase()],
    ['upper case', secret.toUpperCase()],
    ['reversed', [...secret].reverse().join('')],
    ['hex', bytes.toString('hex')],
    ['URL-encoded', encodeURIComponent(secret)],
    ['JSON', JSON.stringify(secret).slice(1, -1)],
    ['JSON in JSON', JSON.stringify(JSON.stringify(secret)).slice(3, -3)],
    ['a list of bytes', [...bytes].join(',')],
    ['utf16le in hex', Buffer.from(secret, 'utf16le').toString('hex')],
  ])
  // In Base64 the same bytes look different at each of three offsets; the edges depend on neighbours.
  for (const encoding of ['base64', 'base64url'] as const)
    for (let offset = 0; offset < 3; offset++) {
      const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString(encoding)
      const whole = text.replace(/=+$/, '')
      found.set(`${encoding} at ${offset}`, whole.slice(offset === 0 ? 0 : offset + 1, -2))
    }
  const parts = secret.split('.')
  if (parts.length === 3) {
    const [header = '', payload = '', signature = ''] = parts
    found.set('segments', `${header}.${payload}`)
    found.set('payload', payload)
    found.set('decoded payload', Buffer.from(payload, 'base64url').toString())
    for (let at = 0; at + SLICE <= signature.length; at++)
      found.set(`signature from ${at}`, signature.slice(at, at + SLICE))
  }
  return found
}
