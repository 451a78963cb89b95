// The good clients of the siege: requests at a steady rate, whether or not earlier ones were answered,
// and standing streams. Each answer must be exactly the one that was asked for.

import { Agent, request } from 'node:http'
import { obey, tell } from '../support/child.ts'
import { legacy } from '../support/wire.ts'

/** What one phase came to; times in milliseconds from when a request was due. */
export type Tally = {
  readonly asked: number
  readonly lost: readonly string[]
  readonly p50: number
  readonly p99: number
  readonly max: number
  /** Ticks of the standing streams. */
  readonly ticks: number
}

/** Whom to ask, and how often; until `stop`. `end` closes the standing streams. */
export type Order = {
  readonly url: string
  /** Of several callers, who take turns. */
  readonly tokens: readonly string[]
  readonly perSecond: number
}

/** How long a good client waits for the end of its answer. */
export const PATIENCE_MS = 10_000
const STREAMS = 2

type Kind = {
  readonly fresh: boolean
  readonly body: (marker: string, id: number) => string
  readonly right: (body: string, marker: string, id: number) => boolean
}
type Answer = { readonly result?: { readonly content?: [{ readonly text?: string }] } }

const call = (name: string) => (marker: string, id: number) =>
  legacy('tools/call', { name, arguments: { marker } }, id)
const echoed = (text: string, marker: string, id: number) => {
  const answer = JSON.parse(text) as Answer & { readonly id: number }
  return answer.id === id && answer.result?.content?.[0].text === marker
}

const ECHO = { body: call('echo'), right: echoed }
const LIST = {
  body: (_: string, id: number) => legacy('tools/list', {}, id),
  right: (text: string, _: string, id: number) => {
    const { id: answered, result } = JSON.parse(text)
    const names = (result.tools as { name: string }[]).map(({ name }) => name)
    return answered === id && names.join() === 'echo,ticks'
  },
}
const TICKS = {
  body: call('ticks'),
  right: (text: string, marker: string, id: number) => {
    const told = text.split('\n').filter((line) => line.startsWith('data: '))
    const progress = told.slice(0, -1).map((line) => JSON.parse(line.slice(6)).params.progress)
    return progress.join() === '1,2,3' && echoed(told.at(-1)?.slice(6) ?? '', marker, id)
  },
}
const DENIED = {
  body: call('bad_silent'),
  right: (text: string, _: string, id: number) => {
    const { id: answered, error } = JSON.parse(text)
    return answered === id && error.code === -31403
  },
}

/** One turn of the wheel: mostly calls, on kept connections and on new ones. */
const KINDS: readonly Kind[] = [
  { ...ECHO, fresh: false },
  { ...LIST, fresh: false },
  { ...ECHO, fresh: true },
  { ...ECHO, fresh: false },
  { ...TICKS, fresh: false },
  { ...LIST, fresh: true },
  { ...ECHO, fresh: false },
  { ...TICKS, fresh: true },
  { ...ECHO, fresh: false },
  { ...DENIED, fresh: false },
]

const kept = new Agent({ keepAlive: true, maxSockets: 256 })
let asked = 0
let ticks = 0
const broken: string[] = []
const streams: (() => void)[] = []

let stopped = false

async function phase(order: Order): Promise<Tally> {
  stopped = false
  while (streams.length < STREAMS) streams.push(stand(order))
  const before = ticks
  const lost: string[] = []
  const times: number[] = []
  const pending: Promise<void>[] = []
  const begun = performance.now()
  let sent = 0
  while (!stopped) {
    for (const due = performance.now() - begun; ; sent++) {
      const at = (sent * 1_000) / order.perSecond
      if (at > due) break
      pending.push(
        ask(order).then(
          () => void times.push(performance.now() - begun - at),
          (fault: Error) => void lost.push(fault.message),
        ),
      )
    }
    await new Promise((resolve) => setTimeout(resolve, 1_000 / order.perSecond / 2))
  }
  await Promise.all(pending)
  lost.push(...broken.splice(0))
  times.sort((a, b) => a - b)
  const at = (share: number) =>
    Math.round((times[Math.ceil(times.length * share) - 1] ?? 0) * 10) / 10
  return { asked: sent, lost, p50: at(0.5), p99: at(0.99), max: at(1), ticks: ticks - before }
}

function ask({ url, tokens }: Order): Promise<void> {
  const id = ++asked
  const token = tokens[id % tokens.length] ?? ''
  const kind = KINDS[id % KINDS.length] as Kind // the wheel has no gap
  const marker = `${process.pid}-${id}`
  return new Promise((resolve, reject) => {
    const fail = (what: string) => {
      const how = outgoing.reusedSocket ? 'used again' : 'new'
      reject(new Error(`${what} (connection ${how}): ${kind.body('', 0).slice(33, 100)}`))
    }
    const late = setTimeout(() => {
      fail('no answer in time')
      outgoing.destroy()
    }, PATIENCE_MS)
    const outgoing = request(url, {
      method: 'POST',
      headers: headersWith(token),
      agent: kind.fresh ? new Agent() : kept,
    })
    outgoing.once('error', (fault) => fail(fault.message))
    outgoing.once('response', (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk
      })
      response.once('error', () => undefined)
      response.once('close', () => {
        if (!response.complete) fail(`${response.statusCode} was cut`)
        else if (response.statusCode !== 200) fail(`${response.statusCode}`)
        else if (!isRight(kind, text, marker, id)) fail(`wrong answer ${text.slice(0, 200)}`)
        else resolve()
      })
    })
    outgoing.once('close', () => clearTimeout(late))
    outgoing.end(kind.body(marker, id))
  })
}

function isRight(kind: Kind, text: string, marker: string, id: number): boolean {
  try {
    return kind.right(text, marker, id)
  } catch {
    return false
  }
}

/** A stream that stays; what ends it but we ourselves, and a tick that is missing, is a loss. */
function stand({ url, tokens: [token = ''] }: Order): () => void {
  let ours = false
  let last = 0
  const outgoing = request(url, { headers: headersWith(token), agent: new Agent() })
  const lose = (what: string) => {
    if (!ours) broken.push(`a standing stream ${what}`)
  }
  outgoing.once('error', (fault) => lose(fault.message))
  outgoing.once('response', (response) => {
    let rest = ''
    response.setEncoding('utf8').on('data', (chunk) => {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines.filter((line) => line.startsWith('data: '))) {
        const { progress } = JSON.parse(line.slice(6)).params
        if (progress !== ++last) lose(`skipped to ${progress}`)
        ticks++
      }
    })
    response.once('error', () => undefined)
    response.once('close', () => lose(`of status ${response.statusCode} ended`))
  })
  outgoing.end()
  return () => {
    ours = true
    outgoing.destroy()
  }
}

function headersWith(token: string) {
  return {
    authorization: `Bearer ${token}`,
    accept: 'application/json, text/event-stream',
    'content-type': 'application/json',
  }
}

obey(async (message) => {
  if (message['stop'] === true) stopped = true
  else if (message['end'] === true) {
    for (const end of streams.splice(0)) end()
    kept.destroy()
    tell({})
  } else tell(await phase(message as unknown as Order)) // only the siege tells it anything
})
