#!/usr/bin/env -S node --expose-gc --max-semi-space-size=4
// The one program: picks the sub-command and hands it the environment. `process.env` is read here
// and nowhere else. The flags keep the young generation small, and let long streams collect it: without
// them, the memory of a process that streams grows by 20 to 100 MB when its cores are busy.

import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const USAGE = `toolstile: an authorizing sidecar for MCP servers that know nothing of auth

  toolstile serve    run the proxy, configured by settings (docs/configuration.md)
  toolstile demo     run a demo server, a demo issuer and the proxy on this machine
  toolstile check    read settings and policy, start nothing, report every problem
  toolstile explain  --token-file T [--tool NAME | --prompt NAME | --resource URI]
                     who may do what, by which rule, and what is missing

Settings are environment variables (TOOLSTILE_PUBLIC_URL) or flags (--public-url).
`

type Command = (args: readonly string[]) => Promise<number> | number

// Each command is loaded when it is chosen: `serve` carries nothing of the demo.
const COMMANDS: ReadonlyMap<string, () => Promise<Command>> = new Map<
  string,
  () => Promise<Command>
>([
  [
    'serve',
    async () => {
      const { serve } = await import('./cli/serve.ts')
      return (args: readonly string[]) => serve(args, process.env, version())
    },
  ],
  [
    'demo',
    async () => {
      const { demo } = await import('./cli/demo.ts')
      return (args: readonly string[]) => demo(args, process.env, version())
    },
  ],
  [
    'check',
    async () => {
      const { check } = await import('./cli/check.ts')
      return (args: readonly string[]) => check(args, process.env)
    },
  ],
  [
    'explain',
    async () => {
      const { explain } = await import('./cli/explain.ts')
      return (args: readonly string[]) => explain(args, process.env)
    },
  ],
])

async function main(): Promise<number> {
  const [name = 'serve', ...args] = process.argv.slice(2)
  if (name === '--version' || name === 'version') return print(`${version()}\n`)
  if (name === '--help' || name === '-h' || name === 'help' || args.includes('--help'))
    return print(USAGE)
  // `node proxy/main.ts --port 1` is `serve --port 1`.
  const isFlag = name.startsWith('-')
  const load = COMMANDS.get(isFlag ? 'serve' : name)
  if (load === undefined) {
    process.stderr.write(`"${name}" is not a command\n\n${USAGE}`)
    return 64
  }
  const command = await load()
  return command(isFlag ? [name, ...args] : args)
}

function print(text: string): number {
  process.stdout.write(text)
  return 0
}

/** The version of package.json, found upwards: the sources and the emitted files differ in depth. */
function version(): string {
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    try {
      return String(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version)
    } catch {
      // Not in this folder: one up.
    }
  }
  return 'unknown'
}

process.exitCode = await main()
// Timers of libraries must not keep a finished program alive.
process.exit()
