// Keys that a lenient reader folds into one of ours (T6): by case, by compatibility form, by the
// letters that only some languages fold. Each stands beside the honest key, before it and after it.

import { call, message, type Refused } from './bodies.ts'

/** Where a key is known, and a harmless message that holds the impostor there. */
type Place = readonly [keys: readonly string[], make: (impostor: string) => string]

const TOOL = '"name":"public"'
const inRef = (members: string) =>
  message(`"method":"completion/complete","params":{"ref":{"type":"ref/prompt",${members}}}`)

const PLACES: readonly Place[] = [
  [
    ['jsonrpc', 'id', 'method', 'params', 'result', 'error'],
    (impostor) => message(`${impostor},"method":"tools/call","params":{${TOOL}}`),
  ],
  [
    ['jsonrpc', 'id', 'method', 'params', 'result', 'error'],
    (impostor) => message(`"method":"tools/call","params":{${TOOL}},${impostor}`),
  ],
  [
    ['name', 'uri', 'arguments', '_meta', 'ref', 'taskId', 'task', 'cursor', 'notifications'],
    (impostor) => call(`{${impostor},${TOOL}}`),
  ],
  [
    ['name', 'uri', 'arguments', 'taskId', 'inputResponses', 'requestState'],
    (impostor) => call(`{${TOOL},${impostor}}`),
  ],
  [['type', 'name', 'uri'], inRef],
  [
    ['resourceSubscriptions', 'taskIds'],
    (impostor) => call(`{${TOOL},"notifications":{${impostor}}}`),
  ],
  [
    ['io.modelcontextprotocol/protocolVersion', 'io.modelcontextprotocol/related-task'],
    (impostor) => call(`{${TOOL},"_meta":{${impostor}}}`),
  ],
]

const shifted = (key: string, letters: number) =>
  key.replace(/[a-z]/g, (letter) => String.fromCodePoint(letter.charCodeAt(0) - 0x61 + letters))

/** Ways to write a key so that some reader takes it for the same. */
const FOLDS: Readonly<Record<string, (key: string) => string>> = {
  'upper case': (key) => key.toUpperCase(),
  'a capital first': (key) => key.replace(/[a-z]/, (letter) => letter.toUpperCase()),
  'a capital last': (key) => key.replace(/[a-z]$/i, (letter) => letter.toUpperCase()),
  'the long s': (key) => key.replaceAll('s', '\u017f'),
  'the Kelvin sign': (key) => key.replaceAll('k', '\u212a'),
  'a dotless i': (key) => key.replaceAll('i', '\u0131'),
  'a dotted capital I': (key) => key.replaceAll('i', '\u0130'),
  'full width': (key) =>
    key.replace(/[!-~]/g, (char) => String.fromCodePoint(char.charCodeAt(0) + 0xfee0)),
  'bold letters': (key) => shifted(key, 0x1d41a),
  'circled letters': (key) => shifted(key, 0x24d0),
  'a separator': (key) => `${key.slice(0, 2)}_${key.slice(2)}`,
  'a dash at its end': (key) => `${key}-`,
  'a space before it': (key) => ` ${key}`,
  'a character that cannot be seen': (key) => `${key}\u200b`,
  'a NUL and more after it': (key) => `${key}\\u0000x`,
  'a lone surrogate after it': (key) => `${key}\\ud800`,
  'an escaped capital': (key) =>
    key.replace(/[a-z]/, (letter) => `\\u00${letter.toUpperCase().charCodeAt(0).toString(16)}`),
}

/** Every key in every form that differs from it. */
export const FOLDED: readonly Refused[] = PLACES.flatMap(([keys, make], place) =>
  keys.flatMap((key) =>
    Object.entries(FOLDS)
      .map(([form, fold]) => [form, fold(key)] as const)
      .filter(([, folded]) => folded !== key)
      .map(
        ([form, folded]) =>
          [
            `T6 "${key}" in ${form}, place ${place}`,
            make(`"${folded}":"secret"`),
            400,
            -32600,
          ] as const,
      ),
  ),
)
