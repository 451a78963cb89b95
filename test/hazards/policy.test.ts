// Policy evaluation under hostile tokens and hostile names (T82-T87): scopes are compared whole and
// byte for byte, patterns are prefixes and nothing else, and what is not allowed is denied.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { named } from './bodies.ts'
import { type Fields, startForge } from './forge.ts'
import { LIST, type RawBench, startRaw } from './raw.ts'
import { assertRefusal } from './refusal.ts'

type Asked = 'allowed' | 'denied'

/** Calls a tool, and says what became of it by what the upstream saw. */
async function called(bench: RawBench, token: string, name: string): Promise<Asked> {
  let status = 0
  let body = ''
  const seen = await bench.seen(async () => {
    const { replies } = await bench.talk(
      bench.post(named(name), [`authorization: Bearer ${token}`]),
    )
    const [reply] = replies
    assert.ok(reply !== undefined)
    status = reply.status
    body = reply.body
    if (/"error"/.test(body)) assertRefusal(reply)
  })
  assert.equal(status, 200, body)
  assert.equal(seen.length, /"error"/.test(body) ? 0 : 1)
  if (seen.length === 0) assert.match(body, /"code":-31403/)
  return seen.length === 0 ? 'denied' : 'allowed'
}

const SCOPES: readonly (readonly [name: string, claims: Fields, expected: Asked])[] = [
  ['T82 a string', { scope: 'secret:read' }, 'allowed'],
  ['T82 words', { scope: 'a secret:read b' }, 'allowed'],
  ['T82 words with two spaces', { scope: 'a  secret:read' }, 'allowed'],
  ['T82 an array', { scope: ['a', 'secret:read'] }, 'allowed'],
  ['T82 scp where scope is absent', { scope: undefined, scp: ['secret:read'] }, 'allowed'],
  ['T82 commas', { scope: 'a,secret:read' }, 'denied'],
  ['T82 a tab', { scope: 'a\tsecret:read' }, 'denied'],
  ['T82 a line feed', { scope: 'a\nsecret:read' }, 'denied'],
  ['T82 a no-break space', { scope: 'a\u00a0secret:read' }, 'denied'],
  ['T82 an object', { scope: { 'secret:read': 1 } }, 'denied'],
  ['T82 null', { scope: null }, 'denied'],
  ['T82 null beside scp', { scope: null, scp: 'secret:read' }, 'denied'],
  ['T82 another scp', { scope: 'a', scp: 'secret:read' }, 'denied'],
  ['T82 a number', { scope: 7 }, 'denied'],
  ['T82 true', { scope: true }, 'denied'],
  ['T82 an array in an array', { scope: [['secret:read']] }, 'denied'],
  ['T82 an array with a number', { scope: ['secret:read', 1] }, 'denied'],
  ['T82 two words in an array', { scope: ['a secret:read'] }, 'denied'],
  ['T82 a claim that is not configured', { scope: '', scopes: 'secret:read' }, 'denied'],
  ['T83 __proto__', { scope: '__proto__ constructor toString' }, 'denied'],
  ['T83 roles of the prototype', { scope: '', roles: ['__proto__', 'constructor'] }, 'denied'],
  ['T84 a star', { scope: '*' }, 'denied'],
  ['T84 a star at the end', { scope: 'secret:*' }, 'denied'],
  ['T84 a star after it', { scope: 'secret:read*' }, 'denied'],
  ['T84 a pattern', { scope: '.* secret:.* ^secret:read$ secret:rea[d]' }, 'denied'],
  ['T84 more than it', { scope: 'secret:read:all xsecret:read' }, 'denied'],
  ['T85 capitals', { scope: 'SECRET:READ Secret:Read' }, 'denied'],
  ['T85 a Cyrillic letter', { scope: 's\u0435cret:read' }, 'denied'],
  ['T85 full width', { scope: '\uff53ecret:read' }, 'denied'],
  ['T85 zero width', { scope: 'secret:read\u200b' }, 'denied'],
  ['T85 a combining mark', { scope: 'secret:re\u0301ad' }, 'denied'],
  ['T85 percent-encoded', { scope: 'secret%3Aread' }, 'denied'],
]

