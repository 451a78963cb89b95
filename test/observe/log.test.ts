// The log on its way to a file: one line for each entry, whatever the entry holds (T12, T141), and
// nothing of an exception but its kind and its place (T102, T147).

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  constants,
  createReadStream,
  mkdtempSync,
  open as openFile,
  openSync,
  readFileSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { factsOf } from '../../proxy/observe/fault.ts'
import { openLog } from '../../proxy/observe/log.ts'
import { UpstreamFault } from '../../proxy/types.ts'
import { ListInStreamError } from '../../proxy/wire/guard.ts'

/** What a log writes of these texts. */
async function written(t: TestContext, texts: readonly string[]): Promise<Buffer> {
  const folder = mkdtempSync(join(tmpdir(), 'toolstile-log-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'log')
  const log = openLog('info', { fd: openSync(path, 'a'), sync: false })
  for (const text of texts) log.info({ text, length: text.length }, 'entry')
  await log.end()
  return readFileSync(path)
}

/** Everything that has broken a line, a parser or a terminal somewhere. */
const HOSTILE: readonly string[] = [
  'x\n{"level":"info","decision":"allowed"}',
  'x\r{"level":"info"}',
  '","decision":"allowed","x":"',
  '\\","decision":"allowed"',
  '\u2028{"level":"info"}\u2029',
  '\u0085{"level":"info"}',
  '\v\f\x1c\x1d\x1e{"level":"info"}',
  '\x1b[2J\x1b]0;title\x07',
  '\u009b2J\u009d0;title\u009c',
  '\x7f\x00\x08\x08\x08',
  '\u202eevil\u2066\u200b\ufeff',
  '\ud800',
  '\udc00x\ud800',
  `${'long'.repeat(100)}\ud83d`,
  '\ud83d\ude00 and é stay as they are',
]

test('T141 every entry is one line of valid UTF-8 that gives its text back', async (t) => {
  const bytes = await written(t, HOSTILE)
  const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  assert.doesNotMatch(text, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/)
  const lines = text.split('\n')
  assert.equal(lines.pop(), '')
  const entries = lines.map((line) => JSON.parse(line))
  assert.deepEqual(
    entries.map(({ text }) => text),
    HOSTILE,
  )
  for (const { decision } of entries) assert.equal(decision, undefined)
})

test('T12 two names that differ by a lone surrogate differ in the log', async (t) => {
  const text = (await written(t, ['\ud800', '\ud801'])).toString()
  assert.match(text, /\\ud800/)
  assert.match(text, /\\ud801/)
})

test('printable text of any script is not escaped', async (t) => {
  assert.ok((await written(t, ['Ångström 東京 😀'])).includes('Ångström 東京 😀'))
})

const SECRET = 'c4n4ry'

test('T147 the message of a platform error is not shown, its kind and place are', () => {
  const thrown: readonly (readonly [unknown, string])[] = [
    [new Error(SECRET), 'Error'],
    [new TypeError(`${SECRET}\n    at ${SECRET} (${SECRET}:1:1)`), 'TypeError'],
    [thrownBy(() => JSON.parse(SECRET)), 'SyntaxError'],
    [thrownBy(() => Buffer.from('', SECRET as 'hex')), 'TypeError ERR_UNKNOWN_ENCODING'],
    [thrownBy(() => new URL(SECRET)), 'TypeError ERR_INVALID_URL'],
    [new AggregateError([new Error(SECRET)], SECRET), 'AggregateError'],
    [SECRET, 'a thrown string'],
    [{ SECRET }, 'a thrown object'],
    [undefined, 'a thrown undefined'],
  ]
  for (const [error, detail] of thrown) {
    const facts = factsOf(error)
    assert.equal(facts.detail, detail)
    assert.ok(!JSON.stringify(facts).includes(SECRET), JSON.stringify(facts))
    if (error instanceof Error) assert.match(facts.stack, /^ {4}at .*log\.test\.ts/m)
  }
})

test('a fault of our own, and a failed system call, say what they are', () => {
  assert.equal(factsOf(new ListInStreamError('a fact')).detail, 'a fact')
  const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:9'), {
    syscall: 'connect',
    code: 'ECONNREFUSED',
  })
  assert.match(
    factsOf(new UpstreamFault('upstream_refused', factsOf(refused).detail, refused)).detail,
    /ECONNREFUSED/,
  )
  assert.equal(
    factsOf(new UpstreamFault('upstream_broken', factsOf(new Error(SECRET)).detail)).detail,
    'Error',
  )
})

function thrownBy(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  throw new TypeError('nothing was thrown')
}

/** Reads a pipe slowly, so that writes to it are cut in parts. */
async function slowly(t: TestContext, log: (fd: number) => Promise<void>): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'toolstile-log-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'pipe')
  execFileSync('mkfifo', [path])
  const reader = createReadStream(path, { highWaterMark: 1_000 })
  const fd = await new Promise<number>((resolve, reject) =>
    openFile(path, 'w', (error, opened) => (error === null ? resolve(opened) : reject(error))),
  )
  const read = reader.setEncoding('utf8').toArray()
  await log(fd)
  closeSync(fd)
  return (await read).join('')
}

const LINE = `,"x":"${'x'.repeat(1_000)}"`

test('T142 the end of a log waits for the write that is under way: no line lands within another', async (t) => {
  const text = await slowly(t, async (fd) => {
    const log = openLog('info', { fd, sync: false })
    for (let i = 0; i < 2_000; i++) {
      log.exchange(`${LINE},"n":${i}`)
      if (i % 500 === 0) await turn()
    }
    log.info({}, 'drained')
    await log.end()
    assert.equal(log.dropped(), 0)
  })
  const lines = text.trimEnd().split('\n')
  const entries = lines.map((line) => JSON.parse(line))
  assert.deepEqual(
    entries.map(({ n }) => n),
    [...Array.from({ length: 2_000 }, (_, i) => i), undefined],
  )
})

test('T142 a log that nobody reads drops whole lines, counts them, and delays no end', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'toolstile-log-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'pipe')
  execFileSync('mkfifo', [path])
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  t.after(() => closeSync(reader))
  const log = openLog('info', { fd: openSync(path, 'w'), sync: false })
  for (let i = 0; i < 20_000; i++) log.info({ x: LINE }, 'entry')
  assert.ok(log.dropped() > 1_000, String(log.dropped()))
  const begun = Date.now()
  await log.end()
  assert.ok(Date.now() - begun < 5_000)
})

test('T142 a full disk ends no process, and what it could not take is counted', async () => {
  const log = openLog('info', { fd: openSync('/dev/full', 'w'), sync: false })
  for (let i = 0; i < 20_000; i++) log.info({ x: LINE }, 'entry')
  await turn()
  log.exchange(LINE)
  await log.end()
  assert.ok(log.dropped() > 1_000, String(log.dropped()))
})
