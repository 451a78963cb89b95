// Right answers before speed: each contender must let through what is allowed, unchanged, and refuse
// what it says it checks. A contender that fails is never timed; the bench ends with its name.

import type { Check } from './contenders.ts'
import {
  choosing,
  DENIED,
  LARGE,
  list,
  type Scenario,
  type Seen,
  STEADY,
  small,
} from './scenarios.ts'
import type { Running, Scene } from './scene.ts'
import { ANSWERS } from './stub.ts'
import { createIssuer } from './tokens.ts'

const CALL = small(STEADY)
const REFUSED = (seen: Seen) => seen.status === 401
const SSE: Scenario = {
  ...LARGE,
  name: 'SSE answer',
  headers: choosing('sse'),
  isRight: (seen) =>
    seen.type.startsWith('text/event-stream') && seen.body === ANSWERS['sse']?.body,
}

type Probe = {
  readonly name: string
  readonly check?: Check
  readonly scenario: Scenario
  /** Undefined sends none. */
  readonly token: string | undefined
  readonly isRight?: (seen: Seen) => boolean
}

/** Sends one request of a scenario, as a client would. */
export async function ask(
  url: string,
  scenario: Pick<Scenario, 'body' | 'headers'>,
  token?: string,
): Promise<Seen> {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const headers = { ...scenario.headers, ...authorization }
  const response = await fetch(url, { method: 'POST', headers, body: scenario.body })
  const type = response.headers.get('content-type') ?? ''
  return { status: response.status, type, body: await response.text() }
}

/** Asks everything that a contender must answer rightly; throws with its name and the answer. */
export async function probe(running: Running, scene: Scene, scenarios: readonly Scenario[]) {
  const { contender, port } = running
  const token = await scene.issuer.sign(scene.iss)
  const own: readonly Probe[] = scenarios
    .filter((scenario) => scenario.isFor(contender))
    .map((scenario) => ({ name: scenario.name, scenario, token }))
  for (const one of [...(await probes(scene, token)), ...own]) {
    if (one.check !== undefined && !contender.checks.includes(one.check)) continue
    const seen = await ask(`http://127.0.0.1:${port}/mcp`, one.scenario, one.token)
    const right = one.isRight?.(seen) ?? one.scenario.isRight(seen, contender)
    if (!right)
      throw new Error(
        `${contender.name} is wrong on "${one.name}": ${seen.status} ${seen.type} ${seen.body.slice(0, 200)}`,
      )
  }
}

async function probes(scene: Scene, token: string): Promise<readonly Probe[]> {
  const { issuer, iss } = scene
  const past = Math.floor(Date.now() / 1_000) - 600
  const bad: readonly (readonly [string, string | undefined])[] = [
    ['no token', undefined],
    ['no JWT', 'abc'],
    ['the signature of another key', await (await createIssuer()).sign(iss)],
    ['an expired token', await issuer.sign(iss, { iat: past - 60, exp: past })],
    ['another audience', await issuer.sign(iss, { aud: 'https://other.invalid' })],
    ['another issuer', await issuer.sign('https://other.invalid')],
  ]
  const unscoped = await issuer.sign(iss, { scope: 'other:read' })
  return [
    { name: 'an allowed call', scenario: CALL, token },
    { name: 'an SSE answer', scenario: SSE, token },
    ...bad.map(([name, sent]) => ({
      ...{ name, check: 'token' as const, scenario: CALL, token: sent, isRight: REFUSED },
    })),
    {
      name: 'a token without the scope',
      check: 'scope',
      scenario: CALL,
      token: unscoped,
      isRight: (seen) => seen.status === 403 || DENIED.isRight(seen, NOBODY),
    },
    { name: 'a denied tool', check: 'tool', scenario: DENIED, token },
    { name: 'a filtered list', check: 'list', scenario: list(10), token },
  ]
}

const NOBODY = { name: '', does: '', needs: [], checks: [] }
