// The syntax tree of a TypeScript source, by Node's own type stripping and acorn: what a text or a
// pattern in it is, without running it.

import { stripTypeScriptTypes } from 'node:module'
import { type Node, parse } from 'acorn'

/** A node with the members of its type, as ESTree names them. */
export type AnyNode = Node & Readonly<Record<string, unknown>>

/** Parses a module; throws a SyntaxError for what is none. */
export function parseTypeScript(source: string): Node {
  return parse(stripTypeScriptTypes(source), { ecmaVersion: 'latest', sourceType: 'module' })
}

/** True for a node of the tree, and not for a list, a text or a flag beside it. */
export function isNode(value: unknown): value is AnyNode {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value
}

/** Shows every node once, each before those inside it, with the node it stands in. */
export function visit(
  node: Node,
  see: (node: AnyNode, parent: AnyNode | undefined) => void,
  parent?: AnyNode,
): void {
  if (!isNode(node)) return
  see(node, parent)
  for (const child of Object.values(node))
    for (const item of Array.isArray(child) ? child : [child])
      if (isNode(item)) visit(item, see, node)
}

/** The text of a string or a template, with `…` for each `${}`; undefined for any other node. */
export function textOf({ type, value, quasis }: AnyNode): string | undefined {
  if (type === 'Literal' && typeof value === 'string') return value
  if (type !== 'TemplateLiteral' || !Array.isArray(quasis)) return undefined
  return quasis.map((part) => part.value.cooked).join('…')
}

/** All regular expressions of a source, as they are written. */
export function patternsIn(source: string): readonly string[] {
  const patterns: string[] = []
  visit(parseTypeScript(source), ({ regex, raw }) => {
    if (regex !== undefined) patterns.push(String(raw))
  })
  return patterns
}
