// The search for secrets finds them: a search that finds nothing would pass every test.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canary, leaksIn, spellings } from './canaries.ts'

const JWT = `eyJhbGciOiJFUzI1NiJ9.${Buffer.from('{"sub":"zq"}').toString('base64url')}.${'MEUCIQDx'.repeat(8)}`

test('T147 every spelling of a secret is found in the middle of a line', () => {
  for (const secret of [canary(), 'with "quotes" and \n lines é', JWT])
    for (const [how, spelling] of spellings(secret)) {
      assert.ok(spelling.length >= 8, `${how} is too short to mean anything: ${spelling}`)
      assert.notEqual(leaksIn(`{"a":"x${spelling}y"}`, [{ name: 'it', secret }]).length, 0, how)
    }
})

test('T147 a secret is found in Base64 at any offset, and 12 characters of a signature are enough', () => {
  const secret = canary()
  for (const before of ['', 'a', 'ab', 'abc', 'user:'])
    for (const encoding of ['base64', 'base64url'] as const) {
      const text = Buffer.from(`${before}${secret} and more`).toString(encoding)
      assert.notEqual(leaksIn(text, [{ name: 'it', secret }]).length, 0, before)
    }
  const signature = JWT.split('.')[2] ?? ''
  assert.notEqual(leaksIn(`…${signature.slice(5, 17)}…`, [{ name: 'it', secret: JWT }]).length, 0)
})

test('a text without a secret is free of it', () => {
  assert.deepEqual(leaksIn('{"level":"info"}'.repeat(1_000), [{ name: 'a', secret: canary() }]), [])
})
