// The report: it says what the results say, and the committed page is the one of the committed results.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { pageOf, picturesOf, runsTable } from '../../bench/report.ts'
import type { Results } from '../../bench/run.ts'
import { resultsOf, runOf } from './results.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const PAGE = readFileSync(`${ROOT}docs/performance.md`, 'utf8')
const RESULTS = resultsOf([
  runOf('nginx', 'small', 20),
  runOf('ours', 'small', 50),
  runOf('ours', 'denied', 25),
])

test('the page has every number of the results, and names who was skipped', () => {
  const page = pageOf(PAGE, RESULTS)
  for (const row of [
    '| ours | 20,000 (19,000 to 21,000) | 50 (49 to 51) | 2.5 | 1.5 (1 to 2) | 4 (3 to 5) | 90 |',
    '| denied | 25 |',
    '| Rules in the policy | 10: 50, 100: 60 | 100, 100 | 0.12 | no |',
    '| nginx | 20 |',
    'skipped: express is missing',
    'a CPU, 2 cores, 8 GB; a system, Linux 6.1; measured on 2026-01-02',
  ])
    assert.ok(page.includes(row), row)
})

test('a page without the marks is refused', () => {
  assert.throws(() => pageOf('# Performance', RESULTS), /has no marks for small/)
})

test('the table for a terminal has one line for each run', () => {
  assert.equal(runsTable(RESULTS.runs).split('\n').length, 2 + RESULTS.runs.length)
})

test('page and pictures are those of bench/results.json; npm run bench -- --render writes them', () => {
  const results = JSON.parse(readFileSync(`${ROOT}bench/results.json`, 'utf8')) as Results
  assert.equal(pageOf(PAGE, results), PAGE)
  for (const [path, svg] of Object.entries(picturesOf(results))) {
    assert.equal(readFileSync(`${ROOT}${path}`, 'utf8'), svg)
    assert.ok(PAGE.includes(path.replace('docs/', '')), `${path} is not shown`)
  }
})
