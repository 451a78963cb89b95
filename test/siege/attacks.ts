// Every attack of the siege: how it is made, how often, and the only ways in which the proxy may let it
// end. An attack that does not run, or that ends in any other way, fails the siege.

import { randomUUID } from 'node:crypto'
import { legacy } from '../support/wire.ts'
import { attack, requestOf, type Target } from './means.ts'

/** One attack. */
export type Attack = {
  readonly name: string
  /** Attempts under way at any time. */
  readonly lanes: number
  /** Between two attempts of one lane. */
  readonly pauseMs: number
  /** The end that shows that it ran; it has to come at least once. */
  readonly shows: string
  /** Every other end that is right. */
  readonly ends?: readonly string[]
  readonly attempt: (target: Target, lane: number) => Promise<string>
}

/** Connections that are opened and left alone. */
export const IDLE_SOCKETS = 1_000

const MB = 1_048_576
const LIST = legacy('tools/list')
const call = (name: string, args: object = {}) => legacy('tools/call', { name, arguments: args })
const GARBAGE = Buffer.alloc(65_536, 'a')
const chunkOf = (bytes: Buffer) =>
  Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')])

const DEEP = '['.repeat(MB - 1)
const DEEP_OBJECTS = '{"a":'.repeat(MB / 5 - 1)
const MANY_KEYS = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"bad_gzip","arguments":{${Array.from(
  { length: 60_000 },
  (_, i) => `"k${i}":1`,
).join()}}}}`
const REPEATED = `{${Array.from({ length: 90_000 }, (_, i) => `"k${i % 89_999}":1`).join()}}`

const forged = (token: string, header: object, payload: object) => {
  const [head = '', claims = '', signature] = token.split('.')
  const edit = (text: string, members: object) =>
    Buffer.from(
      JSON.stringify({ ...JSON.parse(Buffer.from(text, 'base64url').toString()), ...members }),
    ).toString('base64url')
  return `${edit(head, header)}.${edit(claims, payload)}.${signature}`
}

/** A call of one bad tool, over and over; by mallory, or by one sybil where it would disturb her others. */
function upstreamDoes(
  tool: string,
  shows: string,
  more: Partial<Attack> = {},
  by?: number,
): Attack {
  const token = ({ mallory, sybils }: Target) => (by === undefined ? mallory : sybils[by])
  return {
    name: `upstream: ${tool.slice(4).replaceAll('_', ' ')}`,
    lanes: 2,
    pauseMs: 50,
    shows,
    attempt: (target) => attack(target, requestOf('POST', token(target), call(tool))),
    ...more,
  }
}

function bodyIs(name: string, body: string, shows: string): Attack {
  return {
    name,
    lanes: 1,
    pauseMs: 200,
    shows,
    attempt: (target) => attack(target, requestOf('POST', target.mallory, body)),
  }
}

/** A request that is refused by its token or its name. */
function refused(
  name: string,
  shows: string,
  token: (target: Target) => string | undefined,
  body = LIST,
): Attack {
  return {
    name,
    lanes: 2,
    pauseMs: 20,
    shows,
    attempt: (target) => attack(target, requestOf('POST', token(target), body)),
  }
}

/** The first few are busy with what the upstream does to them. */
const APART = 5
const sybil = ({ sybils, mallory }: Target, lane: number) =>
  sybils[APART + (lane % (sybils.length - APART))] ?? mallory

const ATTACKS: readonly Attack[] = [
  {
    name: 'slow headers',
    lanes: 100,
    pauseMs: 100,
    shows: '408',
    ends: ['closed'],
    attempt: (target) =>
      attack(target, 'POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\nx: ', {
        drip: { piece: 'y', everyMs: 300 },
      }),
  },
  {
    name: 'slow body',
    lanes: 50,
    pauseMs: 100,
    shows: '408',
    ends: ['429', 'closed'],
    attempt: (target, lane) =>
      attack(target, requestOf('POST', sybil(target, lane), '{', ['content-length: 100000']), {
        drip: { piece: ' ', everyMs: 200 },
      }),
  },
  {
    name: 'slow body without a token',
    lanes: 20,
    pauseMs: 100,
    shows: '401',
    attempt: (target) =>
      attack(target, requestOf('POST', undefined, '{', ['content-length: 100000']), {
        drip: { piece: ' ', everyMs: 200 },
      }),
  },
  {
    name: 'slow reader',
    lanes: 8,
    pauseMs: 100,
    shows: 'cut',
    ends: ['429', 'closed', 'left'],
    attempt: (target, lane) =>
      attack(target, requestOf('POST', sybil(target, lane), call('bad_endless')), {
        deafMs: 5_000,
        leaveMs: 9_000,
      }),
  },
  {
    name: 'idle sockets',
    lanes: IDLE_SOCKETS / 2,
    pauseMs: 500,
    shows: 'closed',
    ends: [],
    attempt: (target) => attack(target, '', { stay: true }),
  },
  {
    name: 'idle sockets after an answer',
    lanes: IDLE_SOCKETS / 2,
    pauseMs: 500,
    shows: 'left',
    ends: ['401'],
    attempt: (target) =>
      attack(target, requestOf('POST', undefined, LIST), { stay: true, leaveMs: 5_000 }),
  },
  {
    name: 'pipelined and never read',
    lanes: 4,
    pauseMs: 200,
    shows: 'closed',
    ends: ['cut', 'left', '401'],
    attempt: (target) =>
      attack(target, '', {
        flood: Buffer.concat(Array(200).fill(requestOf('POST', undefined, LIST))),
        deafMs: 60_000,
        leaveMs: 2_000,
      }),
  },
  {
    name: 'huge head',
    lanes: 2,
    pauseMs: 50,
    shows: '431',
    ends: ['closed'],
    attempt: (target) =>
      attack(target, requestOf('POST', target.mallory, LIST, [`x: ${'y'.repeat(65_536)}`])),
  },
  {
    name: 'huge body, chunked',
    lanes: 2,
    pauseMs: 50,
    shows: '413',
    ends: ['closed', '408'],
    attempt: (target) =>
      attack(target, requestOf('POST', target.mallory, '', ['transfer-encoding: chunked']), {
        flood: chunkOf(GARBAGE),
      }),
  },
  {
    name: 'huge body of a declared 5 GB',
    lanes: 2,
    pauseMs: 50,
    shows: '413',
    ends: ['closed'],
    attempt: (target) =>
      attack(target, requestOf('POST', target.mallory, '', ['content-length: 5000000000']), {
        flood: GARBAGE,
      }),
  },
  bodyIs('deep JSON, arrays', DEEP, '400 -32600'),
  bodyIs('deep JSON, objects', DEEP_OBJECTS, '400 -32600'),
  bodyIs('60,000 members', MANY_KEYS, '502'),
  bodyIs('a member twice among 90,000', REPEATED, '400 -32600'),
  refused('no token', '401', () => undefined),
  refused('random kid', '401', ({ mallory }) =>
    forged(mallory, { kid: randomUUID() }, { jti: randomUUID() }),
  ),
  refused('bad signature', '401', ({ mallory }) => forged(mallory, {}, { jti: randomUUID() })),
  refused('forbidden tool', '200 -31403', ({ mallory }) => mallory, call('echo')),
  {
    name: 'streams of one caller',
    lanes: 40,
    pauseMs: 200,
    shows: '429',
    attempt: (target) => attack(target, requestOf('GET', target.mallory)),
  },
  {
    name: 'streams in all',
    lanes: 90,
    pauseMs: 200,
    shows: '429',
    attempt: (target, lane) => attack(target, requestOf('GET', sybil(target, lane))),
  },
  {
    name: 'clients that leave',
    lanes: 4,
    pauseMs: 10,
    shows: 'left',
    attempt: (target) =>
      attack(target, requestOf('POST', target.sybils[1], call('bad_silent')), { leaveMs: 30 }),
  },
  upstreamDoes('bad_silent', '504', { lanes: 100, pauseMs: 200, ends: ['429'] }, 3),
  upstreamDoes('bad_stalled', 'cut'),
  // The second answer may be taken for one to the next call, but only of the same caller.
  upstreamDoes('bad_twice', '200', { ends: ['502'] }, 4),
  upstreamDoes('bad_twice_late', '200', { ends: ['502', 'cut'] }, 4),
  upstreamDoes('bad_early', '200', {
    ends: ['502', '504'],
    attempt: (target) =>
      attack(
        target,
        requestOf('POST', target.sybils[2], call('bad_early', { pad: 'x'.repeat(MB / 2) })),
      ),
  }),
  upstreamDoes('bad_garbage', '502'),
  upstreamDoes('bad_chunks', '502', { ends: ['closed'] }),
  upstreamDoes('bad_head', '502'),
  upstreamDoes('bad_redirect', '502'),
  upstreamDoes('bad_gzip', '502'),
  upstreamDoes('bad_reset', '502'),
  upstreamDoes('bad_cut', 'cut'),
  upstreamDoes('bad_interim', '502'),
  upstreamDoes('bad_line', 'enough', {
    lanes: 1,
    attempt: (target) =>
      attack(target, requestOf('POST', target.mallory, call('bad_line')), { enough: 64 * MB }),
  }),
  {
    name: 'upstream: huge list',
    lanes: 1,
    pauseMs: 100,
    shows: '502',
    ends: ['504'],
    attempt: (target) => attack(target, requestOf('POST', target.mallory, LIST)),
  },
  {
    name: 'upstream: long list',
    lanes: 1,
    pauseMs: 100,
    shows: '200',
    attempt: (target) => attack(target, requestOf('POST', target.sybils[0], LIST)),
  },
]

/** The attacks whose name holds a text; every one holds the empty text. */
export function attacksWith(text: string): readonly Attack[] {
  return ATTACKS.filter(({ name }) => name.includes(text))
}
