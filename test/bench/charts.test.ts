// The pictures: text that a browser can draw, with nothing cut off and nothing left out.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bars, linearTicks, lines, logTicks, number } from '../../bench/charts.ts'

/** Asserts that every element is closed and no attribute is NaN. */
function assertDrawable(svg: string): void {
  const open: string[] = []
  for (const [, close, name = '', alone] of svg.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)) {
    if (alone === '/') continue
    if (close === '/') assert.equal(open.pop(), name)
    else open.push(name)
  }
  assert.deepEqual(open, [])
  assert.doesNotMatch(svg, /NaN|Infinity|undefined/)
}

test('a bar has its label, its value and its spread, and is in the picture as a whole', () => {
  const svg = bars('A title', 'requests', [
    { label: 'a & b', value: 25_000, spread: [24_000, 26_000], isOurs: false },
    { label: 'ours', value: 100, spread: [90, 110], isOurs: true },
  ])
  assertDrawable(svg)
  for (const text of ['A title', 'requests', 'a &amp; b', '25,000', '>100<'])
    assert.ok(svg.includes(text), text)
  const width = Number(/width="(\d+)"/.exec(svg)?.[1])
  for (const [, x, w] of svg.matchAll(/<rect x="([\d.]+)"[^>]*width="([\d.]+)"/g))
    assert.ok(Number(x) + Number(w) < width)
})

test('lines have an axis each, a legend when there are many, and stay inside their panel', () => {
  const line = (label: string, factor: number) => ({
    label,
    points: [1, 16, 64, 256].map((x) => [x, x * factor] as const),
  })
  const many = {
    title: 'T',
    x: 'connections',
    y: 'ms',
    lines: [line('a, p50', 1), line('a, p99', 9)],
  }
  const svg = lines([many, { ...many, lines: [line('alone', 3)] }], 2)
  assertDrawable(svg)
  assert.equal(svg.match(/<polyline/g)?.length, 3)
  assert.ok(svg.includes('>a, p99<') && !svg.includes('>alone<'))
  for (const [, y] of svg.matchAll(/<circle[^>]*cy="([\d.]+)"/g)) assert.ok(Number(y) >= 46)
})

test('ticks enclose what they measure, and are round', () => {
  assert.deepEqual(linearTicks(26_000), [0, 10_000, 20_000, 30_000])
  assert.deepEqual(logTicks(3, 40), [2, 5, 10, 20, 50])
  const wide = logTicks(0.3, 90_000)
  assert.ok((wide[0] ?? 1) <= 0.3 && (wide.at(-1) ?? 0) >= 90_000 && wide.length <= 10)
})

test('numbers have as many digits as count', () => {
  assert.deepEqual([1234.5, 99.44, 0.01234, 7].map(number), ['1,235', '99.4', '0.0123', '7'])
})
