// The fuzz engine itself: it finds what only coverage leads to, makes it small, repeats by its seed,
// and its instrumentation changes nothing.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Engine, type Target } from '../../tools/fuzz/engine.ts'
import { instrument } from '../../tools/fuzz/instrument.ts'
import { Random } from '../../tools/fuzz/random.ts'

let loads = 0

/** Compiles a module under instrumentation, with counters of its own. */
async function load(code: string) {
  const counters = new Uint32Array(256)
  const words = new Set<string>()
  Reflect.set(globalThis, '__toolstileCounters', counters)
  // The comment keeps one test from getting the module, and so the counters, of another.
  const { source, count } = instrument(`${code}\n// ${loads++}`, 0, words)
  const module = await import(`data:text/javascript,${encodeURIComponent(source)}`)
  return { module, coverage: { counters, used: () => count, words } }
}

const NESTED = `export function target(bytes) {
  if (bytes[0] === 0x66)
    if (bytes[3] === 0x75)
      if (bytes[5] > 0xf0)
        if (bytes[6] === 0x7a && bytes.length > 20) throw new Error('found it')
}`

function engineOf(
  target: Target,
  coverage: Awaited<ReturnType<typeof load>>['coverage'],
  seed = 1,
) {
  const random = new Random(seed)
  return new Engine({ target, coverage, random, words: ['x'], maxBytes: 64, onInput: () => {} })
}

/** Ends a search that finds nothing after so many questions. */
const after = (rounds: number) => () => rounds-- <= 0

describe('the engine', () => {
  test('finds a fault behind nested branches and makes its input small', async () => {
    const { module, coverage } = await load(NESTED)
    const engine = engineOf(module.target, coverage)
    const crash = (await engine.load([])) ?? (await engine.fuzz(after(500_000)))
    assert.match(crash?.error ?? '', /^Error: found it\n +at target/)
    assert.equal(crash?.input.length, 21)
    assert.throws(() => module.target(crash?.input), /found it/)
  })

  test('does not find it without the counters, so they do lead it', async () => {
    const { module, coverage } = await load(NESTED)
    const blind = engineOf(module.target, { ...coverage, counters: new Uint32Array(256) })
    assert.equal((await blind.load([])) ?? (await blind.fuzz(after(100_000))), undefined)
  })

  test('does the same again for the same seed', async () => {
    const runs = [7, 7, 8].map(async (seed) => {
      const { module, coverage } = await load(NESTED)
      const engine = engineOf((bytes) => module.target(bytes.subarray(0, 7)), coverage, seed)
      await engine.load([])
      await engine.fuzz(after(2_000))
      return engine.corpus.map((input) => Buffer.from(input).toString('hex')).join()
    })
    const results: string[] = []
    for (const run of runs) results.push(await run)
    assert.equal(results[0], results[1])
    assert.notEqual(results[0], results[2])
  })

  test('reports work that grows with the square of the input', async () => {
    const { module, coverage } = await load(`export function target(bytes) {
      for (let n = 0; n < bytes.length * bytes.length * 9; n++) continue
    }`)
    const engine = engineOf(module.target, coverage)
    assert.equal(await engine.load([new Uint8Array(40)]), undefined)
    const crash = await engine.load([new Uint8Array(400)])
    assert.match(crash?.error ?? '', /takes 1440\d* steps/)
  })

  test('keeps of its corpus only what adds something', async () => {
    const { module, coverage } = await load(NESTED)
    const engine = engineOf(module.target, coverage)
    await engine.load(['f', 'f12u', 'g', 'f12uxxxx'].map((text) => Buffer.from(text)))
    assert.equal(engine.corpus.length, 3)
    assert.deepEqual(
      (await engine.reduced()).map((input) => input.length),
      [0, 1, 4],
    )
  })
})

describe('instrumentation', () => {
  const rows: readonly (readonly [string, string, readonly (readonly [unknown, unknown])[]])[] = [
    [
      'a chain of if and else',
      'x => { if (x > 2) return "a"\n else if (x > 1) return "b"\n else return "c" }',
      [
        [3, 'a'],
        [2, 'b'],
        [1, 'c'],
      ],
    ],
    [
      'an if without an else inside of one',
      'x => { let y = 0\n if (x) if (x > 1) y = 1\n y += 2\n return y }',
      [
        [0, 2],
        [1, 2],
        [2, 3],
      ],
    ],
    [
      'conditions as an end of a statement',
      'x => { const y = x ? x > 1 ? "many" : "one" : "none"\n return y }',
      [
        [0, 'none'],
        [1, 'one'],
        [2, 'many'],
      ],
    ],
    [
      'an arrow that makes an object',
      'x => ({ a: x ?? 1 })',
      [
        [undefined, { a: 1 }],
        [2, { a: 2 }],
      ],
    ],
    [
      'loops without a block',
      'x => { let n = 0\n for (const i of x) for (let j = 0; j < i; j++) n++\n while (n > 9) n--\n do n++\n while (n < 3)\n return n }',
      [
        [[1, 2], 4],
        [[], 3],
      ],
    ],
    [
      'a switch that falls through',
      'x => { switch (x) { case 1: case 2: return "low"\n case 3: { return "three" }\n default: return "high" } }',
      [
        [1, 'low'],
        [3, 'three'],
        [4, 'high'],
      ],
    ],
    [
      'defaults and classes with private members',
      '(x) => { class A { #n = 0\n add(by = 2) { this.#n += by\n return this }\n get n() { return this.#n } }\n return new A().add().add(x).n }',
      [
        [1, 3],
        [undefined, 4],
      ],
    ],
    [
      'a catch',
      'x => { try { if (x) throw x } catch (error) { return error } finally { x = 1 }\n return 0 }',
      [
        [0, 0],
        ['e', 'e'],
      ],
    ],
  ]
  for (const [name, code, cases] of rows) {
    test(`${name} does what it did, and counts`, async () => {
      const { module, coverage } = await load(`export const run = ${code}`)
      for (const [given, expected] of cases) assert.deepEqual(module.run(given), expected)
      assert.ok(coverage.used() > 0)
      assert.ok(coverage.counters.some((hits) => hits > 0))
      assert.deepEqual([...coverage.counters.subarray(coverage.used())].filter(Boolean), [])
    })
  }
})
