// A list that was judged before is answered from memory, and the answer is the one a new judgement gives.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Policy } from '../../proxy/policy/engine.ts'
import { RememberedLists } from '../../proxy/policy/remembered.ts'
import { parsePolicy } from '../../proxy/policy/table.ts'
import type { Caller, Era, Intent, RequestId } from '../../proxy/types.ts'
import { judgeWith } from '../../proxy/wire/judged.ts'

const policyOf = (source: string): Policy => {
  const parsed = parsePolicy(`version: 1\n${source}`, 'error')
  assert.ok('policy' in parsed)
  return parsed.policy
}
const POLICY = policyOf(`roles: { admin: ['b'] }
tools: { a: { scopes: [a] }, b: { scopes: [b] }, r: { roles: [admin] }, all: { anyone: true } }`)

const callerOf = (scopes: readonly string[], roles: readonly string[] = []): Caller => ({
  iss: 'https://idp',
  sub: scopes.join(),
  client: '',
  scopes: new Set(scopes),
  roles: new Set(roles),
  expiresAt: 1,
})

function intentOf(id: RequestId, era: Era = 'legacy', list: Intent['list'] = 'tools'): Intent {
  return {
    era,
    http: 'POST',
    method: `${list}/list`,
    id,
    targets: [],
    list,
    sealedSession: undefined,
    body: undefined,
    mayCreateTask: false,
  }
}

/** What one caller gets of one answer: from this memory, or judged anew. */
function answered(
  memory: RememberedLists | undefined,
  caller: Caller,
  intent: Intent,
  text: string,
  ttlMs = 60_000,
  policy = POLICY,
) {
  const hidden: string[] = []
  let decisions = 0
  const judge = judgeWith(intent, {
    may: ({ kind, name }) => {
      decisions++
      return policy.decide(caller, { kind, name }).allow
    },
    expiresInMs: () => ttlMs,
    tasksOffered: () => assert.fail('a list offers no tasks'),
    taskCreated: () => assert.fail('a list makes no task'),
    hidden: (list, count) => hidden.push(`${list} ${count}`),
    remembered: memory?.of(intent, policy.permissions(caller)),
  })
  const verdict = judge(text)
  const sent = 'drop' in verdict ? verdict.drop : verdict.pass === 'same' ? text : verdict.text
  return { sent, hidden, decisions }
}

const listOf = (id: unknown, more = '', names = ['a', 'b', 'r', 'all', 'none']) =>
  `{"result":{${more}"tools":${JSON.stringify(names.map((name) => ({ name })))}},"jsonrpc":"2.0","id":${JSON.stringify(id)}}`

describe('a list that was judged before', () => {
  test('is not decided on again, whatever the id', () => {
    const memory = new RememberedLists()
    const caller = callerOf(['a'])
    assert.equal(answered(memory, caller, intentOf(1), listOf(1)).decisions, 5)
    for (const id of [1, 2, 'x"y', '€', -7]) {
      const again = answered(memory, caller, intentOf(id), listOf(id))
      assert.equal(again.decisions, 0)
      assert.deepEqual(JSON.parse(again.sent), {
        result: { tools: [{ name: 'a' }, { name: 'all' }] },
        jsonrpc: '2.0',
        id,
      })
      assert.deepEqual(again.hidden, ['tools 3'])
    }
  })
  test('is judged anew for the id of another request (T92)', () => {
    const memory = new RememberedLists()
    answered(memory, callerOf(['a']), intentOf(1), listOf(1))
    assert.equal(answered(memory, callerOf(['a']), intentOf(2), listOf(1)).sent, 'wrong_id')
    assert.equal(answered(memory, callerOf(['a']), intentOf('1'), listOf(1)).sent, 'wrong_id')
  })
  test('is shared by callers of the same permissions, and by no others', () => {
    const memory = new RememberedLists()
    answered(memory, callerOf(['a', 'b']), intentOf(1), listOf(1))
    assert.equal(answered(memory, callerOf(['b', 'a']), intentOf(1), listOf(1)).decisions, 0)
    for (const other of [callerOf(['a']), callerOf([]), callerOf(['a'], ['admin'])])
      assert.equal(answered(memory, other, intentOf(1), listOf(1)).decisions, 5)
  })
  test('is judged anew under another policy (T88)', () => {
    const memory = new RememberedLists()
    answered(memory, callerOf(['a']), intentOf(1), listOf(1))
    const other = policyOf('tools: { none: { anyone: true } }')
    const { sent } = answered(memory, callerOf(['a']), intentOf(1), listOf(1), 60_000, other)
    assert.match(sent, /"tools":\[\{"name":"none"\}\]/)
  })
  test('is judged anew when one byte differs', () => {
    const memory = new RememberedLists()
    const text = listOf(1)
    answered(memory, callerOf(['a']), intentOf(1), text)
    for (let at = 0; at < text.length; at++) {
      const changed = `${text.slice(0, at)}${text[at] === 'b' ? 'c' : 'b'}${text.slice(at + 1)}`
      const seen = answered(memory, callerOf(['a']), intentOf(1), changed)
      const anew = answered(undefined, callerOf(['a']), intentOf(1), changed)
      assert.deepEqual([seen.sent, seen.hidden], [anew.sent, anew.hidden])
      answered(memory, callerOf(['a']), intentOf(1), text)
    }
  })
  test('says what is left of the token, not what was left then (T105)', () => {
    for (const more of [
      '',
      '"ttlMs":300000,',
      '"ttlMs":-1,',
      '"ttlMs":"x","cacheScope":"public",',
    ]) {
      const memory = new RememberedLists()
      for (const ttlMs of [60_000, 59_999, 400_000, 0]) {
        const text = listOf(3, more)
        const seen = answered(memory, callerOf(['a']), intentOf(3, 'modern'), text, ttlMs)
        const anew = answered(undefined, callerOf(['a']), intentOf(3, 'modern'), text, ttlMs)
        assert.equal(seen.sent, anew.sent)
      }
    }
  })
  test('of tasks is never remembered: each has its owner (R31)', () => {
    assert.equal(new RememberedLists().of(intentOf(1, 'legacy', 'tasks'), 'p'), undefined)
  })
})

test('from memory or not, the same leaves for any ids, lists, callers and times', () => {
  const caller = fc
    .tuple(fc.subarray(['a', 'b']), fc.subarray(['admin']))
    .map(([scopes, roles]) => callerOf(scopes, roles))
  const id = fc.oneof(fc.integer(), fc.string({ maxLength: 5 }))
  const more = fc.constantFrom('', '"ttlMs":5,', '"TTLMS":5,', '"cacheScope":"public",', '"id":1,')
  const names = fc.subarray(['a', 'b', 'r', 'all', 'none'])
  const asked = fc.record({ caller, id, more, names, era: fc.constantFrom('legacy', 'modern') })
  const times = fc.array(fc.tuple(asked, fc.nat(10), fc.boolean()), { maxLength: 12 })
  fc.assert(
    fc.property(times, (all) => {
      const memory = new RememberedLists()
      for (const [ask, ttlMs, wrong] of all) {
        const intent = intentOf(ask.id, ask.era as Era) // one of the two
        const text = listOf(wrong ? 'other' : ask.id, ask.more, ask.names)
        const seen = answered(memory, ask.caller, intent, text, ttlMs)
        const anew = answered(undefined, ask.caller, intent, text, ttlMs)
        assert.deepEqual([seen.sent, seen.hidden], [anew.sent, anew.hidden])
      }
    }),
    { numRuns: 500 },
  )
})
