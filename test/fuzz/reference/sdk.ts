// Functions of the published SDK that its packages use but do not export, found by their names in the
// very files that run. A release that renames them fails here, not silently.

import { readdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** Finds functions of `@modelcontextprotocol/client` or `/server` by their names. */
export async function internalsOf(
  side: 'client' | 'server',
  names: readonly string[],
): Promise<readonly ((...args: readonly unknown[]) => unknown)[]> {
  const folder = dirname(fileURLToPath(import.meta.resolve(`@modelcontextprotocol/${side}`)))
  const found = new Map<string, (...args: readonly unknown[]) => unknown>()
  for (const file of readdirSync(folder).filter((name) => /^src-.*\.mjs$/.test(name))) {
    const module: object = await import(pathToFileURL(`${folder}/${file}`).href)
    for (const value of Object.values(module))
      if (typeof value === 'function') found.set(value.name, value)
  }
  return names.map((name) => {
    const internal = found.get(name)
    if (internal === undefined) throw new TypeError(`${side} has no function ${name}`)
    return internal
  })
}
