// What the numbers were measured on: the machine, and the versions of everything that took part.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { usableCores } from './launch.ts'

/** The machine, in words a reader can compare with his own. */
export function machine() {
  const [first] = cpus()
  return {
    cpu: first?.model ?? 'unknown',
    cores: usableCores().length,
    memory_gb: Math.round(totalmem() / 1e9),
    kernel: release(),
    system: said('sh', ['-c', '. /etc/os-release && echo "$PRETTY_NAME"'], /(.*)/),
  }
}

/** Versions by name; what is not here is left out. */
export function versions(): Readonly<Record<string, string>> {
  const found = {
    toolstile: versionIn(join(import.meta.dirname, '../package.json')),
    node: process.versions.node,
    nginx: said('nginx', ['-v'], /nginx\/(\S+)/),
    haproxy: said('haproxy', ['-v'], /version (\S+)/),
    wrk: said('wrk', ['-v'], /wrk (?:debian\/)?(\S+)/),
    ...Object.fromEntries(
      ['http-proxy', 'http-proxy-3', 'undici', 'express', 'http-proxy-middleware', 'jose'].map(
        (name) => [
          name,
          versionIn(join(import.meta.dirname, 'node_modules', name, 'package.json')),
        ],
      ),
    ),
  }
  return Object.fromEntries(Object.entries(found).filter(([, version]) => version !== ''))
}

function versionIn(file: string): string {
  try {
    return String(JSON.parse(readFileSync(file, 'utf8')).version)
  } catch {
    return ''
  }
}

/** The part of what a program prints, on either stream, that names its version. */
function said(program: string, args: readonly string[], pattern: RegExp): string {
  try {
    const command = 'exec "$0" "$@" 2>&1; true'
    const text = execFileSync('sh', ['-c', command, program, ...args], { encoding: 'utf8' })
    return pattern.exec(text)?.[1] ?? ''
  } catch (error) {
    // wrk prints its version and fails.
    const text = error instanceof Error && 'stdout' in error ? String(error.stdout) : ''
    return pattern.exec(text)?.[1] ?? ''
  }
}
