// What a server says that it did, read from its answer: which methods the shapes of the results are of.

import { isObject } from '../../proxy/wire/eras.ts'
import type { Reply } from './connection.ts'

const MEMBERS: readonly (readonly [member: string, method: string])[] = [
  ['tools', 'tools/list'],
  ['prompts', 'prompts/list'],
  ['resources', 'resources/list'],
  ['resourceTemplates', 'resources/templates/list'],
  ['tasks', 'tasks/list'],
  ['supportedVersions', 'server/discover'],
  ['serverInfo', 'initialize'],
  ['content', 'tools/call'],
  ['messages', 'prompts/get'],
  ['contents', 'resources/read'],
  ['completion', 'completion/complete'],
]

/** Methods whose result says nothing. */
const EMPTY = [
  'ping',
  'logging/setLevel',
  'resources/subscribe',
  'resources/unsubscribe',
  'subscriptions/listen',
]

/** The methods that an answer of this shape may be of; one entry for each result in the reply. */
export function shapesIn(reply: Reply): readonly (readonly string[])[] {
  const text = reply.body.toString()
  const isStream = /\r\ncontent-type: text\/event-stream/i.test(reply.head)
  const texts = isStream
    ? [...text.matchAll(/^data: ?(.+)$/gm)].map(([, found = '']) => found)
    : [text]
  return texts.flatMap((one) => {
    const message = parsed(one)
    return (Array.isArray(message) ? message : [message]).flatMap(shapeOf)
  })
}

function shapeOf(message: unknown): readonly (readonly string[])[] {
  if (!isObject(message)) return []
  const { result } = message
  if (!isObject(result)) return []
  const found = MEMBERS.find(([member]) => Object.hasOwn(result, member))
  return [found === undefined ? EMPTY : [found[1]]]
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
