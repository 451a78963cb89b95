// Runs the demo issuer as a process of its own, so that tests meet keys as a network has them.
// It must never outlive the test that started it.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Claims, MintOptions } from '../../proxy/cli/issuer.ts'

const PROGRAM = fileURLToPath(new URL('../../proxy/cli/issuer.ts', import.meta.url))

/** An issuer in a child process; `await using`, or `t.after(issuer.stop)`. */
export type IssuerProcess = AsyncDisposable & {
  readonly url: string
  readonly mint: (claims?: Claims, options?: MintOptions) => Promise<string>
  readonly rotate: () => Promise<void>
  readonly retire: () => Promise<void>
  readonly stop: () => Promise<void>
}

/** Starts an issuer on a free port of loopback and waits until it says where it is. */
export async function spawnIssuer(
  algorithms: readonly string[] = ['RS256'],
): Promise<IssuerProcess> {
  const args = [PROGRAM, '--leashed', '--algorithms', algorithms.join(',')]
  // Nothing is written to its stdin: it ends when this process does, however that happens.
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  const stop = async () => {
    process.off('exit', kill)
    kill()
    await exited
  }
  const lines = createInterface({ input: child.stdout })
  const [line] = await Promise.race([
    once(lines, 'line'),
    exited.then(() => Promise.reject(new Error('the issuer did not start'))),
  ])
  const { url } = JSON.parse(line) as { url: string }

  async function post(path: string, body: Claims) {
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) })
    if (!answer.ok) throw new Error(`the issuer answered ${answer.status}: ${await answer.text()}`)
    return (await answer.json()) as { access_token: string }
  }

  return {
    url,
    mint: async (claims = {}, options = {}) => {
      // JSON would drop a claim that is undefined, and the issuer's default would stay.
      const omit = Object.keys(claims).filter((name) => claims[name] === undefined)
      const query = encodeURIComponent(JSON.stringify({ omit, ...options }))
      return (await post(`/token?options=${query}`, claims)).access_token
    },
    rotate: async () => void (await post('/rotate', {})),
    retire: async () => void (await post('/retire', {})),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
