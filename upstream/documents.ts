// Finds and reads the two documents that the demo serves, and cuts them into sections.
// Never reads a path that came from a request: names are looked up in what was read at start.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The two documents and the sections of the public one, keyed by the slug of their heading. */
export type Documents = {
  readonly public: string
  readonly confidential: string
  readonly sections: ReadonlyMap<string, string>
}

/** Reads `public.md` and `confidential.md` from `directory`. */
export function readDocuments(directory: string): Documents {
  const text = readFileSync(join(directory, 'public.md'), 'utf8')
  return {
    public: text,
    confidential: readFileSync(join(directory, 'confidential.md'), 'utf8'),
    sections: cutSections(text),
  }
}

/** Walks up from this module to the `documents` folder, so that dist/upstream finds it as well. */
export function findDocuments(start: string = import.meta.dirname): string {
  const candidate = join(start, 'documents')
  if (existsSync(join(candidate, 'public.md'))) return candidate
  const parent = dirname(start)
  if (parent === start) throw new Error('No folder named documents was found above the program')
  return findDocuments(parent)
}

function cutSections(text: string): ReadonlyMap<string, string> {
  const [, ...parts] = text.split(/^## /m)
  return new Map(parts.map((part) => [slugOf(part), `## ${part.trimEnd()}\n`]))
}

function slugOf(section: string): string {
  const heading = section.split('\n', 1)[0] ?? ''
  return heading
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
}
