// Faults of the key set (T75-T79): whatever the issuer serves, or does not, no token of a stranger
// counts, the last good keys stay until they are too old, and nobody waits for an issuer that is slow.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Bench, hold, holdAll, type Row, startBench, until } from './bench.ts'
import type { KeyFault } from './keys.ts'

const set = (fault: KeyFault) => (bench: Bench) => {
  bench.face.fault = fault
}
/** Three loads that failed: the fault is what the program lives with. */
const failed = ({ logged }: Bench) => logged('the key set could not be loaded', 3)
/** So many more loads. */
async function loaded({ face }: Bench, count = 3): Promise<void> {
  const before = face.loads()
  await until(() => face.loads() >= before + count, 'the key set is asked for')
}

const BAD: readonly KeyFault[] = [
  '500',
  'silent',
  'slow drip',
  '10 MB',
  'HTML',
  'cut short',
  'no keys',
  'redirected to a stranger',
  'moved to a stranger',
]
const row = (
  name: string,
  fault: KeyFault,
  allowed: RegExp,
  shows: Row['shows'] = loaded,
): Row => ({
  name,
  breaks: set(fault),
  shows,
  allowed,
  // Until then the next row would begin within this one.
  repair: async (bench: Bench) => {
    set('none')(bench)
    await loaded(bench, 1)
  },
})

// Most of the time is waiting.
describe('the key set', { concurrency: 3 }, () => {
  test('T77 T78 while the key set is bad the last good keys serve, and the address of a stranger is not asked', async (t) => {
    const bench = await startBench(t)
    for (const fault of BAD)
      await t.test(`T77 T78 a key set that is ${fault}`, async (t) => {
        await hold(t, row(fault, fault, /^200$/, failed), bench)
        assert.equal(bench.face.strangerAsked(), 0)
      })
  })

  test('T77 past JWKS_STALE a bad key set is 503 for everybody, never open', async (t) => {
    const unready = ({ admin }: Bench) =>
      until(async () => (await fetch(`${admin}/ready`)).status === 503, 'not ready')
    await holdAll(
      t,
      (['500', 'silent', 'redirected to a stranger'] as const).map((fault) =>
        row(`T77 a key set that is ${fault}, for long`, fault, /^503$/, unready),
      ),
      { JWKS_STALE: '1s' },
    )
  })

  test('T61 T63 T75 T76 T78 a poisoned key set makes nobody of a stranger, and a rotated one refuses nobody', async (t) => {
    await holdAll(t, [
      // What it adds is left out; the good keys in it go on.
      row('T61 T78 an oct key added to the set verifies nothing', 'an oct key added', /^200$/),
      row('T75 a weak key added to the set verifies nothing', 'a weak key added', /^200$/),
      row(
        'T63 T78 a good kid that names a second key as well is nobody any more',
        'the kid of a good key twice',
        // A token that was verified before keeps its caller: its key is still in the set.
        /^(200|401)$/,
      ),
      {
        ...row('T76 keys that rotate under load refuse no allowed call', 'none', /^200$/),
        breaks: ({ face }) => face.issuer.rotate(),
      },
    ])
  })

  test('T78 a set that shrinks to another key ends all earlier tokens, and says so with thumbprints', async (t) => {
    const { program } = await hold(t, row('shrunk', 'shrunk to a key of somebody else', /^401$/))
    const changes = program.lines().filter(({ msg }) => msg === 'the key set changed')
    assert.equal(new Set(changes.map(({ thumbprints }) => String(thumbprints))).size, 2)
    for (const { thumbprints } of changes) assert.match(String(thumbprints), /^[\w-]{43}$/)
  })
})
