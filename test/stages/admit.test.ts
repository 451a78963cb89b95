// Stage 1 alone: which heads are admitted, and why the others are not.

import assert from 'node:assert/strict'
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { describe, test } from 'node:test'
import { type Admission, admit } from '../../proxy/stages/admit.ts'
import { isDenial } from '../../proxy/types.ts'

const admission: Admission = {
  hosts: new Set(['mcp.example', 'other.example:8443']),
  origins: new Set(['https://app.example']),
  loopback: false,
}
type Fields = Partial<Pick<IncomingMessage, 'method' | 'url' | 'httpVersion'>>
type Header = readonly [name: string, value: string]

// What is no host or origin is not quoted: it may be a secret (law 12).
const PLACES = new Set([
  'other.example',
  'other.example:1',
  'evil.example',
  'mcp.example.evil',
  '127.0.0.1',
  'localhost:3000',
  '[::2]',
  'localhost.evil.example',
  'https://APP.example',
  'http://app.example',
  'null',
])
function refusal(header: 'Host' | 'Origin', value: string): string {
  const shown = PLACES.has(value) ? ` "${value}"` : ' of no valid form'
  return `${header.toLowerCase()}_not_allowed: ${header}${shown}`
}
const HOST: Header = ['Host', 'mcp.example']

/** A head as Node hands it over. */
function requestOf(headers: readonly Header[], fields: Fields = {}): IncomingMessage {
  const request = new IncomingMessage(new Socket())
  const usual = { method: 'POST', url: '/mcp', httpVersion: '1.1' }
  return Object.assign(request, usual, fields, { rawHeaders: headers.flat() })
}

function outcome(headers: readonly Header[], fields: Fields = {}, by = admission): string {
  const head = admit(requestOf(headers, fields), by)
  return isDenial(head) ? `${head.denied}: ${head.detail}` : 'admitted'
}

test('an admitted head has its method and its headers by lower-case name', () => {
  const head = admit(requestOf([HOST, ['Accept', 'a'], ['X-A', ''], ['ACCEPT', 'b']]), admission)
  assert.ok(!isDenial(head))
  assert.equal(head.http, 'POST')
  assert.deepEqual(
    [...head.headers],
    [
      ['host', 'mcp.example'],
      ['accept', 'a, b'],
      ['x-a', ''],
    ],
  )
})

test('only HTTP/1.1 is spoken (T49)', () => {
  for (const httpVersion of ['1.0', '2.0', '0.9', ''])
    assert.equal(outcome([HOST], { httpVersion }), `http_version: HTTP/${httpVersion}`)
})

test('nothing but 100-continue may be expected (T45)', () => {
  assert.equal(outcome([HOST, ['Expect', '100-Continue']]), 'admitted')
  for (const value of ['', '100-continue, x', 'x, 100-continue', '100-continue;a', '100'])
    assert.equal(outcome([HOST, ['Expect', value]]), 'expectation: Expect other than 100-continue')
})

describe('headers that must be single (T55, R12)', () => {
  const single = [
    'authorization',
    'host',
    'origin',
    'content-type',
    'content-encoding',
    'content-length',
    'transfer-encoding',
    'last-event-id',
    'traceparent',
    'expect',
    'mcp-session-id',
    'mcp-protocol-version',
    'mcp-param-x',
    'mcp-',
  ]
  for (const name of single) {
    test(`${name} may not be repeated, in any case`, () => {
      const twice: Header[] = [
        [name, 'x'],
        [name.toUpperCase(), 'x'],
      ]
      const shown = name.startsWith('mcp-') ? 'an Mcp-* header' : name
      const expected = `duplicate_header: ${shown} is repeated`
      assert.equal(outcome(name === 'host' ? [HOST, HOST] : [HOST, ...twice]), expected)
    })
  }

  test('others are joined, however often they come', () => {
    const names = ['accept', 'x-mcp-a', 'mcp', 'cookie']
    for (const name of names) {
      const thrice: Header[] = [
        [name, 'x'],
        [name, ''],
        [name, 'y'],
      ]
      const head = admit(requestOf([HOST, ...thrice]), admission)
      assert.equal(!isDenial(head) && head.headers.get(name), 'x, , y')
    }
  })
})

