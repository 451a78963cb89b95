// What the bench installs beside the proxy: packages with their hashes, exact versions, no scripts.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const { dependencies } = JSON.parse(read('bench/package.json'))
const lockfile = read('bench/package-lock.json')

test('versions are exact, and jose is the one of the proxy', () => {
  for (const [name, version] of Object.entries(dependencies))
    assert.match(String(version), /^\d+\.\d+\.\d+$/, name)
  assert.equal(dependencies.jose, JSON.parse(read('package.json')).dependencies.jose)
})

test('every package has a SHA-512, none names a host or runs a script', () => {
  assert.doesNotMatch(lockfile, /"resolved"|"hasInstallScript"/)
  const { packages } = JSON.parse(lockfile)
  for (const [path, one] of Object.entries<{ integrity?: string }>(packages))
    if (path !== '') assert.match(one.integrity ?? '', /^sha512-/, path)
})
