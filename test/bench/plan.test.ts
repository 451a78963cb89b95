// What is planned: nobody is left out in silence, and the flags say what makes sense.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CONTENDERS, lacking } from '../../bench/contenders.ts'
import { parseFlags } from '../../bench/flags.ts'
import { RATIOS } from '../../bench/guard.ts'
import { plan } from '../../bench/plan.ts'

const onlyNginx = (needs: readonly string[]) => lacking(needs, (need) => need === 'nginx')

test('what a machine lacks is skipped by name, with what is missing', () => {
  const { contenders, skipped } = plan(false, 5, onlyNginx)
  assert.deepEqual(
    skipped.map(({ contender }) => contender),
    [
      'nginx auth_request',
      'nginx + Lua',
      'haproxy + JWT',
      'http-proxy',
      'http-proxy-3',
      'undici',
      'express',
    ],
  )
  const lua = skipped.find(({ contender }) => contender === 'nginx + Lua')
  assert.equal(lua?.why, 'ngx_http_lua_module is missing, cjson is missing')
  assert.equal(contenders.length + skipped.length, CONTENDERS.length)
})

test('a quick run has what the guard compares', () => {
  const { contenders, scenarios } = plan(true, 4, () => [])
  for (const [name, scenario] of RATIOS.flatMap(({ over, under }) => [over, under])) {
    const contender = contenders.find((one) => one.name === name)
    assert.ok(contender, name)
    assert.ok(scenarios.find((one) => one.name === scenario)?.isFor(contender), scenario)
  }
})

test('names of scenarios differ', () => {
  const names = plan(false, 5, () => []).scenarios.map(({ name }) => name)
  assert.deepEqual(names, [...new Set(names)])
})

test('flags that make no sense are refused with one sentence', () => {
  assert.equal(parseFlags(['--quick', '--guard', '--rounds', '7']).rounds, 7)
  assert.throws(() => parseFlags(['--guard']), /need --quick/)
  assert.throws(() => parseFlags(['--report', '--quick']), /needs a full run/)
  assert.throws(() => parseFlags(['--rounds', '0']), /from 1 to 100/)
  assert.throws(() => parseFlags(['--fast']), /--fast/)
})
