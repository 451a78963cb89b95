// Changes of a message as it is written (T1-T6, T12-T18, T20-T24): what two JSON parsers, or two
// readers of the same parse, could understand differently.

import { CANARY, type Draft, SHUT_URI } from './messages.ts'
import type { Random } from './random.ts'
import { escaped, folded } from './spelling.ts'
import {
  type Member,
  member,
  memberOf,
  nameOf,
  objectsIn,
  print,
  type Tree,
  text,
  treeOf,
} from './tree.ts'
import { IDS, METHODS, NAMES, ODD_NUMBERS, URIS } from './words.ts'

/** One kind of change; its name is part of every report. */
export type Mutator = {
  readonly name: string
  readonly weight: number
  apply(draft: Draft, random: Random): void
}

const ENVELOPE = ['jsonrpc', 'id', 'method', 'params']

/** Every change of a tree. */
export const JSON_MUTATORS: readonly Mutator[] = [
  { name: 'repeat a member', weight: 10, apply: repeatMember },
  {
    name: 'escape a key',
    weight: 5,
    apply: (draft, random) =>
      onMember(draft, random, (one) => {
        one.key = escaped(one.key, random)
      }),
  },
  { name: 'escape a value', weight: 5, apply: escapeValue },
  {
    name: 'fold a key',
    weight: 6,
    apply: (draft, random) =>
      onMember(draft, random, (one) => {
        one.key = folded(one.key, random)
      }),
  },
  { name: 'add a prototype', weight: 4, apply: addPrototype },
  { name: 'change a type', weight: 6, apply: changeType },
  { name: 'another name', weight: 8, apply: anotherName },
  {
    name: 'another method',
    weight: 5,
    apply: (draft, random) => set(draft.tree, 'method', treeOf(random.pick(METHODS))),
  },
  {
    name: 'another id',
    weight: 5,
    apply: (draft, random) => set(draft.tree, 'id', text(random.pick(IDS))),
  },
  {
    name: 'another version',
    weight: 2,
    apply: (draft, random) =>
      set(
        draft.tree,
        'jsonrpc',
        text(random.pick(['"1.0"', '2.0', '2', '"2.0 "', 'null', '"2.00"', '["2.0"]'])),
      ),
  },
  { name: 'add a member', weight: 6, apply: addMember },
  { name: 'drop a member', weight: 4, apply: dropMember },
  { name: 'make a batch', weight: 6, apply: makeBatch },
  { name: 'nest deeply', weight: 2, apply: nestDeeply },
  { name: 'odd arguments', weight: 5, apply: oddArguments },
  { name: 'many members', weight: 1, apply: manyMembers },
  { name: 'change the envelope', weight: 5, apply: changeEnvelope },
  {
    name: 'a string of the message',
    weight: 1,
    apply: (draft) => {
      draft.tree = treeOf(print(draft.tree))
    },
  },
  { name: 'shuffle members', weight: 3, apply: shuffle },
]

/** What an attacker would want a member of that name to be. */
function wanted(name: string, random: Random): Tree {
  switch (name) {
    case 'method':
      return treeOf(random.pick(['tools/call', 'tools/list', random.pick(METHODS)]))
    case 'name':
      return treeOf(random.pick(['secret', 'public', random.pick(NAMES)]))
    case 'uri':
      return treeOf(random.pick(URIS))
    case 'params':
      return treeOf({ name: random.pick(['secret', 'public']), arguments: {} })
    case 'id':
      return text(random.pick(IDS))
    case 'ref':
      return treeOf({ type: 'ref/prompt', name: random.pick(['secret', 'public']) })
    default:
      return treeOf(random.pick(['secret', {}, null, 1, [], { name: 'secret' }]))
  }
}

function repeatMember(draft: Draft, random: Random): void {
  const object = anObject(draft, random)
  const found = aMember(object, random)
  if (object === undefined || found === undefined) return
  const name = nameOf(found.key)
  const key = random.chance(40)
    ? escaped(found.key, random)
    : random.chance(30)
      ? folded(found.key, random)
      : found.key
  const twin = { key, value: random.chance(20) ? found.value : wanted(name, random) }
  const at = random.below(object.members.length + 1)
  object.members.splice(at, 0, twin)
}

function escapeValue(draft: Draft, random: Random): void {
  onMember(draft, random, (one) => {
    if (one.value.kind === 'text' && one.value.text.startsWith('"'))
      one.value = text(escaped(one.value.text, random))
  })
}

