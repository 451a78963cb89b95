// Seals an upstream session id to one caller, so that nobody else can name that session (T112).
// It must never open what was not sealed here, say why it did not, or keep a table of sessions: what a
// caller opened last is all it remembers.

import { createCipheriv, createDecipheriv, createHmac, hash as digest, hkdfSync } from 'node:crypto'
import type { Caller } from '../types.ts'

/** The identity a session belongs to: a refreshed token of the same subject keeps it (R54). */
export type SessionOwner = Pick<Caller, 'iss' | 'sub'>

/** Seals and opens session ids under one secret, the same on each replica that shares it (T116). */
export type Sealer = {
  /** The id the client holds; throws a SessionFault for an upstream id that MCP does not allow. */
  readonly seal: (upstreamId: string, owner: SessionOwner) => string
  /** The upstream's id, or undefined for anything that was not sealed to this owner; never throws. */
  readonly open: (sealed: string, owner: SessionOwner) => string | undefined
  /** The first 16 hex digits of the SHA-256 of an id, for logs (T114). */
  readonly hash: (sessionId: string) => string
}

/** An upstream session id that is not 1 to 3044 visible ASCII characters (MCP Transports). */
export class SessionFault extends Error {
  readonly code = 'SESSION_ID_INVALID'
}

const CIPHER = 'aes-256-gcm'
const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const MAX_SEALED = 4096
const MAX_ID_BYTES = (MAX_SEALED / 4) * 3 - NONCE_BYTES - TAG_BYTES
const VISIBLE_ASCII = /^[\x21-\x7e]+$/

/**
 * Makes a sealer from a secret of 32 bytes or more, else throws a TypeError; one session always
 * seals to one id, because the nonce is derived from what is sealed and for whom.
 */
export function createSealer(secret: Uint8Array): Sealer {
  if (secret.byteLength < KEY_BYTES) {
    throw new TypeError(`the session key is shorter than ${KEY_BYTES} bytes`)
  }
  const sealKey = deriveKey(secret, 'toolstile session seal v1')
  const nonceKey = deriveKey(secret, 'toolstile session nonce v1')

  function seal(upstreamId: string, owner: SessionOwner): string {
    if (upstreamId.length > MAX_ID_BYTES || !VISIBLE_ASCII.test(upstreamId)) {
      throw new SessionFault(`the session id is not 1 to ${MAX_ID_BYTES} visible ASCII characters`)
    }
    const bound = bind(owner)
    const nonce = createHmac('sha256', nonceKey).update(bound).update(upstreamId).digest()
    const iv = nonce.subarray(0, NONCE_BYTES)
    const cipher = createCipheriv(CIPHER, sealKey, iv, { authTagLength: TAG_BYTES }).setAAD(bound)
    const text = Buffer.concat([cipher.update(upstreamId, 'latin1'), cipher.final()])
    return Buffer.concat([iv, text, cipher.getAuthTag()]).toString('base64url')
  }

  /** What each caller opened last: most have one session, and name it with every request. */
  const opened = new WeakMap<SessionOwner, { readonly sealed: string; readonly id: string }>()

  function open(sealed: string, owner: SessionOwner): string | undefined {
    const last = opened.get(owner)
    if (last?.sealed === sealed) return last.id
    const id = unseal(sealed, owner)
    // What does not open costs the same each time, whoever it was sealed to (T112).
    if (id !== undefined) opened.set(owner, { sealed, id })
    return id
  }

  function unseal(sealed: string, owner: SessionOwner): string | undefined {
    if (sealed.length > MAX_SEALED) return undefined
    const bytes = Buffer.from(sealed, 'base64url')
    if (bytes.toString('base64url') !== sealed) return undefined
    if (bytes.byteLength <= NONCE_BYTES + TAG_BYTES) return undefined
    const iv = bytes.subarray(0, NONCE_BYTES)
    const cipher = createDecipheriv(CIPHER, sealKey, iv, { authTagLength: TAG_BYTES })
    try {
      cipher.setAAD(bind(owner)).setAuthTag(bytes.subarray(-TAG_BYTES))
      const text = cipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES))
      return Buffer.concat([text, cipher.final()]).toString('latin1')
    } catch {
      return undefined
    }
  }

  return { seal, open, hash: (sessionId) => digest('sha256', sessionId).slice(0, 16) }
}

function deriveKey(secret: Uint8Array, label: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', label, KEY_BYTES))
}

/** Each name is preceded by its length, so that no two owners give the same bytes (T58). */
function bind({ iss, sub }: SessionOwner): Buffer {
  const parts = [iss, sub].flatMap((name) => {
    const bytes = Buffer.from(name, 'utf8')
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.byteLength)
    return [length, bytes]
  })
  return Buffer.concat(parts)
}
