// Puts a counter on every branch of the sources under test while they are loaded, so that the engine
// sees which way an input went. It must never change what the code does.

import { readFileSync } from 'node:fs'
import { registerHooks, stripTypeScriptTypes } from 'node:module'
import { fileURLToPath } from 'node:url'
import { type Node, parse } from 'acorn'
import { isNode, visit } from '../syntax.ts'

const SLOTS = 1 << 15
const NAME = '__toolstileCounters'

/** What the counters of all files say, and the words the files compare with. */
export type Coverage = {
  readonly counters: Uint32Array
  /** How many counters are in use. */
  used(): number
  /** Short string literals of the instrumented files: the words worth trying. */
  readonly words: ReadonlySet<string>
}

/** Instruments the files that match from now on; the counters are shared by all of them. */
export function instrumentFiles(pattern: RegExp): Coverage {
  const counters = new Uint32Array(SLOTS)
  const words = new Set<string>()
  let next = 0
  Reflect.set(globalThis, NAME, counters)
  registerHooks({
    load(url, context, nextLoad) {
      if (!url.startsWith('file:') || !pattern.test(url)) return nextLoad(url, context)
      const plain = stripTypeScriptTypes(readFileSync(fileURLToPath(url), 'utf8'))
      const { source, count } = instrument(plain, next, words)
      next += count
      if (next > SLOTS) throw new RangeError('more branches than counters')
      return { format: 'module', source, shortCircuit: true }
    },
  })
  return { counters, used: () => next, words }
}

type Edit = { readonly at: number; readonly isEnd: boolean; readonly text: string }

/** Returns the same program with counters from `first` on; positions come from the parser. */
export function instrument(
  code: string,
  first: number,
  words: Set<string>,
): { readonly source: string; readonly count: number } {
  const edits: Edit[] = []
  let count = 0
  const tick = () => `$c[${first + count++}]++`
  const add = (at: number, text: string, isEnd = false) => edits.push({ at, isEnd, text })
  const wrap = (node: Node) => {
    add(node.start, `(${tick()},`)
    add(node.end, ')', true)
  }
  /** A statement that runs or not: a block gets a counter inside, anything else a block as well. */
  const branch = (node: Node) => {
    const isBlock = node.type === 'BlockStatement'
    add(isBlock ? node.start + 1 : node.start, `${isBlock ? '' : '{'}${tick()};`)
    if (!isBlock) add(node.end, '}', true)
  }
  visit(parse(code, { ecmaVersion: 'latest', sourceType: 'module' }), (node) => {
    const { type, body, right, consequent, alternate, value } = node
    if (type === 'Literal' && typeof value === 'string' && value.length > 0 && value.length < 40)
      words.add(value)
    if (type === 'IfStatement' && isNode(consequent)) {
      if (isNode(alternate)) branch(alternate)
      else add(consequent.end, ` else {${tick()}}`, true)
      branch(consequent)
    } else if (type === 'ConditionalExpression' && isNode(consequent) && isNode(alternate)) {
      wrap(consequent)
      wrap(alternate)
    } else if ((type === 'LogicalExpression' || type === 'AssignmentPattern') && isNode(right)) {
      wrap(right)
    } else if (type === 'SwitchCase' && Array.isArray(consequent)) {
      const [start] = consequent.filter(isNode)
      if (start !== undefined) add(start.start, `${tick()};`)
    } else if (type === 'ArrowFunctionExpression' && isNode(body)) {
      if (body.type === 'BlockStatement') branch(body)
      else wrap(body)
    } else if (/^(Function|CatchClause|For|While|DoWhile)/.test(type) && isNode(body)) {
      branch(body)
    }
  })
  return { source: `const $c=globalThis.${NAME};${apply(code, edits)}`, count }
}

function apply(code: string, edits: readonly Edit[]): string {
  const order = edits.map((edit, seen) => ({ ...edit, seen }))
  order.sort((a, b) => {
    if (a.at !== b.at) return a.at - b.at
    if (a.isEnd !== b.isEnd) return a.isEnd ? -1 : 1
    return a.isEnd ? b.seen - a.seen : a.seen - b.seen
  })
  const parts: string[] = []
  let at = 0
  for (const edit of order) {
    parts.push(code.slice(at, edit.at), edit.text)
    at = edit.at
  }
  return parts.join('') + code.slice(at)
}
