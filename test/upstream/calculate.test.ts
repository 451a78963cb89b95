// The arithmetic of the demo server.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { calculate } from '../../upstream/calculate.ts'

const values: readonly [string, number][] = [
  ['1+2*3', 7],
  ['(1+2)*3', 9],
  ['10 - 4 - 3', 3],
  ['100 / 10 / 5', 2],
  ['-2 * -(3 + .5)', 7],
  ['2--1', 3],
  [' 0.5 ', 0.5],
]

for (const [expression, value] of values) {
  test(`${expression} is ${value}`, () => {
    assert.deepEqual(calculate(expression), { ok: true, value })
  })
}

const problems: readonly [string, RegExp][] = [
  ['', /ends too early/],
  ['1 +', /ends too early/],
  ['1 2', /"2" was not expected/],
  ['(1', /closing parenthesis is missing/],
  ['1)', /"\)" was not expected/],
  ['* 2', /"\*" was not expected/],
  ['process.exit()', /Only numbers/],
  ['1e3', /Only numbers/],
  ['5 / (2 - 2)', /Division by zero/],
  [`${'('.repeat(60)}1${')'.repeat(60)}`, /levels of nesting/],
  ['1+'.repeat(300), /longer than 500/],
  [`${'9'.repeat(200)}*${'9'.repeat(200)}`, /too large/],
]

for (const [expression, problem] of problems) {
  test(`"${expression.slice(0, 20)}" has no value: ${problem.source}`, () => {
    const outcome = calculate(expression)
    assert.ok(!outcome.ok)
    assert.match(outcome.problem, problem)
  })
}
