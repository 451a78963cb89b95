// The threat ledger: which tests prove which threat, read from the names of the tests themselves.
// A row must never be said to be proved by a test that nobody declares.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parse } from 'yaml'
import { type AnyNode, parseTypeScript, textOf, visit } from './syntax.ts'

/** A threat that has no test says why; one that is built in part, or otherwise, says so. */
export type Threat = {
  readonly number: number
  readonly title: string
  readonly accepted?: string
  readonly later?: string
  readonly partly?: string
  readonly note?: string
}

/** The threats of one class of attack. */
export type Class = {
  readonly name: string
  readonly about: string
  readonly threats: readonly Threat[]
}

/** One name of a test, or of a vector that is one, and the threats it cites. */
export type Claim = {
  readonly file: string
  readonly name: string
  readonly numbers: readonly number[]
}

/** Sources by their path from the root. */
export type Sources = ReadonlyMap<string, string>

const CITED = /\bT(\d+)\b/g
/** A range cites nothing: behind it each of its rows could lose its own tests unseen. */
const RANGE = /\bT\d+ ?[-\u2013] ?T\d+\b/g
const RUNNERS = new Set(['test', 'it', 'describe', 'suite'])
const REASONS = ['accepted', 'later', 'partly', 'note'] as const

/** Reads the catalogue; throws for what is not one. */
export function readCatalogue(text: string): readonly Class[] {
  // Our own file: what is not as it should be is named by `faultsOf`, or fails here.
  const classes = parse(text) as readonly {
    readonly name: string
    readonly about: string
    readonly threats: Readonly<Record<string, string | Omit<Threat, 'number'>>>
  }[]
  return classes.map(({ name, about, threats }) => ({
    name,
    about,
    threats: Object.entries(threats).map(([key, row]) => {
      const number = Number(key.replace(/^T/, ''))
      return typeof row === 'string' ? { number, title: row } : { ...row, number }
    }),
  }))
}

/** The test files of a root, and every file of tests that one of them imports. */
export function readSources(root: string, files: readonly string[] = testFiles(root)): Sources {
  const sources = new Map<string, string>()
  const add = (path: string): void => {
    if (sources.has(path) || !path.startsWith('test/') || !existsSync(join(root, path))) return
    const text = readFileSync(join(root, path), 'utf8')
    sources.set(path, text)
    for (const [, name = ''] of text.matchAll(/(?:from|import\() ?'(\.[^']+)'/g))
      add(join(dirname(path), name))
  }
  for (const file of files) add(file)
  return sources
}

/** Every test file, by its path from the root, in order. */
export function testFiles(root: string): readonly string[] {
  return readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join('test', name))
    .sort()
}

/**
 * The names in the sources that cite a threat: the first argument of `test` or `describe`, and in
 * tables the first element of a row, its `name`, its key, or a text that begins with `T<number>`.
 * Rows count only when some test is named by a value, and not only by texts.
 */
export function claimsOf(sources: Sources): readonly Claim[] {
  const claims: Claim[] = []
  for (const [file, source] of sources) {
    const runs = !file.endsWith('.test.ts') || /\btest\(\s*(?!['"])/.test(source)
    visit(parseTypeScript(source), (node, parent) => {
      const name = textOf(node)
      if (name === undefined || parent === undefined) return
      if (!isTestName(node, parent) && !(runs && isRow(name, node, parent))) return
      const numbers = cited(name)
      if (numbers.length > 0) claims.push({ file, name, numbers })
    })
  }
  return claims
}

/** `regex.test('T1')` has no second argument, and a test that is skipped proves nothing. */
function isTestName(node: AnyNode, parent: AnyNode): boolean {
  if (parent.type !== 'CallExpression') return false
  // ESTree: a call has a callee and its arguments, a member has its property.
  const { callee, arguments: given } = parent as unknown as {
    callee: AnyNode
    arguments: AnyNode[]
  }
  const { name } = (callee['property'] ?? callee) as { name?: string }
  return given[0] === node && given.length > 1 && RUNNERS.has(name ?? '')
}

function isRow(text: string, node: AnyNode, parent: AnyNode): boolean {
  const { type, key, value, elements, arguments: given } = parent
  if (type === 'Property') return key === node || (value === node && isNamed(key))
  const row = Array.isArray(elements) ? elements : undefined
  if (row !== undefined && row[0] === node && row.length > 1) return true
  if (!/^T\d+ /.test(text)) return false
  return (
    row !== undefined || (Array.isArray(given) && given.indexOf(node) > 0 && given.at(-1) !== node)
  )
}

function isNamed(key: unknown): boolean {
  return (key as { name?: string }).name === 'name'
}

/** The threats that a name cites. */
export function cited(text: string): readonly number[] {
  return [
    ...new Set([...text.replace(RANGE, '').matchAll(CITED)].map(([, number]) => Number(number))),
  ]
}

/** What is wrong between the catalogue and the tests; nothing may be. */
export function faultsOf(classes: readonly Class[], claims: readonly Claim[]): readonly string[] {
  const threats = classes.flatMap((entry) => entry.threats)
  const known = new Set(threats.map(({ number }) => number))
  const proved = new Set(claims.flatMap(({ numbers }) => numbers))
  const misnumbered = threats
    .map(({ number }, at) =>
      number === at + 1 ? '' : `T${at + 1} is missing, T${number} is there`,
    )
    .slice(0, threats.findIndex(({ number }, at) => number !== at + 1) + 1)
  const faults = threats.flatMap((threat) => faultsOfRow(threat, proved.has(threat.number)))
  const strange = claims.flatMap(({ file, name, numbers }) =>
    numbers
      .filter((number) => !known.has(number))
      .map((number) => `${file}: "${name}" cites T${number}, which is no threat`),
  )
  return [...misnumbered, ...faults, ...strange].filter((fault) => fault !== '')
}

function faultsOfRow(threat: Threat, isProved: boolean): readonly string[] {
  const { number, title, accepted, later, partly } = threat
  const given = REASONS.filter((reason) => threat[reason] !== undefined)
  const strange = Object.keys(threat).filter(
    (key) => !['number', 'title', ...REASONS].includes(key),
  )
  const excused = accepted !== undefined || later !== undefined
  return [
    typeof title === 'string' && title !== '' ? '' : `T${number} has no title`,
    given.length > 1 ? `T${number} has several reasons: ${given.join(', ')}` : '',
    given.every((reason) => /\.$/.test(String(threat[reason]))) ? '' : `T${number}: no sentence`,
    strange.length > 0 ? `T${number} has the unknown member ${strange.join(', ')}` : '',
    isProved && excused ? `T${number} is excused, and tested` : '',
    !isProved && !excused ? `T${number} has no test${partly === undefined ? '' : ' at all'}` : '',
  ].filter((fault) => fault !== '')
}
