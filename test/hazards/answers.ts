// Runs hostile upstream answers through a real proxy in many chunkings, and searches all that the
// client got for the name it may not know, in every decoding that a client could try.

import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import type { TestContext } from 'node:test'
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib'
import { type Hostile, startHostile, writeParts } from '../support/hostile.ts'
import { startProxy, type TestProxy } from '../support/proxy.ts'
import { type Ask, type Got, send } from './ask.ts'

export const HIDDEN = 'hidden_tool_zq'
export const VISIBLE = 'visible_tool'
/** Both tools, as any row may carry them. */
export const TOOLS = `"tools":[{"name":"${VISIBLE}"},{"name":"${HIDDEN}"}]`
export const LIST = `{"jsonrpc":"2.0","id":1,"result":{${TOOLS}}}`

/** One hostile answer and what must come of it beside no leak. */
export type Row = {
  readonly name: string
  readonly answer: Buffer
  readonly ask?: Ask
  /** The allowed tool reaches the client in every chunking. */
  readonly shows?: true
  readonly status?: number
  /** The body does not end as HTTP says it should. */
  readonly broken?: true | 'or none'
  /** The upstream closes the connection after the answer. */
  readonly closes?: true
}

const POLICY = {
  version: 1,
  tools: { [VISIBLE]: { anyone: true }, [HIDDEN]: { scopes: ['secret:read'] } },
  prompts: { [VISIBLE]: { anyone: true } },
  resources: { 'docs://visible/*': { anyone: true }, 'docs://hidden/*': { scopes: ['x'] } },
}

/** A proxy before a hostile upstream, and how to ask through it. */
export type Bench = {
  readonly proxy: TestProxy
  readonly upstream: Hostile
  readonly token: string
  run(row: Row): Promise<void>
  ask(ask: Ask, label?: string): Promise<Got>
  /** Asserts that the proxy still serves, logged no fault of its own and one record per request. */
  alive(): Promise<void>
}

/** Starts both; the answer is chosen by a header that the proxy passes on untouched. */
export async function startBench(t: TestContext): Promise<Bench> {
  const plans = new Map<string, { readonly parts: readonly Uint8Array[]; readonly ends: boolean }>()
  const upstream = await startHostile(async (asked, socket) => {
    const plan = plans.get(asked.headers.get('mcp-param-row') ?? '')
    if (plan === undefined) return void socket.destroy()
    await writeParts(socket, plan.parts)
    if (plan.ends) socket.end()
  })
  t.after(() => upstream.stop())
  const settings = { MAX_STREAMS_PER_CALLER: '64' }
  const proxy = await startProxy({ upstream: upstream.url, policy: POLICY, settings })
  t.after(() => proxy.stop())
  const agent = new Agent({ keepAlive: true, maxSockets: 32 })
  t.after(() => agent.destroy())
  const token = await proxy.token({ scope: '' })
  let sent = 0
  const ask = (what: Ask, label = '') => {
    sent++
    return send(proxy.url, agent, token, what, label)
  }
  const run = async (row: Row) => {
    const cuts = chunkings(row.answer)
    await inTurns(cuts, 32, async (parts, at) => {
      const label = `${row.name.replace(/[^a-z0-9]/gi, '-')}-${at}`
      plans.set(label, { parts, ends: row.closes === true })
      check(
        row,
        `${row.name}, chunking ${at} of ${cuts.length}`,
        await ask(row.ask ?? LISTING, label),
      )
      plans.delete(label)
    })
  }
  const alive = async () => {
    const good = { name: 'alive', answer: jsonAnswer(LIST), shows: true, status: 200 } as const
    await run(good)
    await settled(() => proxy.records().length >= sent)
    const records = proxy.records()
    assert.equal(records.length, sent, 'one record per request')
    assert.deepEqual(
      records.filter(({ reason }) => reason === 'internal'),
      [],
    )
    assert.doesNotMatch(proxy.logged(), /a fault|a route failed|could not be recorded/)
  }
  return { proxy, upstream, token, run, ask, alive }
}

const LISTING: Ask = { method: 'tools/list' }

