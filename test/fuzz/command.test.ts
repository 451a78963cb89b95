// `npm run test:fuzz` as it is typed: what it prints, how it ends, and the input it leaves behind.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('../../tools/fuzz.ts', import.meta.url))

type Ended = { readonly code: number; readonly out: string; readonly err: string }

function fuzz(...flags: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [PROGRAM, ...flags],
      { timeout: 120_000 },
      (_error, out, err) => resolve({ code: child.exitCode ?? -1, out, err }),
    )
  })
}

/** A folder with one target and one input. */
function homeWith(t: TestContext, body: string): string {
  const home = mkdtempSync(`${tmpdir()}/fuzz-`)
  t.after(() => rmSync(home, { recursive: true }))
  mkdirSync(`${home}/corpus/toy`, { recursive: true })
  writeFileSync(`${home}/corpus/toy/seed-one`, 'one')
  const source = `export const words = ['!']\nexport const maxBytes = 32\nexport function target(bytes) {\n${body}\n}\n`
  writeFileSync(`${home}/toy.ts`, source)
  return home
}

test('a target that holds prints one line and ends with 0', async () => {
  const { code, out, err } = await fuzz('--target', 'names', '--seconds', '1', '--seed', '5')
  assert.equal(err, '')
  assert.match(
    out,
    /^seed 5, 1 s for each of names\nnames +\d+ executions, \d+\/s, branches \d+ of \d+ loaded, corpus \d+ \+ \d+ new, crashes 0\n$/,
  )
  assert.equal(code, 0)
})

test('a broken property ends with 1 and leaves a small input that can be replayed', async (t) => {
  const home = homeWith(t, `if (bytes.includes(0x21)) throw new Error('no exclamations')`)
  const { code, out, err } = await fuzz('--home', home, '--seconds', '60', '--seed', '5')
  assert.equal(code, 1)
  assert.match(out, /^toy .*crashes 1$/m)
  assert.match(err, /toy broke a property:\nError: no exclamations\n/)
  const [file = ''] = readdirSync(`${home}/crashes/toy`)
  assert.equal(readFileSync(`${home}/crashes/toy/${file}`, 'latin1'), '!')
  assert.match(err, new RegExp(`--target toy --replay .*${file}`))
  const again = await fuzz(
    '--home',
    home,
    '--target',
    'toy',
    '--replay',
    `${home}/crashes/toy/${file}`,
  )
  assert.equal(again.code, 1)
  assert.match(again.err, /no exclamations/)
})

test('a corpus is written anew without what adds nothing, but for seeds', async (t) => {
  const home = homeWith(t, '')
  writeFileSync(`${home}/corpus/toy/old`, 'adds nothing')
  const { code } = await fuzz('--home', home, '--seconds', '1', '--save')
  assert.equal(code, 0)
  assert.deepEqual(readdirSync(`${home}/corpus/toy`), ['seed-one'])
})

test('an unknown target and a wrong number end with 64 and the usage', async () => {
  for (const flags of [
    ['--target', 'nothing'],
    ['--seconds', 'soon'],
    ['--seed', 'x'],
  ]) {
    const { code, out, err } = await fuzz(...flags)
    assert.equal(code, 64)
    assert.equal(out, '')
    assert.match(err, /usage: npm run test:fuzz/)
  }
})
