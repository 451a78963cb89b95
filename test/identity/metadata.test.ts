import assert from 'node:assert/strict'
import test from 'node:test'
import {
  assertFetchable,
  metadataPaths,
  metadataUrl,
  protectedResource,
} from '../../proxy/identity/metadata.ts'

const base = { publicUrl: 'https://mcp.example/mcp', issuer: 'https://idp.example', name: 'notes' }

test('the document names resource, issuer, scopes and the header method (R37, R38)', () => {
  const scopes = ['public:read', 'confidential:read', 'public:read']
  assert.deepEqual(protectedResource({ ...base, scopes }), {
    resource: 'https://mcp.example/mcp',
    authorization_servers: ['https://idp.example'],
    scopes_supported: ['public:read', 'confidential:read'],
    bearer_methods_supported: ['header'],
    resource_name: 'notes',
  })
})

test('members that would be empty are left out, and offline_access is not offered (R42)', () => {
  const document = protectedResource({ ...base, issuer: undefined, scopes: ['offline_access'] })
  assert.deepEqual(Object.keys(document), ['resource', 'bearer_methods_supported', 'resource_name'])
})

const places: [publicUrl: string, paths: string[], url: string][] = [
  [
    'https://mcp.example/mcp',
    ['/.well-known/oauth-protected-resource/mcp', '/.well-known/oauth-protected-resource'],
    'https://mcp.example/.well-known/oauth-protected-resource/mcp',
  ],
  [
    'https://mcp.example:8443/a/b/',
    ['/.well-known/oauth-protected-resource/a/b/', '/.well-known/oauth-protected-resource'],
    'https://mcp.example:8443/.well-known/oauth-protected-resource/a/b/',
  ],
  [
    'https://mcp.example',
    ['/.well-known/oauth-protected-resource'],
    'https://mcp.example/.well-known/oauth-protected-resource',
  ],
]
for (const [publicUrl, paths, url] of places) {
  test(`the metadata of ${publicUrl} is at the inserted path (RFC 9728 §3.1)`, () => {
    assert.deepEqual(metadataPaths(publicUrl), paths)
    assert.equal(metadataUrl(publicUrl), url)
  })
}

test('only https and http on loopback may be fetched (R57, T77)', () => {
  const allowed = [
    'https://idp.example/',
    'http://127.0.0.1:1/',
    'http://[::1]/',
    'http://localhost/',
  ]
  for (const url of allowed) assertFetchable(new URL(url))
  const forbidden = [
    'http://idp.example/',
    'http://169.254.169.254/',
    'http://127.0.0.1.evil.example/',
    'http://localhost.evil.example/',
    'file:///etc/passwd',
    'data:application/json,{}',
  ]
  for (const url of forbidden) {
    assert.throws(() => assertFetchable(new URL(url)), { code: 'ISSUER_METADATA' }, url)
  }
})
