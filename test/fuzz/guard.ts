// Fuzz target: the guard of text that streams through unjudged (T95, T126, R34, R35). Chunks do not
// matter, a list never gets through, a plain message always does, and its cache members are rewritten.

import assert from 'node:assert/strict'
import { isUtf8 } from 'node:buffer'
import { fold } from '../../proxy/wire/fold.ts'
import { ListGuard, type Only } from '../../proxy/wire/guard.ts'
import type { CacheRule } from '../../proxy/wire/lists.ts'
import { Choices } from './choices.ts'
import { readJSON } from './reference/json.ts'
import { leakIn } from './reference/leaks.ts'

const TTL_MS = 5_000
/** Below the bound of the guard, which no JSON of ours reaches. */
const MAX_DEPTH = 900

export const maxBytes = 2_048
export const words = [
  ...[
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '\\',
    '\\"',
    '\\\\',
    '\\u0074',
    '\\ud83d',
    ' ',
    '\n',
    'true',
    'null',
    '-1.5e+3',
  ],
  ...[
    '{"jsonrpc":"2.0","id":1,"result":{"content":[]}}',
    '"result":{',
    '"result":[',
    '"Result":{',
    '"resul\\u0074":{',
    '"error":{"data":{',
  ],
  ...[
    '"tools":[',
    '"Tools":{',
    '"\\u0074ools":[{"name":"x"}]',
    '"\uff54ools":[1]',
    '"resources":[',
    '"params":{',
    '"params":[',
  ],
  ...[
    '"ttlMs":99999,',
    '"ttlMs":1e9',
    '"cacheScope":"public",',
    '"cacheScope":null',
    '"CACHESCOPE":"public"',
    '"resultType":"input_required",',
  ],
  ...['"method":"x",', '"error":', '"\\u212aey":1', '"\u017fcope":1', '\xff', '\ufeff', '\0'],
]

/** What stands guard: the code under test. */
export type Guard = { push(bytes: Uint8Array): Uint8Array[]; end(): Uint8Array[] }
export type GuardMaker = (options: {
  readonly cache: CacheRule | undefined
  readonly only: Only
}) => Guard

/** Throws when the guard breaks a property on these bytes. */
export function target(bytes: Uint8Array): void {
  check((options) => new ListGuard(options), bytes)
}

/** The properties, for any guard. */
export function check(make: GuardMaker, bytes: Uint8Array): void {
  const choices = new Choices(bytes)
  const cache = choices.flag() ? { ttlMs: TTL_MS, insert: choices.flag() } : undefined
  const only = choices.pick([undefined, undefined, 'answers', 'results'] as const)
  const sizes = [1 + choices.below(9), 1 + choices.below(40), 1 + choices.below(5)]
  const input = choices.rest()
  const options = { cache, only }
  const whole = run(make(options), input, [input.length])
  for (const cuts of [[1], sizes]) {
    const other = run(make(options), input, cuts)
    assert.equal(other.tripped, whole.tripped, 'chunks decide whether a text passes')
    if (!whole.tripped)
      assert.ok(other.output.equals(whole.output), 'the output depends on the chunks')
    checkLeak(other.output, only)
  }
  const text = Buffer.from(input).toString('utf8')
  const reading = isUtf8(input) ? readJSON(text) : undefined
  if (whole.tripped) {
    assert.ok(
      reading === undefined || !isPlain(reading.value, reading.depth, options),
      'a plain message is stopped',
    )
    return
  }
  if (cache === undefined) assert.ok(whole.output.equals(input), 'a text that passes is changed')
  else if (reading !== undefined && !reading.hasDuplicates)
    checkCache(reading.value, whole.output, cache)
}

type Run = { readonly output: Buffer; readonly tripped: boolean }

function run(guard: Guard, input: Uint8Array, sizes: readonly number[]): Run {
  const parts: Uint8Array[] = []
  const add = (pieces: readonly Uint8Array[]) => parts.push(...pieces.map((piece) => piece.slice()))
  try {
    for (let at = 0, n = 0; at < input.length; n++) {
      const end = at + (sizes[n % sizes.length] ?? 1)
      add(guard.push(input.subarray(at, end)))
      at = end
    }
    add(guard.end())
    return { output: Buffer.concat(parts), tripped: false }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code !== 'ERR_LIST_IN_STREAM') throw error
    return { output: Buffer.concat(parts), tripped: true }
  }
}

/** Whatever has left, stopped or not, is no message with a list in it. */
function checkLeak(output: Buffer, only: Only): void {
  let message: unknown
  try {
    message = JSON.parse(output.toString('utf8'))
  } catch {
    return
  }
  const leak = leakIn(message, [], () => false)
  assert.equal(leak, undefined, 'something to judge passes the guard')
  if (only === undefined || !isFields(message)) return
  assert.ok(!('method' in message), 'a call passes for an answer')
  assert.ok(only !== 'results' || !('error' in message), 'an error passes where none may')
}

type Fields = { readonly [name: string]: unknown }

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A message that nobody could object to. */
function isPlain(
  value: unknown,
  depth: number,
  options: { readonly cache: CacheRule | undefined; readonly only: Only },
): boolean {
  if (!isFields(value) || depth > MAX_DEPTH) return false
  const names = ['jsonrpc', 'id', 'method', 'params', 'result', 'error']
  if (!Object.keys(value).every((name) => names.includes(name))) return false
  if (options.only !== undefined && 'method' in value) return false
  if (options.only === 'results' && 'error' in value) return false
  const { params, result = {}, error = {} } = value
  if (!isFields(result) || !(params === undefined || !isContainer(params) || isFields(params)))
    return false
  const errorData = isFields(error) ? error['data'] : undefined
  // Any member that is spelt like a list or a cache member, however far off, is none of ours to judge.
  const holders = [value, result, params, error, errorData].filter(isFields)
  if (holders.some((holder) => Object.keys(holder).some(isSuspect))) return false
  const type = result['resultType']
  return (type === undefined || type === 'complete') && Object.keys(value).length > 0
}

function isSuspect(name: string): boolean {
  return /tool|prompt|resource|task|cache|ttl|resulttype|uri/.test(fold(name))
}

function isContainer(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}

/** With a cache rule a result is private and short-lived, and nothing else is changed (R34, R35). */
function checkCache(value: unknown, output: Buffer, cache: CacheRule): void {
  const sent = readJSON(output.toString('utf8'))
  assert.ok(sent !== undefined, 'a text is no JSON any more')
  assert.ok(!sent.hasDuplicates, 'a member is there twice now')
  if (!isFields(value) || !isFields(sent.value)) return
  const [before, after] = [value['result'], sent.value['result']]
  if (!isFields(before) || !isFields(after)) {
    assert.deepEqual(sent.value, value, 'more than the result is changed')
    return
  }
  for (const [name, held] of Object.entries(after)) {
    const folded = fold(name)
    if (folded === 'ttlms')
      assert.ok(Number(held) >= 0 && Number(held) <= TTL_MS, 'a result is kept too long')
    if (folded === 'cachescope') assert.equal(held, 'private', 'a result may be shared')
  }
  const isComplete = !('resultType' in before) || before['resultType'] === 'complete'
  if (cache.insert && isComplete)
    assert.ok('ttlMs' in after && 'cacheScope' in after, 'a result does not say that it is private')
  const rest = (holder: Fields) =>
    Object.fromEntries(Object.entries(holder).filter(([name]) => !isSuspect(name)))
  assert.deepEqual(
    { ...sent.value, result: rest(after) },
    { ...value, result: rest(before) },
    'more than caching is changed',
  )
}
