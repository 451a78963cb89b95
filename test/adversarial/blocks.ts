// Reads the Markdown of llhttp's own tests: the messages in it, as bytes. A block spells control
// characters with backslashes and ends its lines with a bare line feed, which stands for CR LF.

import { readdirSync, readFileSync } from 'node:fs'

/** One message of the corpus. */
export type Block = { readonly name: string; readonly bytes: Buffer }

/** All messages of the files of a folder. */
export function blocksIn(folder: URL): readonly Block[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.md'))
    .sort()
    .flatMap((file) => {
      const text = readFileSync(new URL(file, folder), 'utf8')
      return [...text.matchAll(/^```http\n([\s\S]*?)^```/gm)].map((found) => ({
        name: `${file}:${text.slice(0, found.index).split('\n').length}`,
        bytes: Buffer.from(spelledOut(found[1] ?? ''), 'latin1'),
      }))
    })
}

function spelledOut(block: string): string {
  const named: Readonly<Record<string, string>> = { r: '\r', n: '\n', t: '\t', f: '\f' }
  return block
    .replace(/\n$/, '')
    .replaceAll(/\\\n/g, '')
    .replaceAll('\n', '\r\n')
    .replaceAll(/\\x([0-9a-f]{2})|\\([rntf])/gi, (_, hex?: string, letter?: string) =>
      hex === undefined
        ? (named[letter ?? ''] ?? '')
        : String.fromCharCode(Number.parseInt(hex, 16)),
    )
}
