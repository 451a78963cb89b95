// Settings: every problem at once, safe defaults, exact values.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { readFlags } from '../proxy/cli/flags.ts'
import type { Config } from '../proxy/config.ts'
import { parseConfig } from '../proxy/configure.ts'
import { LIMITS } from '../proxy/limits.ts'
import { duration, publicUrl, secureUrl, size, timer, upstreamUrl } from '../proxy/values.ts'

const REQUIRED = {
  UPSTREAM_URL: 'http://127.0.0.1:3000/mcp',
  PUBLIC_URL: 'https://mcp.example.com/mcp',
  ISSUER: 'https://issuer.example.com',
  POLICY_FILE: 'policy.yaml',
}
const KEY = new TextEncoder().encode(`${'k'.repeat(32)}\n`)

function parse(
  settings: Readonly<Record<string, string>>,
  files: Readonly<Record<string, Uint8Array>> = {},
) {
  return parseConfig({
    lookup: (name) => settings[name],
    readFile: (path) => {
      const bytes = files[path]
      if (bytes === undefined) throw Object.assign(new Error('gone'), { code: 'ENOENT' })
      return bytes
    },
  })
}

function config(settings: Readonly<Record<string, string>>, files = {}): Config {
  const parsed = parse({ ...REQUIRED, ...settings }, files)
  assert.ok(!('problems' in parsed), JSON.stringify(parsed))
  return parsed
}

function problems(settings: Readonly<Record<string, string>>, files = {}): string {
  const parsed = parse({ ...REQUIRED, ...settings }, files)
  assert.ok('problems' in parsed, 'the settings were accepted')
  return parsed.problems.join('\n')
}

describe('defaults', () => {
  test('the four required settings are enough', () => {
    const made = config({})
    assert.equal(made.port, 8080)
    assert.equal(made.adminPort, 9464)
    assert.equal(made.maxBody, 1_048_576)
    assert.equal(made.maxDepth, 64)
    assert.equal(made.upstreamTimeoutMs, 30_000)
    assert.equal(made.drainTimeoutMs, 20_000)
    assert.equal(made.clockSkewMs, 5_000)
    assert.equal(made.maxTokenAgeMs, 86_400_000)
    assert.deepEqual(made.audience, ['https://mcp.example.com/mcp'])
    assert.deepEqual(made.tokenTypes, ['at+jwt', 'JWT'])
    assert.deepEqual(made.algorithms, ['RS256', 'ES256', 'EdDSA', 'PS256'])
    assert.equal(made.deny, 'error')
    assert.ok(Object.isFrozen(made))
  })

  test('a secret without an issuer accepts HS256 alone', () => {
    const made = config({ ISSUER: '', JWT_SECRET_FILE: 's' }, { s: KEY })
    assert.deepEqual(made.algorithms, ['HS256'])
    assert.equal(made.secret?.length, 32)
  })

  test('random bytes of a secret keep their last newline', () => {
    const random = new Uint8Array(40).fill(0xff)
    random[39] = 0x0a
    assert.equal(config({ SESSION_KEY_FILE: 's' }, { s: random }).sessionKey?.length, 40)
  })

  test('what is risky is warned of', () => {
    const { warnings } = config({
      UPSTREAM_URL: 'http://10.0.0.1/mcp',
      PUBLIC_URL: 'http://mcp.example.com/mcp',
    })
    const expected = ['SESSION_KEY_FILE', 'PUBLIC_URL is http', 'UPSTREAM_URL is not loopback']
    expected.forEach((start, index) => {
      assert.ok(warnings[index]?.startsWith(start), warnings[index])
    })
  })
})

describe('problems', () => {
  test('every required setting that is missing is named at once', () => {
    const parsed = parse({})
    assert.ok('problems' in parsed)
    for (const name of ['UPSTREAM_URL', 'PUBLIC_URL', 'POLICY_FILE', 'ISSUER'])
      assert.ok(parsed.problems.some((problem) => problem.startsWith(`${name} is required`)))
  })

  const rows: readonly (readonly [string, Readonly<Record<string, string>>, RegExp])[] = [
    ['an http issuer (T158)', { ISSUER: 'http://issuer.example.com' }, /ISSUER .*is http/],
    ['an http key set (T77)', { JWKS_URL: 'http://keys.example.com/jwks' }, /JWKS_URL .*is http/],
    ['an unknown algorithm', { ALGORITHMS: 'RS256,none' }, /names "none"/],
    ['HS256 without a secret (T61)', { ALGORITHMS: 'HS256' }, /needs JWT_SECRET_FILE/],
    ['a port that is none', { PORT: '70000' }, /PORT .*whole number/],
    ['a duration without a unit', { CLOCK_SKEW: '5' }, /CLOCK_SKEW .*duration/],
    ['a size without a unit', { MAX_BODY: '1000' }, /MAX_BODY .*size/],
    ['a wrong deny', { DENY: 'allow' }, /DENY .*not one of/],
    ['an origin with a path', { ALLOWED_ORIGINS: 'https://a.example/x' }, /not an origin/],
    ['an empty required setting', { PUBLIC_URL: '' }, /PUBLIC_URL is required/],
    ['a secret that is gone', { JWT_SECRET_FILE: 'nope' }, /cannot be read \(ENOENT\)/],
    ['an empty scope claim', { SCOPE_CLAIM: ' ' }, /SCOPE_CLAIM .*is empty/],
  ]
  for (const [name, settings, expected] of rows)
    test(name, () => assert.match(problems(settings), expected))

  test('a short secret is refused', () => {
    assert.match(
      problems({ JWT_SECRET_FILE: 's' }, { s: new Uint8Array(31) }),
      /31 bytes; 32 or more/,
    )
  })
})

