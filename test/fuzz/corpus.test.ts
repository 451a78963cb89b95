// The committed corpus and every regression through every target, without the fuzzer; and broken
// implementations that each property must catch, so that none of them holds by accident.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import * as bearer from './bearer.ts'
import { BROKEN } from './broken.ts'
import * as guard from './guard.ts'
import * as headers from './headers.ts'
import * as json from './json.ts'
import * as lists from './lists.ts'
import * as names from './names.ts'
import * as policy from './policy.ts'
import * as relay from './relay.ts'
import * as sse from './sse.ts'

const CORPUS = fileURLToPath(new URL('corpus/', import.meta.url))
const MAX_CORPUS_BYTES = 300 * 1_024
const TARGETS = { bearer, guard, headers, json, lists, names, policy, relay, sse }

function corpusOf(name: string): readonly (readonly [file: string, bytes: Uint8Array])[] {
  const folder = `${CORPUS}${name}`
  return readdirSync(folder).map((file) => [
    file,
    new Uint8Array(readFileSync(`${folder}/${file}`)),
  ])
}

describe('the corpus', () => {
  test('every target has one, and together they stay small', () => {
    assert.deepEqual(readdirSync(CORPUS).toSorted(), Object.keys(TARGETS).toSorted())
    const sizes = Object.keys(TARGETS).flatMap((name) =>
      corpusOf(name).map(([, { length }]) => length),
    )
    assert.ok(sizes.length > 100)
    assert.ok(sizes.reduce((sum, size) => sum + size, 0) < MAX_CORPUS_BYTES)
  })
  for (const [name, { target, maxBytes }] of Object.entries(TARGETS)) {
    test(`every input of ${name} keeps every property`, async () => {
      for (const [file, bytes] of corpusOf(name)) {
        assert.ok(bytes.length <= maxBytes || file.startsWith('regression-'), file)
        try {
          await target(bytes)
        } catch (error) {
          throw new Error(`${name}/${file} breaks a property`, { cause: error })
        }
      }
    })
  }
})

describe('each property has teeth', () => {
  for (const { name, what, run, also } of BROKEN) {
    test(`${name}: ${what} is caught`, async () => {
      const inputs = [...also, ...corpusOf(name).map(([, bytes]) => bytes)]
      for (const input of inputs) {
        try {
          await run(input)
        } catch (error) {
          assert.ok(error instanceof assert.AssertionError, String(error))
          return
        }
      }
      assert.fail('no input catches it')
    })
  }
})
