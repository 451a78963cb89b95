// The statistics that judge timings are judged themselves: on published samples, and against every
// split of small ones.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mannWhitney, median, rank, varianceOf } from './statistics.ts'

function near(actual: number, expected: number, within: number): void {
  assert.ok(Math.abs(actual - expected) <= within, `${actual} is not ${expected}`)
}

test('the median is the middle, or the mean of the two in the middle', () => {
  assert.equal(median([3, 1, 2]), 2)
  assert.equal(median([4, 1, 3, 2]), 2.5)
  assert.equal(median([7]), 7)
  assert.throws(() => median([]), TypeError)
})

test('equal values share the mean of their ranks', () => {
  assert.deepEqual(rank([10, 30, 20, 20]).ranks, [1, 4, 2.5, 2.5])
  assert.deepEqual(rank([5, 5, 5]).ranks, [2, 2, 2])
  assert.equal(rank([5, 5, 5, 1, 1]).tieTerm, 24 + 6)
})

test('the U test gives what is published for known samples', () => {
  // The ages of onset of the manual of scipy.stats.mannwhitneyu: U 17, asymptotic p 0.1113.
  const scipy = mannWhitney([19, 22, 16, 29, 24], [20, 11, 17, 12])
  assert.equal(scipy.u, 17)
  near(scipy.p, 0.11134688653314041, 1e-12)
  // Hollander and Wolfe (1973), 69: W 35, and p 0.2544 by exact enumeration.
  const placenta = mannWhitney(
    [0.8, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46],
    [1.15, 0.88, 0.9, 0.74, 1.21],
  )
  assert.equal(placenta.u, 35)
  near(placenta.p, 0.2544, 0.02)
})

test('p follows z over the whole range of the normal distribution', () => {
  // Two samples of n, the second moved up by k places: U is known, and so is z.
  const n = 400
  for (const k of [0, 10, 25, 40, 80, 200, 400]) {
    const first = Array.from({ length: n }, (_, i) => 2 * i)
    const { p, z } = mannWhitney(
      first,
      first.map((value) => value + 2 * k + 1),
    )
    const u = first.reduce((sum, _, i) => sum + Math.max(0, i - k), 0)
    near(z, (u - (n * n) / 2 + 0.5) / Math.sqrt(varianceOf(n, n, 0)), 1e-9)
    near(p, 2 * simpson(Math.abs(z)), 1e-9)
  }
})

/** The upper tail by brute force. */
function simpson(z: number): number {
  const steps = 20_000
  const width = 12 / steps
  let sum = 0
  for (let i = 0; i <= steps; i++) {
    const weight = i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2
    sum += weight * Math.exp(-((z + i * width) ** 2) / 2)
  }
  return ((width / 3) * sum) / Math.sqrt(2 * Math.PI)
}

test('with ties, mean and variance of U are those over every split of the values', () => {
  for (const values of [
    [1, 2, 3, 4, 5, 6, 7, 8],
    [1, 1, 2, 2, 2, 3, 4, 4],
    [1, 1, 1, 1, 1, 1, 1, 2],
  ]) {
    const us: number[] = []
    for (let mask = 0; mask < 256; mask++) {
      const first = values.filter((_, i) => (mask >> i) & 1)
      if (first.length === 3)
        us.push(
          mannWhitney(
            first,
            values.filter((_, i) => !((mask >> i) & 1)),
          ).u,
        )
    }
    const mean = us.reduce((sum, u) => sum + u, 0) / us.length
    const variance = us.reduce((sum, u) => sum + (u - mean) ** 2, 0) / us.length
    near(mean, 7.5, 1e-9)
    near(variance, varianceOf(3, 5, rank(values).tieTerm), 1e-9)
  }
})

test('samples that are all one value cannot be told apart', () => {
  assert.equal(mannWhitney([1, 1, 1], [1, 1, 1, 1]).p, 1)
})

test('2,000 timings that differ by a tenth of their spread are told apart, equal ones are not', () => {
  let state = 1
  const uniform = () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
  const sample = (shift: number) => Array.from({ length: 2_000 }, () => uniform() ** 3 + shift)
  assert.ok(mannWhitney(sample(0), sample(0.03)).p < 0.01)
  assert.ok(mannWhitney(sample(0), sample(0)).p > 0.01)
})
