// Request bodies that name what the caller may not use (T21-T24), and odd ones that are yet allowed.

import {
  call,
  DENIED,
  deep,
  members,
  message,
  NAME,
  named,
  type Refused,
  SECRET,
} from './bodies.ts'
import { LIST } from './raw.ts'

const UNKNOWN = [200, -32601] as const

/** Messages that name what this caller may not use. */
export const NAMES: readonly Refused[] = [
  ...[
    'secret',
    'secret ',
    ' secret',
    'SECRET',
    '\uff53ecret',
    'secre\u0301t',
    'public ',
    'Public',
    'publi\u0441',
    'constructor',
    'toString',
    '*',
    'public*',
    'call_tool',
  ].map((name) => [`T21 the tool ${JSON.stringify(name)}`, named(name), ...DENIED] as const),
  ...[
    'secret\0',
    'public\0',
    'public\n',
    '\x7f',
    '\x85',
    '',
    'a'.repeat(129),
    'a'.repeat(10_000),
  ].map(
    (name) =>
      [
        `T21 a name of ${name.length}: ${JSON.stringify(name.slice(0, 9))}`,
        named(name),
        ...NAME,
      ] as const,
  ),
  ['T22 a name in _meta', call('{"_meta":{"name":"public"},"name":"secret"}'), ...DENIED],
  ['T22 a method in params', call('{"method":"tools/list","name":"secret"}'), ...DENIED],
  ...[
    'nope/x',
    'TOOLS/CALL',
    'tools/call ',
    'tools/Call',
    'sampling/createMessage',
    'elicitation/create',
    'roots/list',
    'server/discover',
    'subscriptions/listen',
    'skills/list',
    'tasks/update',
    '__proto__',
    'constructor',
  ].map(
    (method) => [`T23 ${method}`, message(`"method":"${method}",${SECRET}`), ...UNKNOWN] as const,
  ),
  ['T23 a task of nobody', message('"method":"tasks/get","params":{"taskId":"a"}'), ...UNKNOWN],
  ['T23 a prompt', message('"method":"prompts/get","params":{"name":"secret"}'), ...DENIED],
  [
    'T23 a resource',
    message('"method":"resources/read","params":{"uri":"docs://secret/a"}'),
    ...DENIED,
  ],
  [
    'T40 a resource that climbs',
    message('"method":"resources/read","params":{"uri":"docs://public/%2e%2e/a"}'),
    ...DENIED,
  ],
  [
    'T23 a subscription',
    message('"method":"resources/subscribe","params":{"uri":"docs://secret/a"}'),
    ...DENIED,
  ],
  [
    'T23 a completion of a prompt',
    message(
      '"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"secret"}}',
    ),
    ...DENIED,
  ],
  [
    'T23 a completion of nothing',
    message('"method":"completion/complete","params":{"name":"secret"}'),
    ...NAME,
  ],
]

/** Bodies that must reach the upstream byte for byte. */
export const FORWARDED: readonly (readonly [name: string, body: string])[] = [
  [
    'T13 numbers beyond a double',
    call('{"name":"public","arguments":{"n":12345678901234567890,"m":1e400,"z":-0.0,"e":1E+2}}'),
  ],
  [
    'T12 lone surrogates',
    call('{"name":"public","arguments":{"a":"\\ud800","b":"\\uDFFF\\ud800"}}'),
  ],
  ['odd white space', ` \t\r\n${LIST.replaceAll(/([:,{}])/g, ' $1\r\n\t')} \n`],
  ['escapes', '{"\\u006dethod":"tools\\/list","\\u006asonrpc":"2.0","id":"\\u0000\\ud83d\\ude00"}'],
  ['unknown members', message('"x":[{"Deep":null}],"method":"tools/list","params":{"cursor":""}')],
  ['T5 constructor', message('"constructor":{"name":"secret"},"method":"tools/list"')],
  ['T14 64 levels', call(`{"name":"public","arguments":${deep(62)}}`)],
  [
    'T22 names beside the name',
    call('{"method":"tools/call","name":"public","_meta":{"name":"secret"}}'),
  ],
  ['T20 70,000 members', call(`{"name":"public","arguments":{${members(70_000)}}}`)],
  ['U+2028 and four bytes', call('{"name":"public","arguments":{"a":"\u2028\u{1f600}\ufeff"}}')],
  ['nearly 1 MiB', call(`{"name":"public","arguments":{"a":"${'a'.repeat(1_048_000)}"}}`)],
]
