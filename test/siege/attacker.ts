// The attackers of the siege: every attack at once, for so long, and how all their attempts ended.

import { setMaxListeners } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { obey, tell } from '../support/child.ts'
import { type Attack, attacksWith } from './attacks.ts'
import type { Target } from './means.ts'

/** How often each end came, by the name of the attack. */
export type Ends = Readonly<Record<string, Readonly<Record<string, number>>>>

/** What it is told. */
export type Assault = Omit<Target, 'signal'> & {
  readonly seconds: number
  readonly only: string
}

/** How much longer than planned it may take on a machine that has other things to do. */
const PATIENCE = 6
/** Not all connections in one moment: the queue of the listener would be what is attacked. */
const RAMP_MS = 1_500

async function lane(attack: Attack, target: Target, index: number, ends: Record<string, number>) {
  await rest((index * RAMP_MS) / attack.lanes, target.signal)
  while (!target.signal.aborted) {
    const end = await attack.attempt(target, index)
    ends[end] = (ends[end] ?? 0) + 1
    await rest(attack.pauseMs, target.signal)
  }
}

function rest(ms: number, signal: AbortSignal): Promise<void> {
  return pause(ms, undefined, { signal }).catch(() => undefined)
}

async function assault({ seconds, only, ...target }: Assault): Promise<Ends> {
  const over = new AbortController()
  setMaxListeners(0, over.signal)
  const attacks = attacksWith(only)
  const ends: Record<string, Record<string, number>> = {}
  const lanes = attacks.flatMap((attack) => {
    const own: Record<string, number> = {}
    ends[attack.name] = own
    return Array.from({ length: attack.lanes }, (_, i) =>
      lane(attack, { ...target, signal: over.signal }, i, own),
    )
  })
  const shown = () => attacks.every(({ name, shows }) => ends[name]?.[shows] !== undefined)
  await pause(seconds * 1_000)
  const deadline = performance.now() + seconds * 1_000 * PATIENCE
  while (!shown() && performance.now() < deadline) await pause(100)
  over.abort()
  await Promise.all(lanes)
  return ends
}

obey(async (message) => tell(await assault(message as unknown as Assault)))
