// What of an exception may be logged: its kind, and where it was thrown. The message of an error of
// the platform may quote what it was given, so it is never shown (law 12, T102, T147).

/** The kind of a fault in one sentence, and its frames without the message. */
export type FaultFacts = { readonly detail: string; readonly stack: string }

/** Classes of the platform; every other class states a fact of its own, in words fixed beforehand. */
const QUOTING: ReadonlySet<string> = new Set([
  'Error',
  'TypeError',
  'RangeError',
  'SyntaxError',
  'ReferenceError',
  'URIError',
  'EvalError',
  'AggregateError',
  'DOMException',
  'NodeError',
])

/** What may be logged of anything that was thrown. */
export function factsOf(error: unknown): FaultFacts {
  if (!(error instanceof Error)) return { detail: `a thrown ${typeof error}`, stack: '' }
  const kind = error.constructor.name
  const code = 'code' in error ? String(error.code) : ''
  // A failed system call names the call, its code and an address of ours.
  const isShown = !QUOTING.has(kind) || 'syscall' in error
  return {
    detail: isShown ? error.message : `${kind} ${code}`.trim(),
    stack: framesOf(error),
  }
}

function framesOf({ stack = '', message }: Error): string {
  const frames = message === '' ? stack : stack.replace(message, () => '')
  return frames
    .split('\n')
    .filter((line) => /^ {4}at /.test(line))
    .join('\n')
}
