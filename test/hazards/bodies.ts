// Request bodies that two parsers may read differently, or that are no message of MCP (T1-T20).

import { LIST } from './raw.ts'

/** Name, body, status, JSON-RPC code. */
export type Refused = readonly [
  name: string,
  body: string | Uint8Array,
  status: number,
  code: number,
]

/** A call with these params. */
export const call = (params: string) =>
  `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${params}}`
/** A request of these members. */
export const message = (members: string) => `{"jsonrpc":"2.0","id":1,${members}}`
export const SECRET = '"params":{"name":"secret","arguments":{}}'
const CALL = '"method":"tools/call"'
const latin1 = (text: string) => Buffer.from(text, 'latin1')
const INVALID = [400, -32600] as const
const PARSE = [400, -32700] as const
export const DENIED = [200, -31403] as const
export const NAME = [400, -32602] as const
/** A call of a tool. */
export const named = (name: string) => call(`{"name":${JSON.stringify(name)}}`)

/** Bodies that two parsers may read differently. */
export const DIFFERENTIALS: readonly Refused[] = [
  ['T1 a repeated method', message(`"method":"tools/list",${CALL},${SECRET}`), ...INVALID],
  ['T2 a repeated name', call('{"name":"public","name":"secret"}'), ...INVALID],
  ['T2 repeated params', message(`${CALL},"params":{"name":"public"},${SECRET}`), ...INVALID],
  [
    'T2 a repeated member of arguments',
    call('{"name":"public","arguments":{"a":1,"a":2}}'),
    ...INVALID,
  ],
  [
    'T3 an escaped repeated method',
    message(`"method":"tools/list","\\u006dethod":"tools/call",${SECRET}`),
    ...INVALID,
  ],
  ['T4 an escaped key', message(`"\\u006dethod":"tools/call",${SECRET}`), ...DENIED],
  ['T4 an escaped method', message(`"method":"tools\\/\\u0063all",${SECRET}`), ...DENIED],
  ['T4 an escaped name', call('{"name":"\\u0073ecret"}'), ...DENIED],
  ['T5 __proto__ at the top', message(`"__proto__":{${CALL}},"method":"tools/list"`), ...INVALID],
  ['T5 __proto__ in params', call('{"name":"public","__proto__":{"name":"secret"}}'), ...INVALID],
  [
    'T5 an escaped __proto__',
    call('{"name":"public","__pr\\u006fto__":{"name":"secret"}}'),
    ...INVALID,
  ],
  ['T6 Method', message(`"method":"tools/list","Method":"tools/call",${SECRET}`), ...INVALID],
  ['T6 METHOD alone', message(`"METHOD":"tools/call",${SECRET}`), ...INVALID],
  ['T6 Name', call('{"name":"public","Name":"secret"}'), ...INVALID],
  ['T6 NAME alone', call('{"NAME":"secret"}'), ...INVALID],
  [
    'T6 param\u017f',
    message(`${CALL},"params":{"name":"public"},"param\u017f":{"name":"secret"}`),
    ...INVALID,
  ],
  [
    'T6 an escaped param\u017f',
    message(`${CALL},"params":{"name":"public"},"param\\u017f":{"name":"secret"}`),
    ...INVALID,
  ],
  [
    'T6 a fullwidth method',
    message(`"method":"tools/list","\uff4dethod":"tools/call",${SECRET}`),
    ...INVALID,
  ],
  [
    'T6 tas\u212aId',
    message('"method":"tasks/get","params":{"taskId":"a","tas\u212aId":"b"}'),
    ...INVALID,
  ],
  [
    'T6 Uri',
    message('"method":"resources/read","params":{"uri":"docs://public/a","Uri":"docs://x"}'),
    ...INVALID,
  ],
  ['T7 a second object', `${LIST}${call('{"name":"secret"}')}`, ...PARSE],
  ['T7 a NUL after it', `${LIST}\0`, ...PARSE],
  ['T7 a comment after it', `${LIST}//x`, ...PARSE],
  ['T8 a byte order mark', `\ufeff${call('{"name":"secret"}')}`, ...PARSE],
  ['T9 UTF-16 without a charset', Buffer.from(named('secret'), 'utf16le'), ...PARSE],
  ['T9 UTF-16 with a mark', Buffer.from(`\ufeff${named('secret')}`, 'utf16le'), ...PARSE],
  ['T11 invalid UTF-8', latin1(call('{"name":"public","z":"\xc3\x28\xff"}')), ...PARSE],
  [
    'T11 an overlong key',
    latin1(message(`"method":"tools/list","\xc1\xadethod":"tools/call"`)),
    ...PARSE,
  ],
  ['T11 an encoded surrogate', latin1(call('{"name":"public","z":"\xed\xa0\x80"}')), ...PARSE],
  ...[
    '1e400',
    '9007199254740993',
    '-9007199254740993',
    '1.5',
    '1.0',
    '-0',
    '1E0',
    'true',
    'null',
    '[1]',
    '{}',
  ].map((id) => [`T13 the id ${id}`, LIST.replace('"id":1', `"id":${id}`), ...INVALID] as const),
  ['T13 an id of 257 characters', LIST.replace('"id":1', `"id":"${'a'.repeat(257)}"`), ...INVALID],
  ['T14 65 levels', call(`{"name":"public","arguments":${deep(63)}}`), ...INVALID],
  ['T14 5,000 levels', call(`{"name":"public","arguments":${deep(5_000)}}`), ...INVALID],
  ['T14 500,000 levels', call(`{"name":"public","arguments":${deep(500_000)}}`), ...INVALID],
  ['T14 500,000 that never close', '['.repeat(500_000), ...INVALID],
]

