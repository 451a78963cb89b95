// The bench of the oracle: each shot goes to a front, and the very same bytes to the four upstreams.
// It only fires and collects; what the findings mean is said in judge.ts.

import { type IssuerProcess, spawnIssuer } from '../support/issuer.ts'
import { type Arrivals, countArrivals } from './arrivals.ts'
import { type Front, type FrontRecord, type MakeFront, proxyFront } from './front.ts'
import { type Aimed, type Directly, type Fired, type Fronts, Lane, OWN } from './lane.ts'
import {
  type Note,
  startUpstreams,
  UPSTREAMS,
  type UpstreamName,
  type Upstreams,
} from './upstreams.ts'

/** All that is known of one shot after it was fired. */
export type Seen = Fired & {
  readonly records: readonly FrontRecord[]
  readonly notes: readonly Note[]
  /** How many requests of this trace the front was sent, as HTTP counts them. */
  readonly arrived: number
}

/** What came of a volley beside its shots. */
export type Volley = {
  readonly seen: readonly Seen[]
  /** Requests that reached an upstream through a front and belong to no shot. */
  readonly strays: readonly Note[]
  /** Records and requests of no shot: those whose trace was damaged. */
  readonly anonymous: { readonly records: number; readonly arrived: number }
}

/** A running bench. */
export type Rig = {
  readonly token: string
  fire(shots: readonly Aimed[]): Promise<Volley>
  stop(): Promise<void>
}

/** What a bench may choose. */
export type RigOptions = {
  /** What stands before the upstreams; the proxy unless said. */
  readonly makeFront?: MakeFront
  /** Default all. */
  readonly directly?: Directly
  /** How long a direct answer to raw bytes may take, in milliseconds; default 1 s. */
  readonly patienceMs?: number
}

const LANES = 32
/** Reasons of bytes that are no request: they have a record, and Node counts no request. */
const NO_REQUEST = new Set(['http_malformed', 'head_too_large', 'head_too_slow'])
/** CONNECT is another: its record names no method. */
const isNoRequest = (reason: string, method: string) =>
  NO_REQUEST.has(reason) || (reason === 'method_not_allowed' && method === '')

/** Starts the upstreams and a front before each. */
export async function startRig(options: RigOptions = {}): Promise<Rig> {
  const { makeFront = proxyFront, directly = 'all', patienceMs = 1_000 } = options
  await using stack = new AsyncDisposableStack()
  const issuer: IssuerProcess = await spawnIssuer(['ES256'])
  stack.defer(() => issuer.stop())
  const upstreams = await startUpstreams()
  stack.defer(() => upstreams.stop())
  const fronts = {} as Record<UpstreamName, Front>
  for (const name of UPSTREAMS) {
    const front = await makeFront(upstreams.ports[name].front, issuer)
    stack.defer(() => front.stop())
    fronts[name] = front
  }
  const arrivals = countArrivals(new Set(UPSTREAMS.map((name) => fronts[name].port)))
  stack.defer(() => arrivals.stop())
  const lanes = Array.from(
    { length: LANES },
    () => new Lane(fronts, upstreams, directly, patienceMs),
  )
  stack.defer(() => {
    for (const lane of lanes) lane.close()
  })
  await Promise.all(lanes.map((lane) => lane.warm()))
  const owned = stack.move()
  return {
    token: fronts.sessions.token,
    fire: (shots) => volley(shots, { lanes, fronts, upstreams, arrivals }),
    stop: () => owned.disposeAsync(),
  }
}

type Parts = {
  readonly lanes: readonly Lane[]
  readonly fronts: Fronts
  readonly upstreams: Upstreams
  readonly arrivals: Arrivals
}

async function volley(shots: readonly Aimed[], parts: Parts): Promise<Volley> {
  const { fronts, upstreams, arrivals } = parts
  const lanes = parts.lanes.slice(0, shots.length)
  // Mutants open sessions of their own, and a server keeps a thousand.
  await Promise.all(lanes.map((lane) => lane.renew()))
  const fired: Fired[] = new Array(shots.length)
  let next = 0
  await Promise.all(
    lanes.map(async (lane) => {
      for (let at = next++; at < shots.length; at = next++)
        fired[at] = await lane.fire(shots[at] as Aimed) // within bounds
    }),
  )
  const arrived = new Map(arrivals.take())
  arrived.delete(OWN)
  const records = await recordsOf(fronts, arrived)
  const found = new Map(
    fired.map(({ trace }) => [trace, { records: [] as FrontRecord[], notes: [] as Note[] }]),
  )
  let strayRecords = 0
  for (const record of records) {
    const owner = found.get(record.trace_id)
    if (owner === undefined) strayRecords++
    else owner.records.push(record)
  }
  const strays = share(await upstreams.notes(), fired, (trace) => found.get(trace)?.notes)
  const seen = fired.map((one) => ({
    ...one,
    ...(found.get(one.trace) ?? { records: [], notes: [] }),
    arrived: arrived.get(one.trace) ?? 0,
  }))
  for (const { notes, direct } of seen)
    if (
      notes.some(({ via }) => via === 'front') &&
      UPSTREAMS.some((name) => direct[name] === undefined)
    )
      throw new Error('a shot that passed was not sent to every upstream')
  const others = [...arrived].filter(([trace]) => !found.has(trace))
  const strayArrivals = others.reduce((sum, [, count]) => sum + count, 0)
  return { seen, strays, anonymous: { records: strayRecords, arrived: strayArrivals } }
}

/** Gives each note to its shot; what came through a front and has none is left over. */
function share(
  notes: readonly Note[],
  fired: readonly Fired[],
  notesOf: (trace: string) => Note[] | undefined,
): readonly Note[] {
  const byPort = new Map(
    fired.flatMap(({ trace, direct }) =>
      UPSTREAMS.map((name) => [`${name} ${direct[name]?.port}`, trace] as const),
    ),
  )
  const strays: Note[] = []
  for (const note of notes) {
    if (note.trace === OWN) continue
    // A request that one reader did not see may have no trace: its connection says whose it is.
    const port = note.via === 'direct' ? byPort.get(`${note.upstream} ${note.peer}`) : undefined
    const owner = notesOf(note.trace ?? '') ?? notesOf(port ?? '')
    if (owner !== undefined) owner.push(note)
    else if (note.via === 'front') strays.push(note)
  }
  return strays
}

/** The records of all fronts, once there is one for each request; 5 s at most. */
async function recordsOf(
  fronts: Fronts,
  arrived: ReadonlyMap<string, number>,
): Promise<readonly FrontRecord[]> {
  const expected = [...arrived.values()].reduce((sum, count) => sum + count, 0)
  const records: FrontRecord[] = []
  const deadline = Date.now() + 5_000
  for (;;) {
    for (const front of Object.values(fronts))
      records.push(
        ...front
          .news()
          .filter(
            ({ trace_id, reason, method }) => trace_id !== OWN && !isNoRequest(reason, method),
          ),
      )
    if (records.length >= expected || Date.now() > deadline) return records
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
