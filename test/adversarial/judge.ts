// The oracle: what must hold of every shot, whatever it was made of. A violation names the rule that
// broke and the fact it rests on; an empty list is the only pass.

import { isObject } from '../../proxy/wire/eras.ts'
import type { Reply } from './connection.ts'
import type { FrontRecord } from './front.ts'
import { CANARY } from './messages.ts'
import { reveals } from './reveal.ts'
import type { Seen, Volley } from './rig.ts'
import { shapesIn } from './shapes.ts'
import { filled, isRaw } from './shot.ts'
import { type Note, UPSTREAMS } from './upstreams.ts'

/** The rules, in the order of their weight. */
export const RULES = [
  'executed',
  'revealed',
  'unauthorized',
  'reading',
  'refused',
  'bytes',
  'headers',
  'records',
  'fault',
  'silent',
] as const

export type Violation = { readonly rule: (typeof RULES)[number]; readonly detail: string }

/** Everything that is wrong with what came of one shot. */
export function judge(seen: Seen): readonly Violation[] {
  return [
    ...executed(seen),
    ...revealed(seen),
    ...unauthorized(seen),
    ...reading(seen),
    ...recorded(seen),
    ...forwarded(seen),
    ...faults(seen),
  ]
}

/** Everything that is wrong with a volley beside its shots. */
export function judgeRest({ strays, anonymous }: Volley): readonly Violation[] {
  const found: Violation[] = []
  for (const { deeds, line } of strays) {
    // Its trace was damaged: no rule but the first can be held against it.
    if (deeds.some(isShut)) found.push({ rule: 'executed', detail: `${deeds} of nobody's ${line}` })
  }
  const { records, arrived } = anonymous
  if (records !== arrived)
    found.push({ rule: 'records', detail: `${records} records for ${arrived} requests of nobody` })
  return found
}

/** True when an upstream did something for these bytes that this caller may not ask for. */
export function isShut(deed: string): boolean {
  return deed.includes('secret')
}

/** The notes of requests that came through the front. */
export function passed({ notes }: Seen): readonly Note[] {
  return notes.filter(({ via }) => via === 'front')
}

function executed(seen: Seen): Violation[] {
  const deeds = passed(seen).flatMap((note) => note.deeds.filter(isShut))
  return deeds.map((deed) => ({ rule: 'executed', detail: `the upstream did: ${deed}` }))
}

function revealed({ front, sent, shot }: Seen): Violation[] {
  const found: Violation[] = []
  // Chunks could cut a name apart that the client did send.
  const isSent = () => [sent, shot.body].some((bytes) => reveals(bytes, 'secret') !== undefined)
  for (const { head, body } of front.replies) {
    for (const bytes of [body, Buffer.from(head, 'latin1')]) {
      const canary = reveals(bytes, CANARY)
      if (canary !== undefined) found.push({ rule: 'revealed', detail: `the canary, as ${canary}` })
      const secret = reveals(bytes, 'secret')
      if (secret !== undefined && !isSent())
        found.push({ rule: 'revealed', detail: `a name that the client never sent, as ${secret}` })
    }
  }
  return found
}

function unauthorized(seen: Seen): Violation[] {
  if (seen.shot.authorized || passed(seen).length === 0) return []
  return [{ rule: 'unauthorized', detail: 'a request without the good token was forwarded' }]
}

/** What the record says that was asked, in the words of notes and shapes. */
function readingOf({ method, target }: FrontRecord): { deeds: readonly string[]; shape: string } {
  const name = target ?? ''
  switch (method) {
    case 'tools/call':
      return { deeds: [`tool ${name}`], shape: method }
    case 'prompts/get':
      return { deeds: [`prompt ${name}`], shape: method }
    case 'completion/complete':
      return { deeds: [`complete ${name}`], shape: method }
    case 'resources/read':
      return { deeds: [resourceOf(name)], shape: method }
    default:
      return { deeds: [], shape: method }
  }
}

/** The SDKs resolve a resource by `new URL(uri).href`. */
function resourceOf(uri: string): string {
  const href = URL.canParse(uri) ? new URL(uri).href : uri
  return `resource ${href.replace(/^(docs:\/\/[a-z]+\/more\/)[\s\S]*$/, '$1')}`
}

