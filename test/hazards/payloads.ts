// JSON-RPC messages that carry a tool the caller may not see, in every disguise we know. They are
// sent as JSON bodies and as events alike: the answer must not depend on the framing.

import { HIDDEN, LIST, TOOLS, VISIBLE } from './answers.ts'

/** Name, bytes, and whether the allowed tool must still appear. */
export type Payload = readonly [name: string, bytes: string | Buffer, shows: 'shows' | 'drops']

const SEEN = `{"name":"${VISIBLE}"}`
const result = (members: string) => `{"jsonrpc":"2.0","id":1,"result":{${members}}}`
const tools = (...entries: string[]) => result(`"tools":[${[SEEN, ...entries].join()}]`)
const frame = (members: string) => `{"jsonrpc":"2.0",${members}}`
const named = (member: string) => `{${member}:"${HIDDEN}"}`
const escaped = [...HIDDEN].map((c) => `\\u00${c.charCodeAt(0).toString(16)}`).join('')
const invalid = (bytes: number[]) =>
  Buffer.concat([
    Buffer.from(`{"jsonrpc":"2.0","id":1,"result":{"x":"`),
    Buffer.from(bytes),
    Buffer.from(`",${TOOLS}}}`),
  ])

/** Entries of a list that are no plain tools. */
export const ENTRIES: readonly Payload[] = [
  ['the plain list', LIST, 'shows'],
  ['the hidden tool first', result(`"tools":[${named('"name"')},${SEEN}]`), 'shows'],
  ['spaces around everything', LIST.replaceAll(/([{}[\]:,])/g, ' $1\t'), 'shows'],
  ['an escaped name', tools(`{"name":"${escaped}"}`), 'shows'],
  ['an escaped key of the name', tools(named('"n\\u0061me"')), 'shows'],
  ['an escaped key of the list', LIST.replace('"tools"', '"to\\u006fls"'), 'shows'],
  ['nested arrays', tools(`[${named('"name"')}]`), 'shows'],
  ['an entry without a name', tools(named('"title"')), 'shows'],
  ['an entry that is a string', tools(`"${HIDDEN}"`), 'shows'],
  ['entries that are scalars', tools('null', '1', 'true', named('"name"')), 'shows'],
  ['a name in an array', tools(`{"name":["${HIDDEN}"]}`), 'shows'],
  ['a name in an object', tools(`{"name":{"toString":"${HIDDEN}"}}`), 'shows'],
  ['an empty name', tools(`{"name":"","title":"${HIDDEN}"}`), 'shows'],
  ['a name of the prototype', tools(`{"name":"constructor","title":"${HIDDEN}"}`), 'shows'],
  ['a name with a space after it', tools(`{"name":"${VISIBLE} ","title":"${HIDDEN}"}`), 'shows'],
  ['a name with NUL in it', tools(`{"name":"${VISIBLE}\\u0000${HIDDEN}"}`), 'shows'],
  ['a name in other case', tools(`{"name":"VISIBLE_TOOL","title":"${HIDDEN}"}`), 'shows'],
  ['a name in two forms', tools(`{"name":"${VISIBLE}","Name":"${HIDDEN}"}`), 'shows'],
  ['a fullwidth name', tools(`{"name":"${VISIBLE}","\uff4eame":"${HIDDEN}"}`), 'shows'],
  ['a list in an allowed entry', tools(`{"name":"${VISIBLE}",${TOOLS}}`), 'shows'],
  ['a folded list in an entry', tools(`{"name":"${VISIBLE}","Tools":["${HIDDEN}"]}`), 'shows'],
  ['an id written as 1.0', LIST.replace('"id":1', '"id":1.0'), 'shows'],
  ['a repeated name', tools(`{"name":"${VISIBLE}","name":"${HIDDEN}"}`), 'drops'],
  ['an escaped repeated name', tools(`{"name":"a","n\\u0061me":"${HIDDEN}"}`), 'drops'],
  ['__proto__ in an entry', tools(`{"__proto__":${named('"name"')}}`), 'drops'],
]

