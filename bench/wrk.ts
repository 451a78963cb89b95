// The load: wrk with one thread and a script of ours, which prints one line that is read back here.

import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { promisify } from 'node:util'

/** What wrk measured: times in microseconds, errors by kind. */
export type Load = {
  readonly requests: number
  readonly durationUs: number
  readonly p50Us: number
  readonly p99Us: number
  readonly errors: Readonly<Record<'status' | 'connect' | 'read' | 'write' | 'timeout', number>>
}

/** What is sent, again and again. */
export type Sent = {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  /** The file that holds the body. */
  readonly bodyFile: string
  /** A header that has another value on each request: the lines of a file, in turn. */
  readonly walk:
    | { readonly header: string; readonly prefix: string; readonly file: string }
    | undefined
  /** Milliseconds that a connection waits before each request. */
  readonly delayMs: number | undefined
}

const ERRORS = ['status', 'connect', 'read', 'write', 'timeout'] as const
const LINE =
  /^toolstile n=(\d+) us=(\d+) p50=(\d+) p99=(\d+) status=(\d+) connect=(\d+) read=(\d+) write=(\d+) timeout=(\d+)$/m

/** Writes the script that makes wrk send this. */
export function writeScript(path: string, sent: Sent): void {
  const headers = Object.entries(sent.headers).map(
    ([name, value]) => `wrk.headers['${name}'] = [==[${value}]==]`,
  )
  writeFileSync(
    path,
    `wrk.method = 'POST'
wrk.path = '${sent.path}'
${headers.join('\n')}
local file = assert(io.open('${sent.bodyFile}', 'rb'))
wrk.body = file:read('*a')
file:close()
${sent.walk === undefined ? '' : walking(sent.walk)}
${sent.delayMs === undefined ? '' : waiting(sent.delayMs)}
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('toolstile n=%d us=%d p50=%d p99=%d status=%d connect=%d read=%d write=%d timeout=%d\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.status, e.connect, e.read, e.write, e.timeout))
end
`,
  )
}

/** Reads what the script printed. */
export function parseLoad(output: string): Load {
  const found = LINE.exec(output)
  if (found === null) throw new Error(`wrk printed no result: ${output.slice(0, 500)}`)
  const [requests = 0, durationUs = 0, p50Us = 0, p99Us = 0, ...errors] = found.slice(1).map(Number)
  const counted = Object.fromEntries(ERRORS.map((kind, i) => [kind, errors[i] ?? 0]))
  return { requests, durationUs, p50Us, p99Us, errors: counted as Load['errors'] }
}

/** Throws when anything went wrong in a timed run: a rate that holds errors says nothing. */
export function assertClean(load: Load, what: string): void {
  const errors = ERRORS.filter((kind) => load.errors[kind] > 0)
  if (errors.length > 0)
    throw new Error(
      `${what}: ${errors.map((kind) => `${load.errors[kind]} ${kind}`).join(', ')} errors`,
    )
  if (load.requests === 0) throw new Error(`${what}: no request was answered`)
}

/** Runs wrk on a core; `from` is the line at which a walk begins. */
export async function runLoad(
  script: string,
  port: number,
  how: { connections: number; seconds: number; core: number; from: number },
): Promise<Load> {
  const wrk = ['wrk', '-t1', `-c${how.connections}`, `-d${how.seconds}s`, '--timeout', '20s']
  const args = ['-s', script, `http://127.0.0.1:${port}`, '--', String(how.from)]
  const { stdout } = await promisify(execFile)('taskset', ['-c', String(how.core), ...wrk, ...args])
  return parseLoad(stdout)
}

function walking({ header, prefix, file }: NonNullable<Sent['walk']>): string {
  return `local lines = {}
for line in io.lines('${file}') do lines[#lines + 1] = line end
local at = 0
function init(args) at = tonumber(args[1]) or 0 end
function request()
  at = at + 1
  wrk.headers['${header}'] = '${prefix}' .. lines[at % #lines + 1]
  return wrk.format()
end`
}

/** wrk waits whole milliseconds: the part of one is had by chance. */
function waiting(ms: number): string {
  return `function delay() return math.floor(${ms} + math.random()) end`
}
