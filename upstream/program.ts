// The command line that both programs of this folder share: flags in, one JSON line out.
import { parseArgs } from 'node:util'
import type { Mode, Place, Upstream } from './server.ts'

const MODES = ['sessions', 'stateless', 'modern'] as const
const HOSTS = ['127.0.0.1', '::1', 'localhost'] as const
const EXIT_USAGE = 78

/** What the command line asks for. */
export type Flags = { readonly mode: Mode; readonly documents?: string } & Place

/** Reads the flags, starts the server, and stops it on SIGTERM or SIGINT. */
export async function runProgram(start: (flags: Flags) => Promise<Upstream>): Promise<void> {
  const flags = flagsOrExit(process.argv.slice(2))
  try {
    const upstream = await start(flags)
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => void upstream.close().then(() => process.exit(0)))
    }
    console.log(JSON.stringify({ listening: upstream.url }))
  } catch (error) {
    console.error(startProblem(error, flags))
    process.exit(1)
  }
}

/** Turns arguments into flags, or throws an Error with one sentence that names the problem. */
export function parseFlags(args: readonly string[]): Flags {
  const { values } = parseArgs({
    args: [...args],
    options: {
      mode: { type: 'string' },
      port: { type: 'string', default: '3000' },
      host: { type: 'string', default: '127.0.0.1' },
      socket: { type: 'string' },
      documents: { type: 'string' },
    },
  })
  const { socket, documents } = values
  return {
    mode: oneOf(MODES, values.mode, '--mode must be sessions, stateless or modern'),
    host: oneOf(HOSTS, values.host, '--host must be a loopback address'),
    port: portOf(values.port),
    ...(socket === undefined ? {} : { socket }),
    ...(documents === undefined ? {} : { documents }),
  }
}

function flagsOrExit(args: readonly string[]): Flags {
  try {
    return parseFlags(args)
  } catch (error) {
    console.error(error instanceof Error ? error.message.split('. ', 1)[0] : error)
    process.exit(EXIT_USAGE)
  }
}

function oneOf<T extends string>(
  allowed: readonly T[],
  value: string | undefined,
  problem: string,
) {
  const found = allowed.find((candidate) => candidate === value)
  if (found === undefined) throw new Error(problem)
  return found
}

function portOf(value: string): number {
  const port = Number(value)
  if (/^\d{1,5}$/.test(value) && port <= 65_535) return port
  throw new Error('--port must be a number from 0 to 65535')
}

function startProblem(error: unknown, { socket, host, port }: Flags): string {
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'EADDRINUSE') {
    const place = socket === undefined ? `Port ${port} on ${host}` : `The socket ${socket}`
    return `${place} is already in use`
  }
  return error instanceof Error ? error.message : String(error)
}
