// A second reader of event streams, straight from the algorithm of WHATWG HTML §9.2.6: what a client
// dispatches. It must share nothing with the filter under test.

/** One block of lines up to its blank line. */
export type Block = {
  readonly type: string
  /** Every value an `event` line gave, the overridden ones included. */
  readonly types: readonly string[]
  /** The joined data as bytes in a latin1 string; undefined without a data line: nothing is dispatched. */
  readonly data: string | undefined
  readonly ids: readonly string[]
  /** Lines that are no data, as they came. */
  readonly others: readonly string[]
}

/** A stream: its complete blocks, and the lines after the last of them, which no client dispatches. */
export type Stream = { readonly blocks: readonly Block[]; readonly rest: readonly string[] }

/** Reads a whole stream; texts are latin1, one character a byte. */
export function readStream(bytes: Uint8Array): Stream {
  const text = Buffer.from(bytes)
    .toString('latin1')
    .replace(/^\xef\xbb\xbf/, '')
  const lines = text.split(/\r\n|\n|\r/)
  const last = lines.pop() ?? ''
  const blocks: Block[] = []
  let open: string[] = []
  for (const line of lines) {
    if (line === '') {
      blocks.push(blockOf(open))
      open = []
    } else open.push(line)
  }
  return { blocks, rest: last === '' ? open : [...open, last] }
}

function blockOf(lines: readonly string[]): Block {
  const types: string[] = []
  const ids: string[] = []
  const others: string[] = []
  let data: string[] | undefined
  for (const line of lines) {
    const [field, value] = fieldOf(line)
    if (field === 'data') data = [...(data ?? []), value]
    else others.push(line)
    if (field === 'event') types.push(value)
    if (field === 'id' && !value.includes('\0')) ids.push(value)
  }
  return { type: types.at(-1) ?? '', types, data: data?.join('\n'), ids, others }
}

function fieldOf(line: string): readonly [field: string, value: string] {
  const colon = line.indexOf(':')
  if (colon === 0) return ['', '']
  if (colon < 0) return [line, '']
  const value = line.slice(colon + 1)
  return [line.slice(0, colon), value.startsWith(' ') ? value.slice(1) : value]
}
