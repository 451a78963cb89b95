// JSON lines on stdout. Messages are constant strings, facts are fields; never a token, a secret,
// a body, tool arguments or a session id in the clear (law 12, T141, T147).

import { createHash } from 'node:crypto'
import { pino } from 'pino'
import { type Caller, callerKey } from '../types.ts'

/** The levels used here and the flush that an exit needs. */
export type Log = {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  flush(): void
}

/** Opens the log on a file descriptor, 1 for stdout. */
export function openLog(level: string, fd = 1): Log {
  const destination = pino.destination({ fd, sync: false })
  const logger = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: inOneLine },
    },
    destination,
  )
  return {
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    flush: () => {
      try {
        destination.flushSync()
      } catch {
        // Not open yet, or the reader of stdout is gone: there is nobody left to tell.
      }
    },
  }
}

// T141: JSON lets these stand as they are, and yet readers break lines at them (NEL, U+2028,
// U+2029) and terminals obey them (C1 controls, marks that turn the direction of text). A lone
// surrogate has no UTF-8 (T12), and would be told from no other one.
const UNSAFE = /[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\p{Cs}]/gu

/** Escapes what a reader of lines or a terminal could take for more than text. */
function inOneLine(line: string): string {
  return line.replace(UNSAFE, (unsafe) => {
    return `\\u${unsafe.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

/** The subject as the log shows it: 16 hex of SHA-256 over issuer and subject, plain, or nothing. */
export function subjectFor(caller: Caller, mode: 'hash' | 'plain' | 'none'): string | undefined {
  if (mode === 'none') return undefined
  return mode === 'plain' ? caller.sub : shortHash(callerKey(caller))
}

/** The first 16 hex digits of a SHA-256. */
export function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}
