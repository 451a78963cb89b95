// The table of contenders: what each is, what it needs of the machine, which checks it makes, and the
// programs it consists of. A check that is listed is verified before anything is timed.

import { execFileSync } from 'node:child_process'
import { existsSync, globSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  authRequest,
  haproxySettings,
  luaGate,
  nginxSettings,
  type Place as Written,
} from './configs.ts'
import type { Program } from './launch.ts'

/** What a contender can refuse, or cut out of a list. */
export type Check = 'token' | 'scope' | 'tool' | 'list'

/** Where a contender runs. */
export type Place = Written & {
  /** The folder with the emitted JavaScript of the proxy. */
  readonly built: string
  readonly policyFile: string
  readonly sessionKeyFile: string
  readonly upstreamSocket: string
}

/** One contender; `programs` writes its settings and says how it is started. */
export type Contender = {
  readonly name: string
  readonly does: string
  readonly needs: readonly string[]
  readonly checks: readonly Check[]
  readonly algorithms?: readonly string[]
  /** The last one is what clients connect to; undefined for the upstream itself. */
  readonly programs?: (place: Place) => readonly Program[]
}

const BENCH = import.meta.dirname
const ALL: readonly Check[] = ['token', 'scope', 'tool', 'list']
const EVERY = ['RS256', 'ES256', 'EdDSA']
const LUA = ['nginx', 'nginx:ngx_http_lua_module', 'lua:cjson']

/** Every contender, in the order of the report. */
export const CONTENDERS: readonly Contender[] = [
  { name: 'direct', does: 'no proxy: the stub upstream itself', needs: ['nginx'], checks: [] },
  {
    name: 'nginx',
    does: 'proxies, checks nothing',
    needs: ['nginx'],
    checks: [],
    programs: (place) => [nginx(place, nginxSettings(place, {}))],
  },
  {
    name: 'nginx auth_request',
    does: 'asks a Node service with jose about the token of each request; both are measured',
    needs: ['nginx', 'npm:jose'],
    checks: ['token', 'scope'],
    algorithms: EVERY,
    programs: (place) => [
      node(place, 'auth', place.other),
      nginx(place, nginxSettings(place, authRequest(place))),
    ],
  },
  {
    name: 'nginx + Lua',
    does: 'verifies a token once and remembers it, parses the body, checks the scope of the tool, writes a log line',
    needs: LUA,
    checks: ['token', 'scope', 'tool'],
    algorithms: ['RS256'],
    programs: (place) => [
      nginx(place, nginxSettings(place, luaGate(place, modulesFolder() ?? '', BENCH))),
    ],
  },
  {
    name: 'haproxy + JWT',
    does: 'verifies the token of each request, one scope for all',
    needs: ['haproxy'],
    checks: ['token', 'scope'],
    algorithms: ['RS256'],
    programs: (place) => {
      const command = [
        'haproxy',
        '-db',
        '-f',
        written(place, 'haproxy.cfg', haproxySettings(place)),
      ]
      return [{ command, port: place.port }]
    },
  },
  nodeContender('http-proxy', 'proxies, checks nothing', ['npm:http-proxy'], []),
  nodeContender('http-proxy-3', 'proxies, checks nothing', ['npm:http-proxy-3'], []),
  nodeContender(
    'undici',
    'node:http and the dispatch of an undici Pool, whole bodies, checks nothing',
    ['npm:undici'],
    [],
  ),
  nodeContender(
    'express',
    'express, http-proxy-middleware and jose: verifies each token, parses the body, checks the scope of the tool, writes a log line with pino',
    ['npm:express', 'npm:http-proxy-middleware', 'npm:jose'],
    ['token', 'scope', 'tool'],
  ),
  ours('ours', 'every check, filtered lists, log line, metrics', ALL),
  ours('ours, unix socket', 'the same, the upstream on a Unix socket', ALL, { socket: true }),
  ours('ours without token', 'every caller is alice', ['tool', 'list'], { without: ['token'] }),
  ours('ours without policy', 'every name is allowed', ['token'], { without: ['policy'] }),
  ours('ours without log', 'LOG_LEVEL is warn', ALL, { level: 'warn' }),
  ours('ours without metrics', 'nothing is counted', ALL, { without: ['metrics'] }),
  ours('ours without all four', 'reads, forwards and relays', [], {
    without: ['token', 'policy', 'metrics'],
    level: 'warn',
  }),
]