/** Whatever was allowed must be what every upstream does, also when the bytes come directly. */
function reading(seen: Seen): Violation[] {
  const { records, notes, direct, front } = seen
  // An exchange that its client ended before it was forwarded was allowed nothing.
  const went = passed(seen).length > 0 ? ['allowed', 'failed', 'aborted'] : ['allowed', 'failed']
  // One whose client left before its turn was not even looked at.
  const allowed = records.filter(
    ({ outcome, decision }) => went.includes(outcome) && decision !== 'denied',
  )
  if (allowed.length === 0 || allowed.length < records.length) return []
  const readings = allowed.map(readingOf)
  const deeds = new Set(readings.flatMap((one) => one.deeds))
  const found: Violation[] = []
  for (const note of notes) {
    const other = note.deeds.filter((deed) => !deeds.has(deed))
    if (other.length > 0 || note.deeds.length > allowed.length)
      found.push({
        rule: 'reading',
        detail: `recorded ${[...deeds].join() || readings.map(({ shape }) => shape).join()}, but ${note.upstream} (${note.via}) did ${note.deeds.join()}`,
      })
  }
  const answers: (readonly [string, readonly Reply[]])[] = [['the front', front.replies]]
  for (const name of UPSTREAMS) answers.push([name, direct[name]?.replies ?? []])
  for (const [name, replies] of answers) {
    const shapes = replies.flatMap(shapesIn)
    const other = shapes.find((methods) => !readings.some(({ shape }) => methods.includes(shape)))
    if (other === undefined && shapes.length <= allowed.length) continue
    const said = shapes.map((methods) => methods[0]).join()
    found.push({
      rule: 'reading',
      detail: `recorded ${readings.map(({ shape }) => shape).join()}, but ${name} answered ${said}`,
    })
  }
  return found
}

function recorded({ records, arrived }: Seen): Violation[] {
  if (records.length === arrived) return []
  return [{ rule: 'records', detail: `${records.length} records for ${arrived} requests` }]
}

const PASSED =
  /^(host|connection|content-length|content-type|accept|accept-encoding|mcp-protocol-version|mcp-param-[^:]*|mcp-method|mcp-name|mcp-session-id|last-event-id|x-toolstile-(subject|scopes|roles)|x-request-id|traceparent)$/

function forwarded(seen: Seen): Violation[] {
  const { shot, records, sent, trace } = seen
  const notes = passed(seen)
  const allowed = records.filter(({ outcome }) => outcome === 'allowed' || outcome === 'failed')
  const permitted = records.filter(({ outcome }) => outcome !== 'denied')
  const found: Violation[] = []
  if (notes.length > permitted.length || notes.length < allowed.length)
    found.push({
      rule: 'refused',
      detail: `${notes.length} requests reached the upstream, ${permitted.length} of ${records.length} were permitted`,
    })
  const body = filled(shot.body, { token: '', session: undefined, trace })
  for (const note of notes) {
    const same = isRaw(shot)
      ? sent.includes(Buffer.from(note.body)) || /transfer-encoding/i.test(sent.toString('latin1'))
      : body.equals(note.body)
    if (!same) found.push({ rule: 'bytes', detail: 'the upstream got other bytes than were sent' })
    found.push(...headerFaults(note))
  }
  return found
}

function headerFaults({ rawHeaders }: Note): Violation[] {
  const names = rawHeaders.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase())
  const one = (name: string) => rawHeaders[names.indexOf(name) * 2 + 1]
  const strange = names.filter((name, at) => !PASSED.test(name) || names.indexOf(name) !== at)
  const found: Violation[] = strange.map((name) => ({ rule: 'headers', detail: `it got ${name}` }))
  if (names.includes('content-type') && one('content-type') !== 'application/json')
    found.push({ rule: 'headers', detail: `it got content-type ${one('content-type')}` })
  if (one('x-toolstile-subject') !== 'alice' || one('x-toolstile-scopes') !== 'public:read')
    found.push({ rule: 'headers', detail: 'it got another identity than the caller has' })
  return found
}

function faults({ shot, records, front }: Seen): Violation[] {
  const found: Violation[] = records
    .filter(({ reason }) => reason === 'internal')
    .map(() => ({ rule: 'fault', detail: 'a fault inside the proxy' }))
  if (!isRaw(shot) && front.replies.length === 0)
    found.push({ rule: 'silent', detail: 'no answer at all' })
  for (const { status, head, body } of front.replies) {
    if (status !== 200 || !/content-type: application\/json/i.test(head)) continue
    if (!isJSON(body.toString())) found.push({ rule: 'fault', detail: 'an answer that is no JSON' })
  }
  return found
}

function isJSON(text: string): boolean {
  try {
    return isObject(JSON.parse(text))
  } catch {
    return false
  }
}