describe('hosts (T48)', () => {
  const cases: [host: string, admitted: boolean][] = [
    ['mcp.example', true],
    ['MCP.Example', true],
    ['mcp.example:1', true],
    ['mcp.example:65535', true],
    ['other.example:8443', true],
    ['other.example', false],
    ['other.example:1', false],
    ['evil.example', false],
    ['mcp.example.evil', false],
    ['mcp.example:', false],
    ['mcp.example:x', false],
    ['mcp.example:123456', false],
    ['mcp.example:1x', false],
    [' mcp.example', false],
    ['mcp.example ', false],
    ['mcp.example/', false],
    ['user@mcp.example', false],
    ['mcp.example,mcp.example', false],
    ['', false],
    ['127.0.0.1', false],
    ['localhost:3000', false],
  ]
  for (const [host, admitted] of cases) {
    test(`"${host}" is ${admitted ? 'admitted' : 'refused'}`, () => {
      assert.equal(outcome([['Host', host]]), admitted ? 'admitted' : refusal('Host', host))
    })
  }

  test('a missing one is refused', () => assert.equal(outcome([]), refusal('Host', '')))

  const local: [host: string, admitted: boolean][] = [
    ['127.0.0.1:3000', true],
    ['localhost', true],
    ['[::1]:8080', true],
    ['[::1]', true],
    ['mcp.example', true],
    ['[::2]', false],
    ['::1', false],
    ['[::1', false],
    ['[]', false],
    ['[localhost]', false],
    ['localhost.evil.example', false],
    ['evil.example', false],
  ]
  for (const [host, admitted] of local) {
    test(`"${host}" is ${admitted ? 'admitted' : 'refused'} where loopback counts`, () => {
      const refused = refusal('Host', host)
      const by = { ...admission, loopback: true }
      assert.equal(outcome([['Host', host]], {}, by), admitted ? 'admitted' : refused)
    })
  }

  test('an IPv6 name may be configured, with and without its port', () => {
    const by = { ...admission, hosts: new Set(['[2001:db8::1]']) }
    for (const host of ['[2001:db8::1]', '[2001:db8::1]:443', '[2001:DB8::1]'])
      assert.equal(outcome([['Host', host]], {}, by), 'admitted')
  })
})

test('an origin is compared whole, and may be absent (T48)', () => {
  assert.equal(outcome([HOST, ['Origin', 'https://app.example']]), 'admitted')
  for (const origin of [
    'https://APP.example',
    'https://app.example/',
    'http://app.example',
    'null',
    '',
  ])
    assert.equal(outcome([HOST, ['Origin', origin]]), refusal('Origin', origin))
})

test('POST, GET and DELETE are the methods there are (T43)', () => {
  for (const method of ['POST', 'GET', 'DELETE']) {
    const head = admit(requestOf([HOST], { method }), admission)
    assert.equal(!isDenial(head) && head.http, method)
  }
  for (const method of ['PUT', 'OPTIONS', 'HEAD', 'PATCH', 'post', ''])
    assert.equal(outcome([HOST], { method }), `method_not_allowed: method ${method}`)
})

test('GET and DELETE have no body (T36)', () => {
  const bodies: Header[] = [
    ['Content-Length', '1'],
    ['Transfer-Encoding', 'chunked'],
  ]
  for (const body of bodies) {
    assert.equal(outcome([HOST, body]), 'admitted')
    for (const method of ['GET', 'DELETE'])
      assert.equal(outcome([HOST, body], { method }), `body_not_allowed: ${method} with a body`)
  }
  assert.equal(outcome([HOST, ['Content-Length', '0']], { method: 'GET' }), 'admitted')
})

describe('tokens in the query (T41, R39)', () => {
  const cases: [url: string, admitted: boolean][] = [
    ['/mcp?access_token=x', false],
    ['/mcp?a=b&access_token', false],
    ['/mcp?access%5Ftoken=x', false],
    ['?access_token=x', false],
    ['/mcp?a=access_token', true],
    ['/mcp?ACCESS_TOKEN=x', true],
    ['/mcp?xaccess_token=x', true],
    ['/access_token=x', true],
    ['/mcp?', true],
    ['', true],
  ]
  for (const [url, admitted] of cases) {
    test(`${url} is ${admitted ? 'admitted' : 'refused'}`, () => {
      const refused = 'token_in_query: access_token in the query'
      assert.equal(outcome([HOST], { url }), admitted ? 'admitted' : refused)
    })
  }
})

test('what is wrong first is said first', () => {
  const wrong: Header[] = [
    ['Host', 'evil.example'],
    ['Origin', 'https://evil.example'],
    ['Content-Length', '1'],
  ]
  const fields = { method: 'PUT', url: '/?access_token=x' }
  assert.match(outcome(wrong, fields), /^host_not_allowed/)
  assert.match(outcome([HOST, ...wrong.slice(1)], fields), /^origin_not_allowed/)
  assert.match(outcome([HOST], fields), /^method_not_allowed/)
  assert.match(outcome([HOST], { ...fields, method: 'GET' }), /^token_in_query/)
})
