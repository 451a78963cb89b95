// JSON as it is written, not as it is meant: members may repeat, keys and scalars keep their spelling.
// What mutators change; it must never tidy anything up.

/** One value as text. */
export type Tree =
  | { kind: 'object'; members: Member[] }
  | { kind: 'array'; items: Tree[] }
  | { kind: 'text'; text: string }

/** One member; `key` is written with its quotes. */
export type Member = { key: string; value: Tree }

/** The tree of a value. */
export function treeOf(value: unknown): Tree {
  if (Array.isArray(value)) return { kind: 'array', items: value.map(treeOf) }
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, inner]) => inner !== undefined)
    const members = entries.map(([name, inner]) => member(name, treeOf(inner)))
    return { kind: 'object', members }
  }
  return text(JSON.stringify(value))
}

/** A scalar, or anything else, exactly so. */
export function text(written: string): Tree {
  return { kind: 'text', text: written }
}

/** A member with a plainly written key. */
export function member(name: string, value: Tree): Member {
  return { key: JSON.stringify(name), value }
}

/** The last member of that name, as most parsers see it. */
export function memberOf(tree: Tree | undefined, name: string): Member | undefined {
  if (tree?.kind !== 'object') return undefined
  return tree.members.findLast(({ key }) => nameOf(key) === name)
}

/** What a written key means; itself when it is no JSON string any more. */
export function nameOf(key: string): string {
  try {
    return String(JSON.parse(key))
  } catch {
    return key
  }
}

/** Every object in it, the outermost first. */
export function objectsIn(tree: Tree): Extract<Tree, { kind: 'object' }>[] {
  if (tree.kind === 'text') return []
  if (tree.kind === 'array') return tree.items.flatMap(objectsIn)
  return [tree, ...tree.members.flatMap(({ value }) => objectsIn(value))]
}

/** The text, with `space` between the tokens. */
export function print(tree: Tree, space: () => string = () => ''): string {
  if (tree.kind === 'text') return tree.text
  if (tree.kind === 'array') {
    const items = tree.items.map((item) => space() + print(item, space) + space())
    return `[${items.join(',')}]`
  }
  const members = tree.members.map(
    ({ key, value }) => `${space()}${key}${space()}:${space()}${print(value, space)}${space()}`,
  )
  return `{${members.join(',')}}`
}