function jsonAnswer(text: string): Buffer {
  const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${text.length}`
  return Buffer.from(`${head}\r\n\r\n${text}`)
}

function check(row: Row, at: string, got: Got): void {
  const found = leak(got)
  assert.equal(found, undefined, `${at}: the name left as ${found}`)
  const text = got.body.toString()
  if (row.shows) assert.ok(text.includes(VISIBLE), `${at}: the allowed tool is gone: ${text}`)
  if (row.status !== undefined) assert.equal(got.status, row.status, `${at}: ${text.slice(0, 200)}`)
  // A 502 while nothing has left, a broken connection afterwards.
  if (row.broken === 'or none') assert.ok(!got.complete || got.status === 502, `${at}: ${text}`)
  else assert.equal(got.complete, row.broken !== true, `${at}: ${got.complete}: ${text}`)
}

/** How the hidden name could be read out of an answer; undefined when it cannot. */
export function leak({ headers, body }: Got): string | undefined {
  const forms: [string, string][] = [
    ['header', headers.join('\n')],
    ['bytes', body.toString('latin1')],
    ['UTF-16LE', utf16(body)],
    ['UTF-16LE at 1', utf16(body.subarray(1))],
    ['NFKC', body.toString('utf8').normalize('NFKC').toLowerCase()],
  ]
  for (const [name, open] of Object.entries({ gunzipSync, inflateSync, brotliDecompressSync })) {
    try {
      forms.push([name, open(body).toString('latin1')])
    } catch {
      // Not encoded so.
    }
  }
  const text = body.toString('utf8')
  forms.push(['joined data lines', text.replace(/(\r\n|\r|\n)data: ?/g, '')])
  forms.push(['joined lines', text.replace(/[\r\n]+/g, '')])
  for (const [name, form] of [...forms]) forms.push([`${name}, unescaped`, unescaped(form)])
  return forms.find(([, form]) => form.includes(HIDDEN) || form.includes('hidden/page'))?.[0]
}

/** A copy of even length: Node 24.21 corrupts its heap on an unaligned one of odd length. */
function utf16(bytes: Buffer): string {
  return Buffer.from(bytes.subarray(0, bytes.length & ~1)).toString('utf16le')
}

function unescaped(text: string): string {
  const once = text
    .replace(/\\u([0-9a-f]{4})/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    )
    .replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replaceAll('\\/', '/')
  return once === text ? text : unescaped(once)
}

/** Whole, byte by byte, every split in two of a short body, and three random ones (T92). */
function chunkings(answer: Buffer): readonly (readonly Buffer[])[] {
  const body = answer.indexOf('\r\n\r\n') + 4
  const cuts: Buffer[][] = [[answer]]
  if (answer.length <= 1_000) cuts.push([...answer].map((byte) => Buffer.of(byte)))
  if (answer.length - body <= 300)
    for (let at = body; at < answer.length; at++) cuts.push(cutAt(answer, [at]))
  const next = random(answer.length)
  for (let n = 0; n < 3; n++) {
    const count = 1 + (next() % 6)
    const places = Array.from({ length: count }, () => next() % answer.length)
    cuts.push(cutAt(answer, places))
  }
  return cuts
}

function cutAt(bytes: Buffer, places: readonly number[]): Buffer[] {
  const all = [0, ...[...places].sort((a, b) => a - b), bytes.length]
  return all.slice(1).map((end, n) => bytes.subarray(all[n], end))
}

/** Repeatable: a failure names its chunking. */
function random(seed: number): () => number {
  let state = seed + 1
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return state >>> 8
  }
}

/** Runs `work` over all items, `width` at a time. */
export async function inTurns<T>(
  items: readonly T[],
  width: number,
  work: (item: T, at: number) => Promise<void>,
): Promise<void> {
  let next = 0
  const worker = async () => {
    while (next < items.length) {
      const at = next++
      await work(items[at] as T, at) // within bounds
    }
  }
  await Promise.all(Array.from({ length: width }, worker))
}

/** Waits until a fact holds, 5 s at most. */
export async function settled(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 5_000
  while (!holds() && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5))
}
