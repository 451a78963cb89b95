// The ledger must be true: each threat has a test or a reason, never both and never neither, and a
// name counts only where a test is declared.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { countsTable, threatTables } from '../../tools/ledger.ts'
import { parseTypeScript, patternsIn, textOf, visit } from '../../tools/syntax.ts'
import { claimsOf, faultsOf, readCatalogue, readSources } from '../../tools/threats.ts'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const CATALOGUE = readCatalogue(readFileSync(`${ROOT}tools/threats.yaml`, 'utf8'))
const CLAIMS = claimsOf(readSources(ROOT))
// Numbers of these texts are put together, so that this file cites nothing itself.
const T = (number: number) => `T${number}`

test('every threat has a test or a reason, and no test cites what is no threat', () => {
  assert.deepEqual(faultsOf(CATALOGUE, CLAIMS), [])
})

test('the catalogue is that of 158 threats in ten classes', () => {
  assert.equal(CATALOGUE.length, 10)
  assert.equal(CATALOGUE.flatMap(({ threats }) => threats).length, 158)
})

describe('a name is cited', () => {
  const claims = (source: string, file = 'test/a.test.ts') =>
    claimsOf(new Map([[file, source]])).map(({ name, numbers }) => `${name} -> ${numbers}`)
  const rows: readonly (readonly [what: string, source: string, expected: readonly string[]])[] = [
    ['of a test', `test('a (${T(1)}, ${T(2)})', () => {})`, [`a (${T(1)}, ${T(2)}) -> 1,2`]],
    ['of a test in a test', `await t.test("${T(3)} b", async () => {})`, [`${T(3)} b -> 3`]],
    ['of a suite', `describe('c (${T(4)})', () => {})`, [`c (${T(4)}) -> 4`]],
    [
      'of a template, with what it holds left open',
      `test(\`${T(5)} \${a ? \`\${b}}\` : '}'} d\`, () => {})`,
      [`${T(5)} … d -> 5`],
    ],
    [
      'of a row of a table that names tests',
      `const rows = [['${T(6)} e', 400]]\nfor (const [name] of rows) test(name, () => {})`,
      [`${T(6)} e -> 6`],
    ],
    [
      'of a row by its member',
      `const rows = [{ name: 'f (${T(7)})' }]\nrows.map(({ name }) => test(name, f))`,
      [`f (${T(7)}) -> 7`],
    ],
    [
      'of a list of names',
      `for (const name of ['${T(8)} g', '${T(9)} h']) test(name, f)`,
      [`${T(8)} g -> 8`, `${T(9)} h -> 9`],
    ],
    ['not of a table without such tests', `const rows = [['${T(6)} e', 400]]\ntest('x', f)`, []],
    ['not of a comment', `// ${T(1)}\n/* test('${T(1)}', f) */ test('x', f)`, []],
    ['not of a pattern', `/'${T(1)}/.test('${T(2)} x'); test(name, f)`, []],
    ['not of a test that is skipped', `test.skip('${T(1)} x', f)`, []],
    ['not of a test that is to do', `test.todo('${T(1)} x')`, []],
    ['not of an assertion', `assert.ok(x, '${T(1)} x'); test('y', f)`, []],
    [
      'not of a range',
      `test('a (${T(1)}-${T(9)}, ${T(2)})', f)`,
      [`a (${T(1)}-${T(9)}, ${T(2)}) -> 2`],
    ],
    ['not of a longer word', `test('XT1 and ${T(1)}a', f)`, []],
  ]
  for (const [what, source, expected] of rows)
    test(what, () => assert.deepEqual(claims(source), expected))
  test('of a table in a file that a test imports', () => {
    assert.deepEqual(claims(`export const ROWS = [['${T(6)} e', 1]]`, 'test/rows.ts'), [
      `${T(6)} e -> 6`,
    ])
  })
})

