// Searches bytes for words in every decoding that a client could try. Fast first: nearly all answers
// hold none of them, and the dear decodings are tried on what is left.

import { gunzipSync, inflateSync } from 'node:zlib'

/** How the word could be read out of the bytes; undefined when it cannot. */
export function reveals(bytes: Buffer, word: string): string | undefined {
  for (const [name, form] of forms(bytes)) {
    if (form.includes(word)) return name
    const plain = unescaped(form)
    if (plain !== form && plain.normalize('NFKC').toLowerCase().includes(word))
      return `${name}, unescaped`
    if (base64Forms(word).some((encoded) => form.includes(encoded))) return `${name}, base64`
  }
  return undefined
}

function* forms(bytes: Buffer): Generator<readonly [string, string]> {
  const latin1 = bytes.toString('latin1')
  yield ['bytes', latin1]
  const lower = latin1.toLowerCase()
  if (lower !== latin1) yield ['another case', lower]
  // UTF-16 and UTF-32 of ASCII are the same letters between NULs.
  if (latin1.includes('\0')) yield ['UTF-16 or UTF-32', lower.replaceAll('\0', '')]
  if (/[^\x00-\x7f]/.test(latin1)) {
    const text = bytes.toString('utf8')
    yield ['NFKC', text.normalize('NFKC').toLowerCase()]
    yield ['without marks', text.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase()]
  }
  if (/\+[A-Za-z0-9]{2,}/.test(latin1)) yield ['UTF-7', fromUtf7(latin1)]
  if (/[\r\n]/.test(latin1)) yield ['joined lines', lower.replaceAll(/[\r\n]+(data: ?)?/g, '')]
  const open = /^\x1f\x8b/.test(latin1)
    ? gunzipSync
    : /^\x78/.test(latin1)
      ? inflateSync
      : undefined
  try {
    if (open !== undefined) yield ['decompressed', open(bytes).toString('latin1')]
  } catch {
    // Not encoded so.
  }
}

function unescaped(text: string): string {
  if (!/[\\%&=]/.test(text)) return text
  const code = (hex: string) => String.fromCharCode(Number.parseInt(hex, 16))
  const once = text
    .replaceAll(/\\u([0-9a-f]{4})/gi, (_, hex: string) => code(hex))
    .replaceAll(/(?:%|\\x|=)([0-9a-f]{2})/gi, (_, hex: string) => code(hex))
    .replaceAll(/&#x([0-9a-f]{2,4});/gi, (_, hex: string) => code(hex))
    .replaceAll('\\/', '/')
    .replaceAll('\\\\', '\\')
  return once === text ? text : unescaped(once)
}

const encoded = new Map<string, readonly string[]>()

/** What base64 makes of the word at each of the three offsets, without the letters at its ends. */
function base64Forms(word: string): readonly string[] {
  const known = encoded.get(word)
  if (known !== undefined) return known
  const made = [0, 1, 2].map((offset) =>
    Buffer.from(' '.repeat(offset) + word)
      .toString('base64')
      .replace(/=+$/, '')
      .slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + word.length) * 8) / 6)),
  )
  encoded.set(word, made)
  return made
}

function fromUtf7(text: string): string {
  return text.replaceAll(/\+([A-Za-z0-9+/]{2,})-?/g, (_, run: string) =>
    Buffer.from(run, 'base64').toString('latin1').replaceAll('\0', ''),
  )
}