describe('secrets in the wrong place', () => {
  const SECRET = 'c4n4ry-c4n4ry-c4n4ry-c4n4ry-c4n4ry'
  test('credentials and queries of a URL are refused and not printed (T147)', () => {
    for (const name of ['UPSTREAM_URL', 'PUBLIC_URL', 'ISSUER', 'JWKS_URL'])
      for (const userinfo of [`user:${SECRET}@`, `${SECRET}@`, `:${SECRET}@`, `a@b:${SECRET}@`]) {
        const found = problems({ [name]: `https://${userinfo}issuer.example/mcp` })
        assert.ok(found.includes(`${name} "https://…@issuer.example/mcp" h`), found)
        assert.ok(!found.includes(SECRET), found)
      }
    const queried = problems({ UPSTREAM_URL: `http://127.0.0.1:3000/mcp?key=${SECRET}` })
    assert.match(queried, /^UPSTREAM_URL "http:\/\/127\.0\.0\.1:3000\/mcp\?…" has a query/)
  })
  test('a secret in place of the path of its file is not printed (T147)', () => {
    for (const name of ['JWT_SECRET_FILE', 'SESSION_KEY_FILE']) {
      const found = problems({ [name]: SECRET })
      assert.equal(found, `${name} (not shown: no path such as /run/key) cannot be read (ENOENT)`)
    }
  })
  test('a secret that is too short is not printed either (T147)', () => {
    const found = problems({ SESSION_KEY_FILE: '/key' }, { '/key': Buffer.from('c4n4ry-short') })
    assert.equal(found, 'SESSION_KEY_FILE "/key" holds 12 bytes; 32 or more are needed')
  })
})

describe('values', () => {
  test('durations and sizes carry units', () => {
    assert.equal(duration('250ms'), 250)
    assert.equal(duration('10m'), 600_000)
    assert.equal(size('64KiB'), 65_536)
    for (const bad of ['', '5', '5 s', '-5s', '5S', '1.5s']) assert.throws(() => duration(bad))
  })

  test('an upstream is a URL or a socket with a path', () => {
    assert.deepEqual(upstreamUrl('unix:/run/mcp.sock:/mcp'), {
      origin: 'http://localhost',
      path: '/mcp',
      socketPath: '/run/mcp.sock',
      loopback: true,
    })
    assert.equal(upstreamUrl('http://[::1]:3000/mcp').loopback, true)
    for (const bad of ['unix:/run/mcp.sock', 'ftp://x/', 'http://u:p@h/', 'http://h/mcp?x=1', 'x'])
      assert.throws(() => upstreamUrl(bad), bad)
  })

  test('a public URL is canonical, because clients compare it exactly (R38)', () => {
    assert.equal(publicUrl('https://mcp.example.com/mcp').href, 'https://mcp.example.com/mcp')
    for (const bad of [
      'https://MCP.example.com/mcp',
      'https://h/mcp/',
      'https://h/mcp#x',
      'https://h/mcp?x',
      'https://h:443/mcp',
    ])
      assert.throws(() => publicUrl(bad), bad)
  })

  test('http is for loopback only', () => {
    assert.equal(secureUrl('http://localhost:3000'), 'http://localhost:3000')
    assert.throws(() => secureUrl('http://127.0.0.1.evil.example'))
  })
})

describe('flags', () => {
  test('a flag is the setting in kebab case, with = or a space', () => {
    const flags = readFlags(['--public-url', 'a', '--port=1'])
    assert.deepEqual(
      [...flags.values],
      [
        ['PUBLIC_URL', 'a'],
        ['PORT', '1'],
      ],
    )
    assert.deepEqual(flags.problems, [])
  })

  test('what is no flag, or has no value, is a problem', () => {
    const { problems: found } = readFlags(['--nope', '--PORT', '1', 'x', '--port'])
    assert.equal(found.length, 5)
  })
})

test('every bound is a setting, and none of them can be switched off (law 10)', () => {
  const made = config({})
  for (const [key, { name }] of Object.entries(LIMITS)) {
    assert.ok(Number(made[key as keyof typeof LIMITS]) > 0, `${name} has no default`)
    if (name === 'DRAIN_GRACE') continue
    for (const none of ['0', '0s', '0ms', '0B', '-1', 'none', 'Infinity', ''])
      assert.match(problems({ [name]: none }), new RegExp(`^${name} "`), `${name}=${none}`)
  }
})

test('a timer beyond what a timer can hold is refused, not taken for none', () => {
  assert.equal(timer('596h'), 596 * 3_600_000)
  assert.throws(() => timer('597h'), /is not from 1ms to 596h/)
})