/** Arrays in arrays. */
export function deep(levels: number): string {
  return `${'['.repeat(levels)}${']'.repeat(levels)}`
}

/** Bodies that are no message of MCP. */
export const SHAPES: readonly Refused[] = [
  ['T15 a batch of one call', `[${named('secret')}]`, ...INVALID],
  ['T15 a batch that begins with a list', `[${LIST},${named('secret')}]`, ...INVALID],
  ['T15 a batch of 1,000', `[${Array(1_000).fill(LIST)}]`, ...INVALID],
  ['T15 a batch in a batch', `[[${named('secret')}]]`, ...INVALID],
  ['T15 an empty batch', '[]', ...INVALID],
  ['T16 a method in an array', message(`"method":["tools/call"],${SECRET}`), ...INVALID],
  ['T16 a name in an array', call('{"name":["secret"]}'), ...NAME],
  ['T16 a name in an object', call('{"name":{"toString":"secret"}}'), ...NAME],
  ['T16 no name', call('{}'), ...NAME],
  ['T16 params in an array', call('["secret"]'), ...INVALID],
  ['T16 params null', call('null'), ...INVALID],
  ['T17 a call without an id', call('{"name":"public"}').replace('"id":1,', ''), ...INVALID],
  ['T17 a call with id null', call('{"name":"public"}').replace('"id":1', '"id":null'), ...INVALID],
  ['T17 a notification with an id', message('"method":"notifications/initialized"'), ...INVALID],
  ['T18 a result beside a method', message(`"result":{},${CALL},${SECRET}`), ...INVALID],
  ['T18 an error beside a method', message(`"error":{},${CALL},${SECRET}`), ...INVALID],
  ['T18 a bare result', message('"result":{}'), ...INVALID],
  ['T18 a bare error', message('"error":{"code":1,"message":""}'), ...INVALID],
  ['T18 neither', message('"params":{}'), ...INVALID],
  ['no jsonrpc', LIST.replace('"jsonrpc":"2.0",', ''), ...INVALID],
  ['jsonrpc 1.0', LIST.replace('2.0', '1.0'), ...INVALID],
  ['a string', '"tools/call"', ...INVALID],
  ['null', 'null', ...INVALID],
  ['an empty body', '', ...PARSE],
  // T19: of the n_* files of JSONTestSuite, one of each kind.
  ...[
    "{'a':0}",
    '{a:0}',
    '{"a":0,}',
    '[1,]',
    '{"a":NaN}',
    '{"a":Infinity}',
    '{"a":01}',
    '{"a":+1}',
    '{"a":.5}',
    '{"a":1.}',
    '{"a":0x1}',
    '{"a":"\t"}',
    '{"a":"\\x00"}',
    '{"a":"\\u00"}',
    '{"a":tru}',
    '{"a"}',
    '{"a":}',
    '{"a" 1}',
    '{,}',
    '{"a":1 "b":2}',
    '{"a":/**/1}',
    '{"a":1}#',
    '{"a":"',
    '{"a":1',
    '{"a":\u00a01}',
    'nul',
    '{"a":--1}',
    '{"a":1eE2}',
    '{"a":"\\a"}',
    '\f{}',
    '{"a":1}}',
    '{"a":[}',
    '{"a":1]',
  ].map((body) => [`T19 ${JSON.stringify(body)}`, body, ...PARSE] as const),
  ['T20 1,001 members in the envelope', call(`{"name":"public",${members(1_001)}}`), ...INVALID],
  [
    'T20 100,001 members that look like indices',
    call(`{"name":"public","arguments":{${members(100_001, '')}}}`),
    ...INVALID,
  ],
]

/** So many members of one object. */
export function members(count: number, prefix = 'k'): string {
  return Array.from({ length: count }, (_, n) => `"${prefix}${n}":1`).join()
}
