// Runs tests and holds the ledger to what ran: every threat that the sources of these files cite must
// be cited by a test that passed. `node tools/proved.ts [FILE...]`; without files, all of them.

import { relative } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { fileURLToPath } from 'node:url'
import { cited, claimsOf, readSources, testFiles } from './threats.ts'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const CONCURRENCY = 2

const named = process.argv.slice(2).map((file) => relative(ROOT, file))
const files = named.length > 0 ? named : testFiles(ROOT)
// Tables that a file imports may be run by another one: only a whole run owes the rows of all.
const owed = claimsOf(readSources(ROOT, files)).filter(
  ({ file }) => named.length === 0 || named.includes(file),
)
const claimed = new Set(owed.flatMap(({ numbers }) => numbers))
const skipped = new Set<number>()
const passed = new Set<number>()

const events = run({ files: files.map((file) => `${ROOT}${file}`), concurrency: CONCURRENCY })
events.on('test:pass', ({ name, skip, todo }) => {
  const kept = skip === undefined && todo === undefined ? passed : skipped
  for (const number of cited(name)) kept.add(number)
})
events.on('test:fail', () => {
  process.exitCode = 1
})
events.once('end', () => {
  for (const number of [...claimed].sort((a, b) => a - b)) {
    if (passed.has(number)) continue
    const why = skipped.has(number) ? 'was skipped' : 'did not run, or failed'
    process.stderr.write(`T${number}: what cites it ${why}\n`)
    process.exitCode = 1
  }
})
events.compose(spec).pipe(process.stdout)
