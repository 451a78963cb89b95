// What reads and judges numbers: the line of wrk, quantiles of a histogram, medians, growth.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judge } from '../../bench/curves.ts'
import { median } from '../../bench/measure.ts'
import { quantile } from '../../bench/quantile.ts'
import { cpuMicros, memoryMB } from '../../bench/usage.ts'
import { assertClean, parseLoad } from '../../bench/wrk.ts'

const OUTPUT = `Running 1s test
  1 threads and 32 connections
toolstile n=25821 us=1000123 p50=1200 p99=1954 status=0 connect=0 read=0 write=0 timeout=0
`

test('the line of wrk is read', () => {
  const { requests, durationUs, p50Us, p99Us } = parseLoad(OUTPUT)
  assert.deepEqual([requests, durationUs, p50Us, p99Us], [25_821, 1_000_123, 1_200, 1_954])
  assert.throws(() => parseLoad('unable to connect'), /printed no result: unable to connect/)
})

test('a run with any error, or without an answer, is no measurement', () => {
  assertClean(parseLoad(OUTPUT), 'x')
  const bad = parseLoad(OUTPUT.replace('status=0', 'status=3').replace('read=0', 'read=1'))
  assert.throws(() => assertClean(bad, 'nginx, small'), /nginx, small: 3 status, 1 read errors/)
  const none = parseLoad(OUTPUT.replace('n=25821', 'n=0'))
  assert.throws(() => assertClean(none, 'x'), /no request was answered/)
})

test('the median of an even count lies between the middle two', () => {
  assert.equal(median([9, 1, 5]), 5)
  assert.equal(median([1, 9, 5, 7]), 6)
  assert.throws(() => median([]), /no numbers/)
})

test('a quantile counts what came between two scrapes, over all labels', () => {
  const scrape = (low: number, mid: number, all: number) =>
    [`le="0.001"} ${low}`, `le="0.002"} ${mid}`, `le="+Inf"} ${all}`]
      .flatMap((end) => ['a', 'b'].map((label) => `x_bucket{l="${label}",${end}`))
      .join('\n')
  const [before, after] = [scrape(10, 10, 10), scrape(60, 110, 110)]
  assert.equal(quantile(before, after, 'x', 0.5), 0.001)
  assert.equal(quantile(before, after, 'x', 0.75), 0.0015)
  assert.equal(quantile(before, scrape(60, 110, 210), 'x', 0.99), Infinity)
  assert.throws(() => quantile(before, before, 'x', 0.5), /counted nothing/)
})

test('growth is judged by its steepest step', () => {
  const curve = (...costs: readonly number[]) =>
    judge(costs.map((cpu_us, i) => ({ x: 10 ** i, cpu_us })))
  assert.deepEqual(curve(50, 500, 5_000), { steepest: 1, isLinear: true })
  assert.deepEqual(curve(50, 51, 52).isLinear, true)
  assert.deepEqual(curve(50, 60, 1_200), { steepest: 2, isLinear: false })
})

test('CPU and memory of a process are read from /proc', () => {
  const before = cpuMicros([process.pid])
  for (let i = 0; i < 1e6; i++) Math.sqrt(i)
  assert.ok(cpuMicros([process.pid]) > before)
  const { now, peak } = memoryMB([process.pid])
  assert.ok(now > 10 && peak >= now)
})