function addPrototype(draft: Draft, random: Random): void {
  const name = random.pick([
    '__proto__',
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'hasOwnProperty',
    '__defineGetter__',
    'valueOf',
  ])
  const value = treeOf(
    random.pick<unknown>([
      { name: 'secret' },
      { method: 'tools/call', params: { name: 'secret' } },
      null,
      'secret',
      { prototype: { name: 'secret' } },
    ]),
  )
  const key = random.chance(30) ? escaped(JSON.stringify(name), random) : JSON.stringify(name)
  const object = anObject(draft, random)
  object?.members.splice(random.below(object.members.length + 1), 0, { key, value })
}

function changeType(draft: Draft, random: Random): void {
  onMember(draft, random, (one) => {
    const { value } = one
    one.value = random.pick<Tree>([
      { kind: 'array', items: [value] },
      { kind: 'object', members: [member('toString', value)] },
      { kind: 'object', members: [member('0', value), member('length', text('1'))] },
      { kind: 'array', items: [] },
      text('null'),
      text('true'),
      text('0'),
      text('""'),
      text('{}'),
      treeOf(print(value)),
    ])
  })
}

function anotherName(draft: Draft, random: Random): void {
  const params = memberOf(draft.tree, 'params')?.value
  const member = random.pick(['name', 'uri', 'taskId'])
  const found =
    memberOf(params, 'name') ??
    memberOf(params, 'uri') ??
    memberOf(memberOf(params, 'ref')?.value, 'name')
  const isUri = found !== undefined && nameOf(found.key) === 'uri'
  const value = treeOf(random.pick<string>(isUri ? URIS : NAMES))
  if (found !== undefined) found.value = value
  else if (params !== undefined) set(params, member, value)
}

function addMember(draft: Draft, random: Random): void {
  const [name, value] = random.pick<readonly [string, unknown]>([
    ['result', {}],
    ['result', { tools: [] }],
    ['error', { code: 1, message: CANARY.slice(0, 6) }],
    ['error', null],
    ['params', []],
    ['method', 'tools/call'],
    ['name', 'secret'],
    ['tool', 'secret'],
    ['toolName', 'secret'],
    ['tool_name', 'secret'],
    ['_meta', { name: 'secret' }],
    ['_meta', null],
    ['_meta', { progressToken: 1 }],
    ['task', {}],
    ['task', { ttl: 1 }],
    ['cursor', ''],
    ['cursor', 'secret'],
    ['x', [{ Deep: null }]],
    ['inputResponses', { a: { method: 'tools/call', name: 'secret' } }],
    ['requestState', 'secret'],
    ['arguments', { tool_name: 'secret', name: 'secret' }],
    ['taskId', 'secret'],
    ['uri', SHUT_URI],
    ['ref', { type: 'ref/prompt', name: 'secret' }],
    ['clientInfo', { name: 'secret' }],
    ['batch', [{ method: 'tools/call' }]],
  ])
  const object = anObject(draft, random)
  object?.members.splice(random.below(object.members.length + 1), 0, member(name, treeOf(value)))
}

function dropMember(draft: Draft, random: Random): void {
  const object = anObject(draft, random)
  if (object !== undefined) object.members.splice(random.below(object.members.length), 1)
}

function makeBatch(draft: Draft, random: Random): void {
  const other = (id: number, name: string) =>
    treeOf({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: {} } })
  const list = treeOf({ jsonrpc: '2.0', id: 7001, method: 'tools/list' })
  draft.tree = random.pick<() => Tree>([
    () => ({ kind: 'array', items: [draft.tree] }),
    () => ({ kind: 'array', items: [list, draft.tree] }),
    () => ({ kind: 'array', items: [draft.tree, other(7002, 'secret')] }),
    () => ({ kind: 'array', items: [{ kind: 'array', items: [draft.tree] }] }),
    () => ({ kind: 'array', items: [other(7003, 'public'), other(7004, 'secret'), draft.tree] }),
    () => ({ kind: 'array', items: [] }),
    () => ({ kind: 'object', members: [member('0', draft.tree), member('length', text('1'))] }),
  ])()
}

