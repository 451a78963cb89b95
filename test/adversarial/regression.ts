// The files in regressions/: one shot each that fooled a product, or this one, once. Every one of them
// is fired again by the test suite, at every upstream.

import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { Violation } from './judge.ts'
import { type Kept, keep, type Shot, unkeep } from './shot.ts'
import type { UpstreamName } from './upstreams.ts'

/** One file. */
export type Regression = {
  /** What it is, as a sentence that can name a test. */
  readonly what: string
  /** True when nothing of it may reach an upstream. */
  readonly refused: boolean
  /** The upstreams that did what is hidden when they got it directly: they must still do so. */
  readonly fools: readonly UpstreamName[]
  /** What was seen when it was found. */
  readonly happened: readonly string[]
  readonly shot: Kept
}

const FOLDER = new URL('regressions/', import.meta.url)

/** Every kept shot, by file name. */
export function regressions(
  folder = FOLDER,
): readonly (readonly [file: string, Regression, Shot])[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => {
      const kept = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Regression // our files
      return [file, kept, unkeep(kept.shot)] as const
    })
}

/** Keeps a failing shot and gives the name of its file. */
export function keepRegression(
  shot: Shot,
  violations: readonly Violation[],
  what: string,
  folder = FOLDER,
): string {
  const kept = keep(shot)
  const digest = createHash('sha256').update(JSON.stringify(kept)).digest('hex').slice(0, 12)
  const file = `${violations[0]?.rule ?? 'unknown'}-${digest}.json`
  const regression: Regression = {
    what,
    refused: false,
    fools: [],
    happened: [...new Set(violations.map(({ rule, detail }) => `${rule}: ${detail}`))],
    shot: kept,
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(new URL(file, folder), `${JSON.stringify(regression, null, 2)}\n`)
  return file
}