test('scopes that are not the scope let nobody in', async (t) => {
  const forge = await startForge(t)
  const bench = await startRaw(t, { issuer: forge.process })
  for (const [name, claims, expected] of SCOPES)
    await t.test(`${name}: ${expected}`, async () => {
      assert.equal(await called(bench, forge.forge({}, claims), 'secret'), expected)
    })
})

const OPEN = { anyone: true }
const PATTERNS: readonly (readonly [name: string, tool: string, expected: Asked])[] = [
  ['T84 a prefix', 'read_all', 'allowed'],
  ['T84 the prefix itself', 'read', 'allowed'],
  ['T84 less than the prefix', 'rea', 'denied'],
  ['T84 a star as a name', '*', 'denied'],
  ['T84 the pattern as a name', 'read*', 'allowed'],
  ['T84 a dot is a dot', 'a.c', 'allowed'],
  ['T84 a dot is no letter', 'abc', 'denied'],
  ['T84 brackets are brackets', 'x[yz]', 'allowed'],
  ['T84 brackets are no class', 'xy', 'denied'],
  ['T84 a pattern that would backtrack', `${'a'.repeat(120)}!`, 'denied'],
  ['T84 the same as a name', '(a+)+$', 'allowed'],
  ['T84 a question mark', 'public', 'denied'],
  ['T83 a rule of the prototype', 'toString', 'denied'],
  ['T83 another', 'constructor', 'denied'],
  ['T83 a third', '__proto__', 'denied'],
  ['T83 a fourth', 'hasOwnProperty', 'denied'],
  ['T87 the exact name counts against the prefix', 'read_secret', 'denied'],
  ['T87 and for it', 'secret_open', 'allowed'],
  ['T87 the longer prefix counts', 'secret_open_more', 'denied'],
  ['T21 T85 a look-alike of an allowed name', 're\u0430d_all', 'denied'],
]

test('patterns of a policy are prefixes, and the more specific rule counts', async (t) => {
  const forge = await startForge(t)
  const policy = {
    version: 1,
    tools: {
      'read*': OPEN,
      read_secret: { scopes: ['x'] },
      'secret*': { scopes: ['x'] },
      secret_open: OPEN,
      'secret_open_*': { scopes: ['x'] },
      'a.c': OPEN,
      'x[yz]': OPEN,
      '(a+)+$': OPEN,
      'publi?': OPEN,
    },
  }
  const bench = await startRaw(t, { issuer: forge.process, policy })
  for (const [name, tool, expected] of PATTERNS)
    await t.test(`${name}: ${expected}`, async () => {
      assert.equal(await called(bench, forge.forge({}, { scope: '' }), tool), expected)
    })
})

test('a policy of restrictions alone allows nothing else (T87)', async (t) => {
  const forge = await startForge(t)
  const policy = { version: 1, tools: { secret: { scopes: ['x'] }, 'a*': { roles: ['r'] } } }
  const bench = await startRaw(t, { issuer: forge.process, policy })
  const tools = ['public', 'secret', 'a', 'b'].map((name) => ({ name }))
  bench.upstream.script = answerTools(tools)
  const token = forge.forge({}, { scope: '' })
  for (const { name } of tools) assert.equal(await called(bench, token, name), 'denied')
  const { replies } = await bench.talk(bench.post(LIST, [`authorization: Bearer ${token}`]))
  assert.deepEqual(JSON.parse(replies[0]?.body ?? '').result.tools, [])
})

function answerTools(tools: readonly object[]): RawBench['upstream']['script'] {
  return (asked, socket) => {
    const { id } = JSON.parse(asked.body.toString())
    const body = JSON.stringify({ jsonrpc: '2.0', id, result: { tools } })
    const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}`
    socket.write(`${head}\r\n\r\n${body}`)
  }
}
