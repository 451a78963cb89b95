// The mutations of the fuzz engine: from one or two inputs of the corpus to a new one, never longer
// than the bound of the target.

import type { Random } from './random.ts'

/** What mutations draw from besides the input. */
export type Material = {
  readonly random: Random
  readonly words: readonly Uint8Array[]
  /** Another input of the corpus. */
  readonly other: Uint8Array
  readonly maxBytes: number
}

type Mutation = (input: Uint8Array, material: Material) => Uint8Array

const EDGES = [0, 1, 7, 8, 9, 10, 13, 15, 16, 31, 32, 34, 47, 63, 64, 91, 92, 125, 127, 128, 255]
const NUMBERS = ['-1', '0', '-0', '1e0', '1.0', '9007199254740991', '9007199254740993', '1e400']
const FEW_STACKED = 5
const MANY_STACKED = 30

const MUTATIONS: readonly Mutation[] = [
  function flipBit(input, { random }) {
    return edit(input, random, (byte) => byte ^ (1 << random.below(8)))
  },
  function setByte(input, { random }) {
    return edit(input, random, () => random.below(256))
  },
  function setEdge(input, { random }) {
    return edit(input, random, () => random.pick(EDGES))
  },
  function nudge(input, { random }) {
    return edit(input, random, (byte) => byte + random.pick([-3, -2, -1, 1, 2, 3]))
  },
  function insertByte(input, { random }) {
    return insert(input, random.below(input.length + 1), Uint8Array.of(random.below(256)))
  },
  function insertWord(input, { random, words }) {
    return insert(input, random.below(input.length + 1), random.pick(words))
  },
  function overwriteWord(input, { random, words }) {
    const word = random.pick(words)
    const at = random.below(input.length + 1)
    return join(input.subarray(0, at), word, input.subarray(at + word.length))
  },
  function insertNumber(input, { random }) {
    return insert(input, random.below(input.length + 1), Buffer.from(random.pick(NUMBERS)))
  },
  function deleteBlock(input, { random }) {
    const [from, to] = block(input, random)
    return join(input.subarray(0, from), input.subarray(to))
  },
  function repeatBlock(input, { random }) {
    const [from, to] = block(input, random)
    const times = 1 + random.below(random.below(8) === 0 ? 40 : 3)
    return insert(input, to, join(...Array(times).fill(input.subarray(from, to))))
  },
  function moveBlock(input, { random }) {
    const [from, to] = block(input, random)
    return insert(input, random.below(input.length + 1), input.slice(from, to))
  },
  function swapBlocks(input, { random }) {
    const [from, to] = block(input, random)
    const [, end] = block(input.subarray(to), random)
    const middle = input.subarray(to, to + end)
    const tail = input.subarray(to + end)
    return join(input.subarray(0, from), middle, input.subarray(from, to), tail)
  },
  function splice(input, { random, other }) {
    const [from, to] = block(other, random)
    return insert(input, random.below(input.length + 1), other.subarray(from, to))
  },
  function cross(input, { random, other }) {
    const head = input.subarray(0, random.below(input.length + 1))
    return join(head, other.subarray(random.below(other.length + 1)))
  },
]

/** Makes a new input out of one of the corpus, by a few mutations on top of each other. */
export function mutate(input: Uint8Array, material: Material): Uint8Array {
  const { random, maxBytes } = material
  const most = random.below(6) === 0 ? MANY_STACKED : FEW_STACKED
  let made = input
  for (let left = 1 + random.below(most); left > 0; left--)
    made = random.pick(MUTATIONS)(made, material).subarray(0, maxBytes)
  return made
}

function edit(input: Uint8Array, random: Random, change: (byte: number) => number): Uint8Array {
  const made = input.slice()
  const at = random.below(made.length)
  if (made.length > 0) made[at] = change(made[at] ?? 0)
  return made
}

/** Short blocks are likelier than long ones. */
function block(input: Uint8Array, random: Random): readonly [number, number] {
  const from = random.below(input.length)
  const length = random.below(2) === 0 ? 1 + random.below(8) : 1 + random.below(input.length - from)
  return [from, Math.min(from + length, input.length)]
}

function insert(input: Uint8Array, at: number, bytes: Uint8Array): Uint8Array {
  return join(input.subarray(0, at), bytes, input.subarray(at))
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}
