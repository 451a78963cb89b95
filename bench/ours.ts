// The proxy with parts taken out, to see what each of them costs: `--without token,policy,metrics`.
// It serves like proxy/main.ts does, from the same settings; without a part it protects nothing.

import { parseArgs } from 'node:util'
import { configure, readFlags } from '../proxy/cli/flags.ts'
import { openLog } from '../proxy/observe/log.ts'
import type { Path } from '../proxy/pipeline.ts'
import { loadPolicy } from '../proxy/policy/source.ts'
import { start } from '../proxy/start.ts'
import type { Caller } from '../proxy/types.ts'

const CALLER: Caller = {
  iss: 'http://127.0.0.1',
  sub: 'alice',
  client: 'bench',
  scopes: new Set(['public:read']),
  roles: new Set(),
  expiresAt: Math.floor(Date.now() / 1_000) + 86_400,
}

const WITHOUT: Readonly<Record<string, (path: Path) => Path>> = {
  token: (path) => ({ ...path, verify: () => CALLER }),
  policy: (path) => {
    const missing = { scopes: [], roles: [] }
    const verdict = { allow: true, rule: 'none', deny: 'error', scopes: [], missing } as const
    const policy = { ...path.policy(), decide: () => verdict }
    return { ...path, policy: () => policy }
  },
  metrics: (path) => {
    silence(path.recorder.metrics)
    return path
  },
}

/** Whatever counts, counts no more. */
function silence(metrics: object): void {
  for (const metric of Object.values(metrics)) {
    if (typeof metric !== 'object' || metric === null) continue
    for (const name of ['inc', 'add', 'dec', 'set', 'observe'])
      if (typeof metric[name] === 'function') metric[name] = () => undefined
  }
}

const { values } = parseArgs({ options: { without: { type: 'string', default: '' } } })
const parts = values.without.split(',').filter((name) => name !== '')
const config = configure(readFlags([]), process.env)
if ('problems' in config) throw new Error(config.problems.join('\n'))
const loaded = loadPolicy(config.policyFile, config.deny)
if ('problems' in loaded) throw new Error(loaded.problems.join('\n'))
await start(config, loaded.policy, openLog(config.logLevel), 'bench', (path) =>
  parts.reduce((altered, name) => {
    const alter = WITHOUT[name]
    if (alter === undefined) throw new Error(`${name} cannot be taken out`)
    return alter(altered)
  }, path),
)
