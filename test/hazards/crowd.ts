// A crowd of clients that all use JSON-RPC id 1: each request holds a marker of its own, which must come
// back to its sender, once, and to nobody else (T110, T130). Some leave at random points.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { TestProxy } from '../support/proxy.ts'
import { legacy } from '../support/wire.ts'
import { bytesOf } from './probes.ts'
import type { Reply } from './raw.ts'

/** Numbers from 0 up to `below`, the same for the same seed. */
export type Dice = (below: number) => number

/** Makes dice of a seed (mulberry32). */
export function dice(seed: number): Dice {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** Where a client leaves. */
export const POINTS = [
  'in the head',
  'in the body',
  'after sending',
  'at the answer',
  'in the answer',
] as const
export type Point = (typeof POINTS)[number]

const MARKER = /<m[0-9a-z-]+>/g

/** A marker that no other request has. */
export const markerOf = (...parts: readonly (string | number)[]) => `<m${parts.join('-')}>`

/** Every marker in a text. */
export function markersIn(text: string): readonly string[] {
  return text.match(MARKER) ?? []
}

/** The arguments of a call, and their hash as the record has it. */
export const argumentsOf = (marker: string) => ({ text: marker })
export const hashOf = (marker: string) =>
  createHash('sha256')
    .update(JSON.stringify(argumentsOf(marker)))
    .digest('hex')

/** A legacy call of a tool with a marker in its arguments and as its progress token. */
export function callWith(
  token: string,
  tool: string,
  marker: string,
  headers: Readonly<Record<string, string>> = {},
): Buffer {
  const params = { name: tool, arguments: argumentsOf(marker), _meta: { progressToken: marker } }
  return bytesOf(token, legacy('tools/call', params), headers)
}

/** The result of an answer holds the marker once, and no other marker is anywhere in it. */
export function assertOwn(reply: Reply | undefined, marker: string): void {
  const markers = markersIn(reply?.body ?? '')
  assert.equal(reply?.status, 200, `${marker}: ${reply?.body}`)
  assert.deepEqual([...new Set(markers)], [marker], reply?.body)
  const results = (reply?.body ?? '').split('"result"').length - 1
  assert.equal(results, 1, `${marker} has ${results} results: ${reply?.body}`)
}

/** Sends a request, or a part of it, and leaves; resolves when the connection is gone. */
export async function leave(port: number, bytes: Buffer, at: Point, roll: Dice): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.on('error', () => undefined)
  socket.setTimeout(30_000, () => socket.destroy())
  await Promise.race([once(socket, 'connect'), closed]).catch(() => undefined)
  const head = bytes.indexOf('\r\n\r\n') + 4
  const cut =
    at === 'in the head'
      ? 1 + roll(head - 5)
      : at === 'in the body'
        ? head + roll(bytes.length - head)
        : bytes.length
  await new Promise<void>((resolve) => socket.write(bytes.subarray(0, cut), () => resolve()))
  if (at === 'at the answer') socket.once('data', () => socket.destroy())
  else if (at === 'in the answer') {
    let left = 100 + roll(900)
    socket.on('data', (chunk: Buffer) => {
      left -= chunk.length
      if (left <= 0) socket.destroy()
    })
    // A short answer ends before that: then the client leaves at its end.
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      if (isWhole(text)) socket.destroy()
    })
  } else socket.destroy()
  await closed
}

/** Tells whether an answer ends where this text does: by its length, its last chunk, or its JSON. */
function isWhole(text: string): boolean {
  const length = /\r\ncontent-length: (\d+)\r\n/i.exec(text)?.[1]
  const body = text.slice(text.indexOf('\r\n\r\n') + 4)
  if (length !== undefined) return text.includes('\r\n\r\n') && body.length >= Number(length)
  return body.includes('\r\n0\r\n\r\n') || body.includes('}}')
}

/** Waits, 15 s at most, until nothing is under way; then both gauges are 0. */
export async function assertQuiet(proxy: TestProxy): Promise<void> {
  const gauges = async () => {
    const text = await (await fetch(`${proxy.adminUrl}/metrics`)).text()
    return ['toolstile_inflight_requests', 'toolstile_open_streams'].map((name) =>
      Number(new RegExp(`^${name} (.+)$`, 'm').exec(text)?.[1] ?? Number.NaN),
    )
  }
  const deadline = Date.now() + 15_000
  let now = await gauges()
  while (now.some((value) => value !== 0) && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    now = await gauges()
  }
  assert.deepEqual(now, [0, 0], 'requests under way and open streams')
}

/** How many records there are for each hash of arguments. */
export function recordsByHash(proxy: TestProxy): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { arguments_sha256: hash } of proxy.records())
    if (typeof hash === 'string') counts.set(hash, (counts.get(hash) ?? 0) + 1)
  return counts
}
