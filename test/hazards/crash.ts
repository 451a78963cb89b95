// Loaded into the program before itself: a fault of the platform that quotes what it was given, which
// no request can cause. A token that begins with `CRASH` makes the digest of tokens throw, one that
// begins with `FATAL` makes it throw where nobody catches.

import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'

const { hash } = crypto

function quote(algorithm: string, input: unknown, encoding: 'hex'): string {
  const text = String(input)
  const fault = Object.assign(new RangeError(`cannot hash "${text}"`), { input: text })
  if (text.startsWith('FATAL'))
    setImmediate(() => {
      throw fault
    })
  if (text.startsWith('CRASH')) throw fault
  return hash(algorithm, text, encoding)
}

Object.assign(crypto, { hash: quote })
syncBuiltinESMExports()
