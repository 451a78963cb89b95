// `toolstile serve`: the proxy alone, configured by settings, until a signal ends it.

import type { Config } from '../config.ts'
import { factsOf } from '../observe/fault.ts'
import { type Log, openLog } from '../observe/log.ts'
import { loadPolicy } from '../policy/source.ts'
import { type Running, start } from '../start.ts'
import { configure, type Environment, EXIT_CONFIG, readFlags, reportProblems } from './flags.ts'

// sysexits.h: EX_SOFTWARE.
const EXIT_FAULT = 70

/** Runs until SIGTERM or SIGINT; resolves with the exit code. */
export async function serve(
  args: readonly string[],
  environment: Environment,
  version: string,
): Promise<number> {
  const config = configure(readFlags(args), environment)
  const stderr = (line: string) => void process.stderr.write(`${line}\n`)
  if ('problems' in config) return reportProblems(config.problems, stderr)
  const loaded = loadPolicy(config.policyFile, config.deny)
  if ('problems' in loaded)
    return reportProblems(
      loaded.problems.map((problem) => `POLICY_FILE "${config.policyFile}": ${problem}`),
      stderr,
    )
  const log = openLog(config.logLevel)
  // The default would print the error with all that it holds, bytes of an answer included (law 12).
  process.on('uncaughtException', (error) => {
    log.error(factsOf(error), 'a fault that nobody caught; the process ends')
    log.end().then(() => process.exit(EXIT_FAULT))
  })
  for (const warning of [...config.warnings, ...loaded.warnings]) log.warn({ warning }, 'warning')
  try {
    const running = await start(config, loaded.policy, log, version)
    const { port, adminPort } = running
    log.info({ port, admin_port: adminPort, version, policy_version: loaded.policy.version }, 'up')
    return await untilSignal(running, log, config.drainGraceMs)
  } catch (error) {
    stderr(startFailure(error, config))
    return error instanceof Error && 'port' in error ? 1 : EXIT_CONFIG
  } finally {
    await log.end()
  }
}

/** One sentence about why the proxy cannot listen. */
export function startFailure(error: unknown, config: Pick<Config, 'host' | 'port'>): string {
  if (!(error instanceof Error && 'code' in error)) return String(error)
  const at = 'port' in error ? `port ${String(error.port)}` : `${config.host}:${config.port}`
  if (error.code === 'EADDRINUSE') return `${at} is in use by another program`
  if (error.code === 'EACCES') return `${at} may not be opened by this user`
  return `cannot start: ${error.message}`
}

/** SIGHUP reloads the policy; SIGTERM drains and exits 0; SIGINT does so without the grace. */
function untilSignal(running: Running, log: Log, graceMs: number): Promise<number> {
  return new Promise((resolve) => {
    let ending = false
    const end = (grace: number) => {
      if (ending) return
      ending = true
      log.info({}, 'draining')
      running.stop(grace).then(
        () => {
          log.info({}, 'drained')
          resolve(0)
        },
        (error: unknown) => {
          log.error(factsOf(error), 'the drain failed')
          resolve(1)
        },
      )
    }
    process.on('SIGHUP', () => running.reloadPolicy())
    process.on('SIGTERM', () => end(graceMs))
    process.on('SIGINT', () => end(0))
  })
}
