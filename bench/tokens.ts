// The issuer of the bench: one key for each algorithm, a static key set, tokens by the thousand.

import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose'

/** The algorithms that fresh tokens are measured with. */
export const ALGORITHMS = ['RS256', 'ES256', 'EdDSA'] as const
export type Algorithm = (typeof ALGORITHMS)[number]

/** The audience every contender accepts. */
export const AUDIENCE = 'https://mcp.bench.invalid/mcp'

/** Claims that differ from those of an ordinary token; undefined leaves one out. */
export type Claims = Readonly<Record<string, unknown>>

/** Signs tokens for one issuer. */
export type Issuer = {
  readonly jwks: string
  /** The RSA public key, PEM. */
  readonly pem: string
  sign(iss: string, claims?: Claims, algorithm?: Algorithm): Promise<string>
}

/** Makes new keys. */
export async function createIssuer(): Promise<Issuer> {
  const pairs = await Promise.all(
    ALGORITHMS.map(
      async (alg) => [alg, await generateKeyPair(alg, { extractable: true })] as const,
    ),
  )
  const keys = new Map(pairs)
  const pairOf = (alg: Algorithm) => {
    const pair = keys.get(alg)
    if (pair === undefined) throw new TypeError(`no key for ${alg}`)
    return pair
  }
  const jwks = await Promise.all(
    pairs.map(async ([alg, { publicKey }]) => ({
      ...(await exportJWK(publicKey)),
      ...{ kid: alg, alg, use: 'sig' },
    })),
  )
  return {
    jwks: JSON.stringify({ keys: jwks }),
    pem: await exportSPKI(pairOf('RS256').publicKey),
    sign: (iss, claims = {}, alg = 'RS256') =>
      new SignJWT({ ...ordinary(iss), ...claims })
        .setProtectedHeader({ alg, kid: alg, typ: 'at+jwt' })
        .sign(pairOf(alg).privateKey),
  }
}

function ordinary(iss: string): Claims {
  const now = Math.floor(Date.now() / 1_000)
  const times = { iat: now, exp: now + 6 * 3_600 }
  return { iss, sub: 'alice', aud: AUDIENCE, client_id: 'bench', scope: 'public:read', ...times }
}