/** Lists in the wrong place, or in a message of the wrong shape. */
export const SHAPES: readonly Payload[] = [
  ['the list twice (T96)', result(`"tools":[${SEEN}],${TOOLS}`), 'drops'],
  ['the list twice, once escaped', result(`"tools":[],"to\\u006fls":["${HIDDEN}"]`), 'drops'],
  ['two results', `{"jsonrpc":"2.0","id":1,"result":{"tools":[]},"result":{${TOOLS}}}`, 'drops'],
  ['a folded result', frame(`"id":1,"result":{"tools":[]},"Result":{${TOOLS}}`), 'drops'],
  ['a fullwidth result', frame(`"id":1,"result":{"tools":[]},"\uff52esult":{${TOOLS}}`), 'drops'],
  ['Tools', result(TOOLS.replace('tools', 'Tools')), 'drops'],
  ['tools and Tools', result(`"tools":[${SEEN}],${TOOLS.replace('tools', 'Tools')}`), 'drops'],
  ['tool\u017f', result(`"tools":[${SEEN}],${TOOLS.replace('tools', 'tool\u017f')}`), 'drops'],
  ['an object as list', result(`"tools":{"${HIDDEN}":{}}`), 'drops'],
  ['an object of digits as list', result(`"tools":{"0":${named('"name"')}}`), 'drops'],
  ['a string as list', result(`"tools":"${HIDDEN}"`), 'drops'],
  ['null as list', result(`"tools":null,"note":"${HIDDEN}"`), 'drops'],
  ['no list', result(`"items":["${HIDDEN}"]`), 'drops'],
  ['another list as well', result(`"tools":[${SEEN}],"prompts":["${HIDDEN}"]`), 'drops'],
  ['a batch', `[${LIST}]`, 'drops'],
  ['a nested batch', `[[${LIST}]]`, 'drops'],
  ['another id', LIST.replace('"id":1', '"id":2'), 'drops'],
  ['the id as a string', LIST.replace('"id":1', '"id":"1"'), 'drops'],
  ['the id null', LIST.replace('"id":1', '"id":null'), 'drops'],
  ['the id an object', LIST.replace('"id":1', '"id":{"id":1}'), 'drops'],
  ['no id', LIST.replace('"id":1,', ''), 'drops'],
  ['no jsonrpc', LIST.replace('"jsonrpc":"2.0",', ''), 'drops'],
  ['jsonrpc 1.0', LIST.replace('"2.0"', '"1.0"'), 'drops'],
  ['a method beside the result', frame(`"id":1,"method":"ping","result":{${TOOLS}}`), 'drops'],
  ['params beside the result', frame(`"id":1,"params":{},"result":{${TOOLS}}`), 'drops'],
  ['an error beside the result', frame(`"id":1,"error":null,"result":{${TOOLS}}`), 'drops'],
  ['the list in params', frame(`"method":"notifications/message","params":{${TOOLS}}`), 'drops'],
  ['the list in a request', frame(`"id":1,"method":"ping","params":{${TOOLS}}`), 'drops'],
  [
    'the list in an acknowledgement',
    frame(`"method":"notifications/subscriptions/acknowledged","params":{${TOOLS}}`),
    'drops',
  ],
  ['the list in an error', frame(`"id":1,"error":{"code":1,"message":"",${TOOLS}}`), 'drops'],
  [
    'the list in the data of an error',
    frame(`"id":1,"error":{"code":1,"message":"","data":{${TOOLS}}}`),
    'drops',
  ],
  ['the list at the top', frame(`"id":1,"result":{},${TOOLS}`), 'drops'],
  ['only the list', `{${TOOLS}}`, 'drops'],
  ['the result an array', frame(`"id":1,"result":[{${TOOLS}}]`), 'drops'],
  ['the result a string', frame(`"id":1,"result":"${HIDDEN}"`), 'drops'],
  [
    'an error that names it (T102)',
    frame(`"id":1,"error":{"code":-32602,"message":"Available: ${HIDDEN}","data":"${HIDDEN}"}`),
    'drops',
  ],
  ['an error without an id', frame(`"error":{"code":7,"message":"${HIDDEN}"}`), 'drops'],
  ['an error without a code', frame(`"id":1,"error":{"message":"${HIDDEN}"}`), 'drops'],
  ['an error that is a string', frame(`"id":1,"error":"${HIDDEN}"`), 'drops'],
  [
    'an error with further members',
    frame(`"id":1,"note":"${HIDDEN}","error":{"code":1,"message":"","x":"${HIDDEN}"}`),
    'drops',
  ],
  ['T107 a list in _meta', result(`"tools":[${SEEN}],"_meta":{${TOOLS}}`), 'drops'],
  [
    'T107 a list deep in _meta',
    result(`"tools":[${SEEN}],"_meta":{"a/b":[{"c":{${TOOLS}}}]}`),
    'drops',
  ],
  [
    'T107 a folded list in _meta',
    result(`"tools":[${SEEN}],"_meta":{"Tool\u017f":["${HIDDEN}"]}`),
    'drops',
  ],
  ['130 levels', result(`"a":${'['.repeat(130)}"${HIDDEN}"${']'.repeat(130)},${TOOLS}`), 'drops'],
  ['text after it', `${LIST}${LIST}`, 'drops'],
  ['a comment in it', LIST.replace('"id"', '/**/"id"'), 'drops'],
  ['a trailing comma', LIST.replace('}]', '},]'), 'drops'],
  ['an incomplete text', LIST.slice(0, -1), 'drops'],
  ['invalid UTF-8', invalid([0xc3, 0x28]), 'drops'],
  ['overlong UTF-8', invalid([0xc1, 0xad]), 'drops'],
  ['UTF-16', Buffer.from(LIST, 'utf16le'), 'drops'],
  ['UTF-16 with a mark', Buffer.from(`\ufeff${LIST}`, 'utf16le'), 'drops'],
  ['a byte order mark in the text', `\ufeff${LIST}`, 'drops'],
  ['plain text', `Available: ${HIDDEN}`, 'drops'],
  ['a JSON string', `"${HIDDEN}"`, 'drops'],
]

/** All of them. */
export const PAYLOADS: readonly Payload[] = [...ENTRIES, ...SHAPES]