/** The contenders of those names, in that order. */
export function contendersNamed(names: readonly string[]): readonly Contender[] {
  return names.map((name) => {
    const found = CONTENDERS.find((contender) => contender.name === name)
    if (found === undefined) throw new TypeError(`there is no contender "${name}"`)
    return found
  })
}

/** What a machine lacks of what is needed, as sentences; `has` says whether one need is met. */
export function lacking(needs: readonly string[], has: (need: string) => boolean = isHere) {
  return needs.filter((need) => !has(need)).map((need) => `${need.replace(/^\w+:/, '')} is missing`)
}

function isHere(need: string): boolean {
  const [kind = '', name = ''] = need.split(':')
  if (kind === 'npm') return findsPackage(name)
  if (kind === 'lua') return globSync(`/usr/{lib,lib/*,share}/lua/5.1/${name}.{so,lua}`).length > 0
  if (kind === 'nginx' && name !== '') return existsSync(`${modulesFolder()}/${name}.so`)
  return (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(join(folder, kind)))
}

function findsPackage(name: string): boolean {
  return [BENCH, join(BENCH, '..')].some((root) => existsSync(join(root, 'node_modules', name)))
}

function modulesFolder(): string | undefined {
  if (!isHere('nginx')) return undefined
  const said = execFileSync('sh', ['-c', 'nginx -V 2>&1'], { encoding: 'utf8' })
  return /--modules-path=(\S+)/.exec(said)?.[1]
}

function written(place: Place, name: string, text: string): string {
  const path = join(place.folder, name)
  writeFileSync(path, text)
  return path
}

function nginx(place: Place, settings: string): Program {
  const path = written(place, 'nginx.conf', settings)
  return { command: ['nginx', '-p', place.folder, '-e', 'stderr', '-c', path], port: place.port }
}

function node(place: Place, kind: string, port: number): Program {
  const upstream = `http://127.0.0.1:${place.upstreamPort}`
  const file = join(BENCH, 'contender.mjs')
  const env = { NODE_ENV: 'production' }
  const args = [kind, String(port), upstream, place.gateFile]
  return { command: [process.execPath, file, ...args], env, port }
}

function nodeContender(
  name: string,
  does: string,
  needs: readonly string[],
  checks: readonly Check[],
): Contender {
  const programs = (place: Place) => [node(place, name, place.port)]
  return { name, does, needs, checks, programs, algorithms: EVERY }
}

function ours(
  name: string,
  does: string,
  checks: readonly Check[],
  how: { socket?: true; without?: readonly string[]; level?: string } = {},
): Contender {
  const programs = (place: Place) => {
    const flags = ['--expose-gc', '--max-semi-space-size=4']
    const main = how.without === undefined ? 'proxy/main.js' : 'bench/ours.js'
    const args = how.without === undefined ? ['serve'] : ['--without', how.without.join()]
    const command = [process.execPath, ...flags, join(place.built, main), ...args]
    return [{ command, env: settingsOf(place, how), port: place.port }]
  }
  return { name, does, needs: [], checks, programs, algorithms: EVERY }
}

/** The settings of the proxy: the defaults, but for limits that the load of one caller would meet. */
function settingsOf(place: Place, how: { socket?: true; level?: string }): Record<string, string> {
  const { upstreamPort, upstreamSocket, port, other, issuer } = place
  return {
    TOOLSTILE_UPSTREAM_URL:
      how.socket === true ? `unix:${upstreamSocket}:/mcp` : `http://127.0.0.1:${upstreamPort}/mcp`,
    TOOLSTILE_PUBLIC_URL: `http://127.0.0.1:${port}/mcp`,
    TOOLSTILE_HOST: '127.0.0.1',
    TOOLSTILE_PORT: String(port),
    TOOLSTILE_ADMIN_HOST: '127.0.0.1',
    TOOLSTILE_ADMIN_PORT: String(other),
    TOOLSTILE_ISSUER: issuer,
    TOOLSTILE_JWKS_URL: `${issuer}/jwks.json`,
    TOOLSTILE_AUDIENCE: place.audience,
    TOOLSTILE_POLICY_FILE: place.policyFile,
    TOOLSTILE_SESSION_KEY_FILE: place.sessionKeyFile,
    TOOLSTILE_MAX_INFLIGHT_PER_CALLER: '4096',
    TOOLSTILE_MAX_STREAMS_PER_CALLER: '9000',
    TOOLSTILE_MAX_STREAMS: '9000',
    TOOLSTILE_LOG_LEVEL: how.level ?? 'info',
  }
}
