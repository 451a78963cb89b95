// The face of a real issuer, with a key set that can go wrong in every way, and a stranger who signs
// tokens with keys of his own.

import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { CleanUp } from '../support/child.ts'
import { type IssuerProcess, spawnIssuer } from '../support/issuer.ts'

/** What the key set does. */
export type KeyFault =
  | 'none'
  | '500'
  | 'silent'
  | 'slow drip'
  | '10 MB'
  | 'HTML'
  | 'cut short'
  | 'no keys'
  | 'redirected to a stranger'
  | 'moved to a stranger'
  | 'an oct key added'
  | 'a weak key added'
  | 'the kid of a good key twice'
  | 'shrunk to a key of somebody else'

/** A stranger's tokens, each the best that he can do. */
export type Forgery = 'own key' | 'own key, good kid' | 'HS256' | 'weak key'

export type Face = {
  readonly url: string
  readonly issuer: IssuerProcess
  fault: KeyFault
  /** Loads of the key set since the start. */
  loads(): number
  /** Requests at the address that a redirect or the metadata names. */
  strangerAsked(): number
  mint(claims?: object, options?: { readonly expiresIn?: number }): Promise<string>
  forge(kind: Forgery, claims: object): string
}

// Made once: strong keys take a while.
const rsa = (modulusLength: number) => generateKeyPairSync('rsa', { modulusLength })
const [stranger, weak, other] = [rsa(2_048), rsa(1_024), rsa(2_048)]
const SECRET = Buffer.alloc(32, 'k')
const jwkOf = (key: KeyObject, kid: string) => ({
  ...key.export({ format: 'jwk' }),
  kid,
  use: 'sig',
  alg: 'RS256',
})

/** Starts a real issuer behind a face of its own. */
export async function startFace(t: CleanUp): Promise<Face> {
  const issuer = await spawnIssuer()
  t.after(issuer.stop)
  const strange = { keys: [jwkOf(stranger.publicKey, 'stranger')] }
  const good = async () => {
    const answer = await fetch(`${issuer.url}/jwks.json`)
    return (await answer.json()) as { keys: { kid: string }[] }
  }
  let kid = (await good()).keys[0]?.kid ?? ''
  let loads = 0
  let strangerAsked = 0
  const elsewhere = await serve(t, (_, response) => {
    strangerAsked++
    json(response, strange)
  })

  const keySet = async (response: ServerResponse) => {
    loads++
    const { keys } = await good()
    kid = keys[0]?.kid ?? ''
    const added = (key: object) => json(response, { keys: [...keys, key] })
    switch (face.fault) {
      case 'none':
        return json(response, { keys })
      case '500':
      case 'moved to a stranger':
        return void response.writeHead(500).end()
      case 'silent':
        return
      case 'slow drip':
        return drip(response, JSON.stringify({ keys }))
      case '10 MB':
        return json(response, { keys, pad: 'x'.repeat(10_000_000) })
      case 'HTML':
        return void response.writeHead(200, { 'content-type': 'text/html' }).end('<html></html>')
      case 'cut short':
        return void response.end(JSON.stringify({ keys }).slice(0, -20))
      case 'no keys':
        return json(response, { keys: [] })
      case 'redirected to a stranger':
        return void response.writeHead(302, { location: `${elsewhere}/jwks.json` }).end()
      case 'an oct key added':
        return added({ kty: 'oct', kid: 'oct', alg: 'HS256', k: SECRET.toString('base64url') })
      case 'a weak key added':
        return added(jwkOf(weak.publicKey, 'weak'))
      case 'the kid of a good key twice':
        return added(jwkOf(stranger.publicKey, kid))
      case 'shrunk to a key of somebody else':
        return json(response, { keys: [jwkOf(other.publicKey, 'other')] })
    }
  }
  const url = await serve(t, (request, response) => {
    if (request.url === '/jwks.json') return void keySet(response).catch(() => response.destroy())
    const home = face.fault === 'moved to a stranger' ? elsewhere : url
    json(response, { issuer: url, jwks_uri: `${home}/jwks.json` })
  })
  const forge = (kind: Forgery, claims: object) => {
    const own = {
      'own key': 'stranger',
      'own key, good kid': kid,
      HS256: 'oct',
      'weak key': 'weak',
    }
    const header = { alg: kind === 'HS256' ? 'HS256' : 'RS256', typ: 'at+jwt', kid: own[kind] }
    const iat = Math.floor(Date.now() / 1_000)
    const payload = { iss: url, iat, exp: iat + 600, jti: crypto.randomUUID(), ...claims }
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const signed = `${part(header)}.${part(payload)}`
    const signer = kind === 'weak key' ? weak.privateKey : stranger.privateKey
    const signature =
      kind === 'HS256'
        ? createHmac('sha256', SECRET).update(signed).digest()
        : sign('RSA-SHA256', Buffer.from(signed), signer)
    return `${signed}.${signature.toString('base64url')}`
  }
  const face: Face = {
    url,
    issuer,
    fault: 'none',
    loads: () => loads,
    strangerAsked: () => strangerAsked,
    mint: (claims = {}, options = {}) => issuer.mint({ iss: url, ...claims }, options),
    forge,
  }
  return face
}

async function serve(
  t: CleanUp,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  const server = createServer(answer)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => server.close().closeAllConnections())
  const { port } = server.address() as AddressInfo // a TCP server has an AddressInfo
  return `http://127.0.0.1:${port}`
}

function json(response: ServerResponse, body: object): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

/** A byte now and then: never silent, and never done. */
function drip(response: ServerResponse, text: string): void {
  let at = 0
  const timer = setInterval(() => response.write(text[at++ % text.length] ?? ''), 100)
  response.once('close', () => clearInterval(timer))
}
