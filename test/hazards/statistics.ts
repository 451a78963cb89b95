// The two numbers by which timings are compared: the median, and the Mann-Whitney U test, which asks
// whether one sample tends to be larger and assumes nothing about its shape (T103).

/** The test's result: U of the first sample, its z score and the two-sided p. */
export type MannWhitney = { readonly u: number; readonly z: number; readonly p: number }

/** The middle of a sample, which must not be empty. */
export function median(sample: readonly number[]): number {
  const sorted = [...sample].sort((a, b) => a - b)
  const half = sorted.length >> 1
  const upper = sorted[half]
  if (upper === undefined) throw new TypeError('the sample is empty')
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[half - 1] ?? upper)) / 2
}

/**
 * Mann-Whitney U of two samples by the normal approximation, with mean ranks for ties, the variance
 * corrected for them, and the correction for continuity; good from some 20 values a sample.
 */
export function mannWhitney(first: readonly number[], second: readonly number[]): MannWhitney {
  const n1 = first.length
  const n2 = second.length
  const total = n1 + n2
  const { ranks, tieTerm } = rank([...first, ...second])
  const rankSum = ranks.slice(0, n1).reduce((sum, value) => sum + value, 0)
  const u = rankSum - (n1 * (n1 + 1)) / 2
  const mean = (n1 * n2) / 2
  const variance = varianceOf(n1, n2, tieTerm)
  const distance = Math.max(0, Math.abs(u - mean) - 0.5)
  if (total < 2 || variance === 0) return { u, z: 0, p: 1 }
  const z = (Math.sign(u - mean) * distance) / Math.sqrt(variance)
  return { u, z, p: Math.min(1, 2 * upperTail(Math.abs(z))) }
}

/** The variance of U when both samples are of one distribution; `tieTerm` is the sum of t^3 - t. */
export function varianceOf(n1: number, n2: number, tieTerm: number): number {
  const total = n1 + n2
  return ((n1 * n2) / 12) * (total + 1 - tieTerm / (total * (total - 1)))
}

/** Ranks from 1; equal values share the mean of theirs. */
export function rank(values: readonly number[]) {
  const order = values.map((_, at) => at).sort((a, b) => (values[a] ?? 0) - (values[b] ?? 0))
  const ranks = new Array<number>(values.length).fill(0)
  let tieTerm = 0
  for (let from = 0; from < order.length; ) {
    let to = from + 1
    while (to < order.length && values[order[to] ?? -1] === values[order[from] ?? -1]) to++
    const ties = to - from
    tieTerm += ties ** 3 - ties
    for (const at of order.slice(from, to)) ranks[at] = (from + 1 + to) / 2
    from = to
  }
  return { ranks, tieTerm }
}

/** P(Z > z) of the standard normal distribution, z >= 0: a continued fraction, or a series near 0. */
function upperTail(z: number): number {
  const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)
  if (z < 3) {
    let term = z
    let sum = z
    for (let n = 1; n < 100; n++) {
      term *= (z * z) / (2 * n + 1)
      sum += term
    }
    return 0.5 - density * sum
  }
  let fraction = 0
  for (let n = 60; n > 0; n--) fraction = n / (z + fraction)
  return density / (z + fraction)
}
