// JSON lines on stdout. Messages are constant strings, facts are fields; never a token, a secret,
// a body, tool arguments or a session id in the clear (law 12, T141, T147).

import { hash } from 'node:crypto'
import { once } from 'node:events'
import { pino } from 'pino'
import { inOneLine } from './line.ts'

/** The levels used here and the flush that an exit needs. */
export type Log = {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  /** The line of one exchange: its members as JSON, with the comma before each. */
  exchange(members: string): void
  /** Hands over the lines of exchanges that were gathered so far. */
  flush(): void
  /** Resolves when all has been written, in its order, or when nobody has read it for a second. */
  end(): Promise<void>
  /** Lines that were dropped because nobody reads as fast as they come (law 10). */
  readonly dropped: () => number
}

/** Bytes that wait for the reader of the log. */
const MAX_WAITING = 16 * 1_048_576
const END_MS = 1_000
const GATHER_MS = 5
const NEWLINE = 0x0a

/** Where a log is written to; `sync` waits for each write, which a slow reader would make the path do. */
export type LogTarget = { readonly fd: number; readonly sync: boolean }

/** Opens the log; on stdout unless another file descriptor is given. */
export function openLog(level: string, target: LogTarget = { fd: 1, sync: false }): Log {
  const destination = pino.destination({
    ...target,
    contentMode: 'buffer',
    maxLength: MAX_WAITING,
  })
  let dropped = 0
  destination.on('drop', (bytes: Uint8Array) => {
    dropped += bytes.filter((byte) => byte === NEWLINE).length
  })
  // True from the first byte handed over until the last is written: a write that is under way must
  // end before another begins, or one line lands in the middle of the other.
  let isWriting = false
  destination.on('drain', () => {
    isWriting = false
  })
  // A full disk, a reader that has gone: the path goes on (law 10).
  destination.on('error', () => {
    isWriting = false
  })
  const hand = (text: string) => {
    isWriting = true
    destination.write(bytesOf(text))
  }
  const logger = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${timeNow()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line) => hand(inOneLine(line)) },
  )
  const isInfo = logger.isLevelEnabled('info')
  // One write for all exchanges that end within a few milliseconds: each wakes another thread.
  let lines: string[] = []
  const write = () => {
    if (lines.length === 0) return
    const text = lines.join('')
    lines = []
    hand(text)
  }
  /** Lines keep the order of their times. */
  const after =
    (log: (fields: object, message: string) => void) =>
    (fields: object, message: string): void => {
      write()
      log(fields, message)
    }
  return {
    info: after((fields, message) => logger.info(fields, message)),
    warn: after((fields, message) => logger.warn(fields, message)),
    error: after((fields, message) => logger.error(fields, message)),
    exchange: (members) => {
      if (!isInfo) return
      if (lines.length === 0) setTimeout(write, GATHER_MS)
      lines.push(`${begun()}${members},"msg":"exchange"}\n`)
    },
    flush: write,
    end: async () => {
      write()
      const signal = AbortSignal.timeout(END_MS)
      while (isWriting && !signal.aborted)
        await once(destination, 'drain', { signal }).catch(() => undefined)
      // What nobody reads would else be written at the exit, however long that takes.
      if (isWriting) destination.destroy()
    },
    dropped: () => dropped,
  }
}

/** In this mode a destination takes bytes, which its types do not say; a string is encoded slowly. */
function bytesOf(lines: string): string {
  return Buffer.from(lines) as unknown as string
}

/** RFC 3339. */
function timeNow(): string {
  return new Date().toISOString()
}

let begunMs = 0
let beginning = ''

/** The members before those of an exchange, made anew once a millisecond at most. */
function begun(): string {
  const now = Date.now()
  if (now !== begunMs) {
    begunMs = now
    beginning = `{"level":"info","time":"${timeNow()}"`
  }
  return beginning
}

/** The first 16 hex digits of a SHA-256. */
export function shortHash(text: string): string {
  return hash('sha256', text).slice(0, 16)
}
