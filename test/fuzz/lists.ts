// Fuzz target: the judge of one message of the upstream and the cutting of its lists (T91-T102, T105).
// No hidden name passes in any escape; a plain answer always passes, cut exactly, every other byte as
// it came, and is private to its caller.

import assert from 'node:assert/strict'
import type { ListName, Target } from '../../proxy/types.ts'
import { fold } from '../../proxy/wire/fold.ts'
import { type Expect, judgeFrame, type Rules } from '../../proxy/wire/frames.ts'
import { LIST_NAMES } from '../../proxy/wire/lists.ts'
import { Choices } from './choices.ts'
import { readJSON } from './reference/json.ts'
import { leakIn } from './reference/leaks.ts'

const TTL_MS = 5_000
const KEYS = {
  tools: 'name',
  prompts: 'name',
  resources: 'uri',
  resourceTemplates: 'uriTemplate',
  tasks: 'taskId',
}

export const maxBytes = 1_024
export const words = [
  ...[
    '{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a"},{"name":"hid"}]}}',
    '{"name":"hid"}',
    ',',
    '[',
    ']',
    '{',
    '}',
  ],
  ...[
    '"tools":[',
    '"Tools":[{"name":"hid"}],',
    '"\\u0074ools":[',
    '"\uff54ools":[{"name":"hid"}]',
    '"NAME":"a",',
    '"name":"\\u0068id"',
  ],
  ...[
    '"ttlMs":99999,',
    '"ttlMs":-1,',
    '"cacheScope":"public",',
    '"CacheScope":"public"',
    '"resultType":"input_required",',
    '"result":{',
  ],
  ...[
    '"method":"notifications/resources/updated",',
    '"params":{"uri":"hid"}',
    '"method":"sampling/createMessage",',
    '"params":{"tools":[{}]}',
  ],
  ...[
    '"error":{"code":-32602,"message":"no hid"}',
    '"data":{"tools":[{"name":"hid"}]}',
    '"Result":{}',
    '"id":2,',
    '"id":null,',
    '__proto__',
  ],
  ...['\\ud83d', '\ufeff', '\u2028', '1e400', '-0', '\\', '"'],
]

/** Throws when the judge breaks a property on these bytes. */
export function target(bytes: Uint8Array): void {
  check(judgeFrame, bytes)
}

const may = ({ name }: Target) => !name.includes('hid')

/** The properties, for any judge. */
export function check(judge: typeof judgeFrame, bytes: Uint8Array): void {
  const choices = new Choices(bytes)
  const asked = choices.pick([undefined, ...LIST_NAMES])
  const isReplay = choices.below(4) === 3
  const era = choices.flag() ? 'modern' : 'legacy'
  const expect: Expect = { id: isReplay ? undefined : 1, list: isReplay ? undefined : asked, era }
  const cache = choices.flag() ? { ttlMs: TTL_MS, insert: era === 'modern' } : undefined
  const rules: Rules = { may, cacheFor: () => cache, privatize: choices.flag() }
  if (choices.flag() && asked !== undefined) checkPlain(judge, asked, expect, rules, choices)
  else checkAny(judge, Buffer.from(choices.rest()).toString('utf8'), expect, rules)
}

/** Whatever comes: what passes is one unambiguous message in which nothing hidden is. */
function checkAny(judge: typeof judgeFrame, text: string, expect: Expect, rules: Rules): void {
  const verdict = judge(text, expect, rules)
  if ('drop' in verdict) return
  const sent = verdict.pass === 'same' ? text : verdict.text
  for (const one of [text, sent]) {
    const reading = readJSON(one)
    assert.ok(reading !== undefined, 'what is no JSON passes')
    assert.ok(!reading.hasDuplicates && !reading.hasProto, 'what readers differ on passes')
  }
  const message = readJSON(sent)?.value as Fields // it was read above
  const before = readJSON(text)?.value as Fields // the same
  assert.deepEqual(verdict.value, before, 'the judge tells of another message')
  const lists =
    expect.id === undefined ? LIST_NAMES : expect.list === undefined ? [] : [expect.list]
  assert.equal(leakIn(message, lists, may), undefined, 'something hidden passes')
  assert.equal(message['jsonrpc'], '2.0', 'a message of no protocol passes')
  if (!('method' in message) && expect.id !== undefined && message['id'] !== undefined)
    assert.ok(
      message['id'] === expect.id || message['id'] === null,
      'the answer to another request passes',
    )
  if (verdict.pass === 'same') return
  if ('result' in message) checkCut(before, message, text, sent, expect, rules)
  else if ('error' in message) checkError(before, message)
  else assert.fail('a call is changed')
}

type Fields = { readonly [name: string]: unknown }

