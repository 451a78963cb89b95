// What a release is made of (T156): packages of the lockfile with their hashes, licences that may be
// passed on, no scripts at installation, and a bill of materials that names every one of them.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
// Permissive: a release may hold them under its own licence.
const LICENCES = new Set([
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'ISC',
  'MIT',
  'MIT OR Apache-2.0',
])

type Locked = {
  readonly version: string
  readonly integrity?: string
  readonly license?: string
  readonly dev?: boolean
  readonly hasInstallScript?: boolean
  readonly link?: boolean
}
const lockfile = JSON.parse(readFileSync(`${ROOT}package-lock.json`, 'utf8')) as {
  readonly packages: Readonly<Record<string, Locked>>
}
const LOCKED = Object.entries(lockfile.packages).filter(([path]) => path !== '')
const nameOf = (path: string) => path.replace(/^.*node_modules\//, '')

type Component = {
  readonly name: string
  readonly version: string
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[]
  readonly licenses?: readonly object[]
}

describe('supply chain', () => {
  test('every package of the lockfile has a SHA-512 and a licence that may be passed on (T156)', () => {
    assert.ok(LOCKED.length > 50)
    const faults = LOCKED.filter(
      ([, { integrity, license, link }]) =>
        link === true || !integrity?.startsWith('sha512-') || !LICENCES.has(license ?? ''),
    )
    assert.deepEqual(faults, [])
  })
  test('no package runs a script when it is installed, and npm is told to run none (T156)', () => {
    assert.deepEqual(
      LOCKED.filter(([, { hasInstallScript }]) => hasInstallScript === true),
      [],
    )
    assert.match(readFileSync(`${ROOT}.npmrc`, 'utf8'), /^ignore-scripts=true$/m)
  })
  test('the bill of materials of a release names every package of the lockfile, with its hash (T156)', async () => {
    const { scripts } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8'))
    const command = /npm (sbom .*) > dist\/sbom\.cdx\.json$/.exec(scripts.build)?.[1]
    assert.ok(command !== undefined, 'npm run build writes no bill of materials')
    const { stdout } = await promisify(execFile)('npm', command.split(' '), {
      cwd: ROOT,
      maxBuffer: 16_000_000,
    })
    const { bomFormat, components } = JSON.parse(stdout) as {
      readonly bomFormat: string
      readonly components: readonly Component[]
    }
    assert.equal(bomFormat, 'CycloneDX')
    const listed = new Map(components.map((one) => [`${one.name}@${one.version}`, one]))
    for (const [path, locked] of LOCKED) {
      const { version, integrity = '' } = locked
      const one = listed.get(`${nameOf(path)}@${version}`)
      assert.ok(one !== undefined, `${path} is not listed`)
      const hash = Buffer.from(integrity.slice('sha512-'.length), 'base64').toString('hex')
      assert.deepEqual(one.hashes, [{ alg: 'SHA-512', content: hash }])
      assert.notEqual(one.licenses?.length ?? 0, 0, `${path} has no licence`)
    }
  })
})