function nestDeeply(draft: Draft, random: Random): void {
  const levels = random.pick([10, 60, 62, 63, 64, 65, 100, 1_000, 5_000])
  const [open, close] = random.pick([
    ['[', ']'],
    ['{"a":', '}'],
  ] as const)
  const core = open === '[' ? '' : '1'
  const value = text(
    open.repeat(levels) + core + close.repeat(random.chance(90) ? levels : levels - 1),
  )
  set(
    memberOf(draft.tree, 'params')?.value,
    random.pick(['arguments', '_meta', 'x', 'name']),
    value,
  )
}

function oddArguments(draft: Draft, random: Random): void {
  const value = random.pick<() => Tree>([
    () => text(random.pick(ODD_NUMBERS)),
    () => text('"\\ud800\\udfff\\ud800"'),
    () => text('"\\u0000\\u2028\\ufeff"'),
    () => text(JSON.stringify('\u2028\u{1f600}\ufeff')),
    () => text('"\\"},\\"name\\":\\"secret\\",{\\""'),
    () => treeOf({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'secret' } }),
    () => treeOf(['secret', { name: 'secret' }]),
    () => text('"+ACIAfQAsACIAbQBlAHQAaABvAGQAIgA-"'),
  ])()
  const key = random.pick([
    '"a"',
    '""',
    '"0"',
    '"-1"',
    '"constructor"',
    '"\\u0000"',
    '"a.b"',
    '"name"',
  ])
  set(memberOf(draft.tree, 'params')?.value, 'arguments', {
    kind: 'object',
    members: [{ key, value }],
  })
}

function manyMembers(draft: Draft, random: Random): void {
  const count = random.pick([15, 16, 17, 999, 1_001, 3_000])
  const object = anObject(draft, random)
  const prefix = random.pick(['k', '', '\u00e9'])
  for (let at = 0; at < count; at++) object?.members.push(member(`${prefix}${at}`, text('1')))
  if (random.chance(50)) object?.members.push(member(`${prefix}1`, text('2')))
}

function changeEnvelope(draft: Draft, random: Random): void {
  const params = memberOf(draft.tree, 'params')?.value
  const meta = memberOf(params, '_meta')?.value
  const key = 'io.modelcontextprotocol/protocolVersion'
  const version = text(
    random.pick([
      '"2026-07-28"',
      '"2025-11-25"',
      '"2099-01-01"',
      'null',
      '1',
      '["2026-07-28"]',
      '""',
      '"2026-07-28 "',
      '{}',
    ]),
  )
  if (meta?.kind !== 'object') {
    set(params, '_meta', { kind: 'object', members: [member(key, version)] })
    return
  }
  const spelled = random.pick([
    key,
    key,
    key.toUpperCase(),
    'protocolVersion',
    `${key} `,
    'io.modelcontextprotocol/protocolversion',
  ])
  const kind = random.below(4)
  if (kind < 2) set(meta, key, version)
  else if (kind === 2)
    meta.members.unshift({ key: escaped(JSON.stringify(spelled), random), value: version })
  else meta.members = meta.members.filter((one) => nameOf(one.key) !== key)
}

function shuffle(draft: Draft, random: Random): void {
  for (const { members } of objectsIn(draft.tree).slice(0, 3))
    for (let at = members.length - 1; at > 0; at--) {
      const other = random.below(at + 1)
      const held = members[at]
      const swapped = members[other]
      if (held === undefined || swapped === undefined) continue
      members[at] = swapped
      members[other] = held
    }
}

type ObjectTree = Extract<Tree, { kind: 'object' }>

/** The message and its params far more often than what is below them. */
function anObject(draft: Draft, random: Random): ObjectTree | undefined {
  const objects = objectsIn(draft.tree)
  if (objects.length === 0) return undefined
  return random.chance(70)
    ? objects[random.below(Math.min(2, objects.length))]
    : random.pick(objects)
}

function aMember(object: ObjectTree | undefined, random: Random): Member | undefined {
  if (object === undefined || object.members.length === 0) return undefined
  const known = object.members.filter(({ key }) => ENVELOPE.includes(nameOf(key)))
  return random.pick(known.length > 0 && random.chance(70) ? known : object.members)
}

function onMember(draft: Draft, random: Random, change: (member: Member) => void): void {
  const found = aMember(anObject(draft, random), random)
  if (found !== undefined) change(found)
}

function set(tree: Tree | undefined, name: string, value: Tree): void {
  const found = memberOf(tree, name)
  if (found !== undefined) found.value = value
  else if (tree?.kind === 'object') tree.members.push(member(name, value))
}