/** A result loses entries and gains privacy; all else is as it was. */
function checkCut(
  before: Fields,
  after: Fields,
  text: string,
  sent: string,
  expect: Expect,
  rules: Rules,
): void {
  const cache = rules.cacheFor(expect.era)
  const wanted = structuredClone(before['result']) as Record<string, unknown> // an answer with a result
  for (const list of LIST_NAMES) {
    const entries = wanted[list]
    if (!Array.isArray(entries) || !(expect.id === undefined || expect.list === list)) continue
    const shown = (after['result'] as Fields)[list] // the same shape
    assert.ok(Array.isArray(shown))
    // Which entries stay, leakIn has judged; here: none is made up, and their order stays.
    let at = 0
    for (const entry of shown) {
      while (at < entries.length && JSON.stringify(entries[at]) !== JSON.stringify(entry)) at++
      assert.ok(at++ < entries.length, 'an entry is not one that came')
    }
    wanted[list] = shown
  }
  if (cache === undefined) assert.ok(isSubsequence(sent, text), 'more than entries is changed')
  else
    for (const holder of [wanted, after['result'] as Record<string, unknown>])
      for (const name of Object.keys(holder)) {
        if (!/^(ttlms|cachescope)$/.test(fold(name))) continue
        if (holder !== wanted) checkCache(name, holder[name])
        delete holder[name]
      }
  assert.deepEqual({ ...after }, { ...before, result: wanted }, 'more than the lists is changed')
}

function checkCache(name: string, value: unknown): void {
  if (fold(name) === 'ttlms')
    assert.ok(Number(value) >= 0 && Number(value) <= TTL_MS, 'a list is kept too long')
  else assert.equal(value, 'private', 'a list may be shared')
}

/** Of an error that answers a list only the code is kept, and data that clients act on (T102). */
function checkError(before: Fields, after: Fields): void {
  const [was, is] = [before['error'] as Fields, after['error'] as Fields] // answers with an error
  assert.equal(is['code'], was['code'])
  const words = [
    'Parse error',
    'Invalid Request',
    'Method not found',
    'Invalid params',
    'Internal error',
    'Upstream error',
  ]
  assert.ok(words.includes(String(is['message'])), 'the words of the upstream pass')
  if ('data' in is) assert.ok([-32020, -32021, -32022].includes(Number(is['code'])), 'data passes')
}

function isSubsequence(short: string, long: string): boolean {
  let at = 0
  for (const char of long) if (short.startsWith(char, at)) at += char.length
  return at === short.length
}

const NAMES = [
  'a',
  'hid',
  'ahid',
  'b c',
  'é',
  '"',
  '\\',
  'HID',
  '',
  'name',
  ']',
  '}',
  ',',
  '{"name":"hid"}',
]
const GAPS = ['', ' ', '\n  ', '\t', '\r\n']
const EXTRAS = [
  '',
  ',"description":"hid, really"',
  ',"n":1.0',
  ',"x":[{"y":"]}"}]',
  ',"title":"\\u0068"',
  ',"z":{}',
]

/** An answer as a server that means well sends it: passes, with exactly the entries that may. */
function checkPlain(
  judge: typeof judgeFrame,
  list: ListName,
  expect: Expect,
  rules: Rules,
  choices: Choices,
): void {
  const gap = () => choices.pick(GAPS)
  const entries = choices.many(7, () => {
    const name = choices.pick(NAMES)
    return {
      name,
      text: `{"${KEYS[list]}":${gap()}${JSON.stringify(name)}${choices.pick(EXTRAS)}}`,
    }
  })
  const kept = entries.filter(({ name }) => may({ kind: 'tool', name }))
  const items = entries.map(({ text }) => gap() + text + gap()).join()
  const [before, after] = [
    choices.flag() ? '"nextCursor":"x",' : '',
    choices.flag() ? ',"_meta":{"v":1.50}' : '',
  ]
  const text = `{"jsonrpc":"2.0",${gap()}"id":1,"result":{${before}"${list}":[${items}]${after}}}${gap()}`
  const verdict = judge(text, expect, rules)
  assert.ok('pass' in verdict, 'a plain list is dropped')
  const sent = verdict.pass === 'same' ? text : verdict.text
  const result = (JSON.parse(sent) as { result: Record<string, unknown> }).result
  assert.deepEqual(
    result[list],
    kept.map((entry) => JSON.parse(entry.text)),
    'not the entries that may',
  )
  let at = 0
  for (const entry of kept) {
    at = sent.indexOf(entry.text, at)
    assert.ok(at >= 0, 'an entry that stays is not the bytes that came')
  }
  const cache = rules.cacheFor(expect.era)
  if (cache === undefined)
    assert.equal(verdict.pass, kept.length === entries.length ? 'same' : 'changed')
  else if (cache.insert)
    assert.deepEqual([result['ttlMs'], result['cacheScope']], [TTL_MS, 'private'])
  if (verdict.pass === 'changed')
    assert.equal(
      verdict.hidden[list] ?? 0,
      entries.length - kept.length,
      'another number of entries is counted',
    )
}