describe('literals', () => {
  test('are read around comments, patterns, divisions and templates', () => {
    const source = `a / 'x' / 2; f(/['"]/, "y\\u0041\\n"); \`\${{ a: '}' }}z\` // 'no'`
    const texts: string[] = []
    visit(parseTypeScript(source), (node) => {
      const text = textOf(node)
      if (text !== undefined) texts.push(text)
    })
    assert.deepEqual(texts, ['x', 'yA\n', '…z', '}'])
    assert.deepEqual(patternsIn(source), ['/[\'"]/'])
  })
})

describe('a ledger is wrong', () => {
  const catalogue = (rows: string) =>
    readCatalogue(`- name: one\n  about: two\n  threats:\n${rows.replaceAll(/^/gm, '    ')}`)
  const claim = (...numbers: number[]) => [{ file: 'a.test.ts', name: 'a', numbers }]
  const rows: readonly (readonly [string, string, readonly number[], RegExp])[] = [
    ['when a row has no test', `${T(1)}: a`, [], /T1 has no test$/],
    ['when a part has no test', `${T(1)}: { title: a, partly: b. }`, [], /T1 has no test at all/],
    [
      'when a row is excused and tested',
      `${T(1)}: { title: a, later: b. }`,
      [1],
      /T1 is excused, and tested/,
    ],
    [
      'when a limit is accepted and tested',
      `${T(1)}: { title: a, accepted: b. }`,
      [1],
      /T1 is excused, and tested/,
    ],
    ['when a test cites what is no threat', `${T(1)}: a`, [1, 2], /"a" cites T2, which is no/],
    ['when a number is missing', `${T(1)}: a\n${T(3)}: b`, [1, 3], /T2 is missing/],
    ['when a reason is no sentence', `${T(1)}: { title: a, later: b }`, [], /T1: no sentence/],
    [
      'when there are two reasons',
      `${T(1)}: { title: a, later: b., accepted: c. }`,
      [],
      /several reasons/,
    ],
    ['when a member is unknown', `${T(1)}: { title: a, excuse: b. }`, [1], /unknown member excuse/],
    ['when a title is missing', `${T(1)}: { note: b. }`, [1], /T1 has no title/],
  ]
  for (const [what, text, numbers, fault] of rows)
    test(what, () => assert.match(faultsOf(catalogue(text), claim(...numbers)).join('\n'), fault))
  test('and right when each row has what it needs', () => {
    const text = `${T(1)}: a\n${T(2)}: { title: b, later: c. }\n${T(3)}: { title: d, partly: e. }`
    assert.deepEqual(faultsOf(catalogue(text), claim(1, 3)), [])
  })
})

test('a row that has lost its tests does not say that it is tested', () => {
  const [first] = CATALOGUE
  assert.ok(first)
  assert.match(threatTables([first], []), /\| T1 \| [^|]+ \| \*\*no test\*\* \| {2}\|/)
})

test('titles and reasons are Markdown of one cell', () => {
  for (const { threats } of CATALOGUE)
    for (const { title, accepted, later, partly, note } of threats)
      assert.doesNotMatch([title, accepted, later, partly, note].join(), /[|\n<]/)
})

test('a cell holds any name on one line, and counts add up', () => {
  const [first] = CATALOGUE
  assert.ok(first)
  const claims = [{ file: 'test/a/b.test.ts', name: 'x | <b>_y_\n\0`', numbers: [1] }]
  const page = threatTables([{ ...first, threats: first.threats.slice(0, 1) }], claims)
  assert.match(page, /\[a\/b\]\(\.\.\/test\/a\/b\.test\.ts\): x \\\| &lt;b\\>\\_y\\_··\\` \|$/)
  assert.match(countsTable(CATALOGUE, CLAIMS), /\| \*\*all\*\* \| 158 \|/)
})

test('a run of tests is held to what they cite', async () => {
  const program = fileURLToPath(new URL('../../tools/proved.ts', import.meta.url))
  // Node calls its own type stripping experimental, on stderr.
  const args = ['--disable-warning=ExperimentalWarning', program, 'test/wire/fold.test.ts']
  const ran = await run(process.execPath, args, { env: {} })
  assert.match(ran.stdout, /pass [1-9]\d*\n.*fail 0\n/)
  assert.equal(ran.stderr, '')
})
