// One adversarial request: its line, headers and body, and how it is framed. Placeholders stand for
// what only a running bench knows, so that the same shot can be kept in a file and fired again.

/**
 * How the body is delimited: by us with a length or in chunks, or raw, as its headers claim. With
 * `bytes` the body is all that is sent, and the line only says what kind of request it was meant to be.
 */
export type Framing = 'length' | 'chunked' | 'raw' | 'bytes'

/** A request before its placeholders `{token}`, `{session}` and `{trace}` are filled in. */
export type Shot = {
  line: string
  /** `name: value`, as latin1; a line with `{session}` goes away where there is no session. */
  headers: string[]
  body: Buffer
  framing: Framing
  /** Bytes of one chunk, or of one write when the framing is not chunked; 0 for all at once. */
  piece: number
  /** False when the credentials were tampered with: then nothing of it may pass. */
  authorized: boolean
}

/** What the placeholders stand for. */
export type Filling = {
  readonly token: string
  readonly session: string | undefined
  readonly trace: string
}

/** A shot as a file keeps it. */
export type Kept = Omit<Shot, 'body'> & { readonly body: string }

/** The header by which a case is found again in records and at the upstream. */
export const TRACE = 'traceparent: 00-{trace}-00f067aa0ba902b7-01'

/** The bytes of a shot. */
export function compose(shot: Shot, filling: Filling): Buffer {
  const body = filled(shot.body, filling)
  if (shot.framing === 'bytes') return body
  const headers = shot.headers.filter(
    // A line that hides a whole request stays: every reader gets the same bytes.
    (line) => filling.session !== undefined || !/^[^\r\n]*\{session\}[^\r\n]*$/.test(line),
  )
  if (shot.framing === 'length') headers.push(`content-length: ${body.length}`)
  if (shot.framing === 'chunked') headers.push('transfer-encoding: chunked')
  const head = filled(
    Buffer.from(`${[shot.line, ...headers].join('\r\n')}\r\n\r\n`, 'latin1'),
    filling,
  )
  return Buffer.concat([head, shot.framing === 'chunked' ? chunks(body, shot.piece) : body])
}

/** The body that a reader of the framing gets. */
export function filled(bytes: Buffer, { token, session, trace }: Filling): Buffer {
  // The brace is rare enough in a head that most bytes need no second look.
  if (!bytes.includes('{t') && !bytes.includes('{s')) return bytes
  const text = bytes
    .toString('latin1')
    .replaceAll('{token}', token)
    .replaceAll('{session}', session ?? '')
    .replaceAll('{trace}', trace)
  return Buffer.from(text, 'latin1')
}

function chunks(body: Buffer, piece: number): Buffer {
  const size = Math.max(1, piece === 0 ? body.length : piece)
  const parts: Buffer[] = []
  for (let at = 0; at < body.length; at += size) {
    const part = body.subarray(at, at + size)
    parts.push(Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n'))
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')])
}

/** True when we cannot say how many requests the bytes are. */
export function isRaw({ framing }: Shot): boolean {
  return framing === 'raw' || framing === 'bytes'
}

/** A copy that may be changed. */
export function copyOf(shot: Shot): Shot {
  return { ...shot, headers: [...shot.headers], body: Buffer.from(shot.body) }
}

/** The form for a file. */
export function keep(shot: Shot): Kept {
  return { ...shot, body: shot.body.toString('base64') }
}

/** The shot of a file. */
export function unkeep(kept: Kept): Shot {
  return { ...kept, headers: [...kept.headers], body: Buffer.from(kept.body, 'base64') }
}

/** Replaces a header, or adds it. */
export function setHeader(shot: Shot, name: string, ...values: readonly string[]): void {
  dropHeader(shot, name)
  shot.headers.push(...values.map((value) => `${name}: ${value}`))
}

/** Removes every header of that name. */
export function dropHeader(shot: Shot, name: string): void {
  const start = `${name.toLowerCase()}:`
  shot.headers = shot.headers.filter((line) => !line.toLowerCase().startsWith(start))
}
