// The oracle itself: each rule speaks when it is broken, and only then. What it cannot see, no run of
// any length would find.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { Reply } from './connection.ts'
import { judge, judgeRest, RULES } from './judge.ts'
import { CANARY, legacyDraft } from './messages.ts'
import { reveals } from './reveal.ts'
import type { Seen } from './rig.ts'
import { compose } from './shot.ts'
import type { Note } from './upstreams.ts'

const TRACE = 'a'.repeat(32)
const { shot } = legacyDraft('tools/call', { name: 'public', arguments: {} })
const answer = (body: string, status = 200): Reply => ({
  status,
  head: `HTTP/1.1 ${status} x\r\ncontent-type: application/json`,
  body: Buffer.from(body),
  whole: true,
})
const RESULT = answer('{"jsonrpc":"2.0","id":1,"result":{"content":[]}}')
const LIST = answer('{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}')
const talk = (...replies: Reply[]) => ({ replies, port: 1, late: false })
const HEADERS = {
  host: '127.0.0.1',
  'content-type': 'application/json',
  'x-toolstile-subject': 'alice',
  'x-toolstile-scopes': 'public:read',
}
const behind: Note = {
  upstream: 'stateless',
  via: 'front',
  trace: TRACE,
  peer: 1,
  line: 'POST /mcp HTTP/1.1',
  rawHeaders: Object.entries(HEADERS).flat(),
  body: shot.body,
  deeds: ['tool public'],
}
const direct: Note = { ...behind, via: 'direct' }
const allowed = {
  trace_id: TRACE,
  method: 'tools/call',
  target: 'public',
  outcome: 'allowed',
  reason: 'allowed',
}
const denied = { ...allowed, outcome: 'denied', reason: 'target_denied' }
const good: Seen = {
  shot,
  against: 'stateless',
  trace: TRACE,
  sent: compose(shot, { token: 't', session: undefined, trace: TRACE }),
  front: talk(RESULT),
  direct: { stateless: talk(RESULT) },
  records: [allowed],
  notes: [behind, direct],
  arrived: 1,
}
const withHeaders = (change: Record<string, string>) => ({
  notes: [{ ...behind, rawHeaders: Object.entries({ ...HEADERS, ...change }).flat() }, direct],
})

const ROWS: readonly (readonly [name: string, rule: (typeof RULES)[number], Partial<Seen>])[] = [
  ['the upstream ran it', 'executed', { notes: [{ ...behind, deeds: ['tool secret'] }] }],
  ['the canary comes back', 'revealed', { front: talk(answer(`{"a":"${CANARY}"}`)) }],
  ['an unsent name comes back', 'revealed', { front: talk(answer('{"a":"\\u0073ecret"}')) }],
  [
    'a header names it',
    'revealed',
    { front: talk({ ...RESULT, head: `${RESULT.head}\r\nx: secret` }) },
  ],
  ['no credentials', 'unauthorized', { shot: { ...shot, authorized: false } }],
  ['another tool, directly', 'reading', { notes: [behind, { ...direct, deeds: ['tool secret'] }] }],
  [
    'twice, directly',
    'reading',
    { notes: [behind, { ...direct, deeds: ['tool public', 'tool public'] }] },
  ],
  ['a list, directly', 'reading', { direct: { modern: talk(LIST) } }],
  ['two answers, directly', 'reading', { direct: { modern: talk(RESULT, RESULT) } }],
  ['another record', 'reading', { records: [{ ...allowed, target: 'other' }] }],
  ['another method', 'reading', { records: [{ ...allowed, method: 'tools/list' }] }],
  ['denied and forwarded', 'refused', { records: [denied] }],
  ['allowed and kept', 'refused', { notes: [direct] }],
  ['forwarded twice', 'refused', { notes: [behind, behind, direct] }],
  ['other bytes', 'bytes', { notes: [{ ...behind, body: Buffer.from('{}') }, direct] }],
  ['a token passes', 'headers', withHeaders({ authorization: 'Bearer t' })],
  ['a spoofed header passes', 'headers', withHeaders({ 'x-user-id': 'admin' })],
  ['another subject', 'headers', withHeaders({ 'x-toolstile-subject': 'admin' })],
  ['other scopes', 'headers', withHeaders({ 'x-toolstile-scopes': 'vault:read' })],
  ['another type', 'headers', withHeaders({ 'content-type': 'text/plain' })],
  ['no record', 'records', { records: [], notes: [direct] }],
  ['two records', 'records', { records: [allowed, denied] }],
  ['a fault', 'fault', { records: [{ ...allowed, outcome: 'failed', reason: 'internal' }] }],
  ['an answer cut short', 'fault', { front: talk(answer('{"jsonrpc"')) }],
  ['no answer', 'silent', { front: talk() }],
]

test('a good exchange breaks no rule', () => assert.deepEqual(judge(good), []))

for (const [name, rule, change] of ROWS) {
  test(`${name}: the rule "${rule}" speaks`, () => {
    const rules = judge({ ...good, ...change }).map((violation) => violation.rule)
    assert.ok(rules.includes(rule), rules.join())
  })
}

test('every rule is held to speak', () => {
  assert.deepEqual([...new Set(ROWS.map(([, rule]) => rule))].sort(), [...RULES].sort())
})

test('what reached an upstream without a trace is judged as well', () => {
  const strays = [{ ...behind, deeds: ['tool secret'] }]
  const none = { records: 0, arrived: 0 }
  assert.equal(judgeRest({ seen: [], strays, anonymous: none })[0]?.rule, 'executed')
  const lost = judgeRest({ seen: [], strays: [], anonymous: { records: 1, arrived: 2 } })
  assert.equal(lost[0]?.rule, 'records')
  assert.deepEqual(judgeRest({ seen: [], strays: [], anonymous: none }), [])
})

test('a word is found in every decoding that a client could try', () => {
  const text = 'a secret word'
  const forms: readonly Uint8Array[] = [
    Buffer.from(text),
    Buffer.from(text.toUpperCase()),
    Buffer.from(text, 'utf16le'),
    Buffer.from(text, 'utf16le').swap16(),
    Buffer.from([...text].flatMap((char) => [0, 0, 0, char.charCodeAt(0)])),
    Buffer.from('\\u0073\\u0065cret'),
    Buffer.from('\\\\u0073ecret'),
    Buffer.from('S\\u0045CRET'),
    Buffer.from('%73ecret'),
    Buffer.from('%2573ecret'),
    Buffer.from('&#x73;ecret'),
    Buffer.from('sec\r\ndata: ret'),
    Buffer.from('\uff53ecret'),
    Buffer.from('se\u0301cret'),
    Buffer.from('+AHMAZQBjAHIAZQB0-'),
    gzipSync(text),
    ...[0, 1, 2].map((at) => Buffer.from(Buffer.from('x'.repeat(at) + text).toString('base64'))),
  ]
  for (const form of forms) assert.ok(reveals(Buffer.from(form), 'secret'), `${form}`)
  assert.equal(reveals(Buffer.from('a public word'), 'secret'), undefined)
})
