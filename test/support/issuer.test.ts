// The issuer of the tests ends with the process that started it, however that process ends.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test } from 'node:test'

const MODULE = new URL('issuer.ts', import.meta.url).href
const PARENT = `
  const { spawnIssuer } = await import(${JSON.stringify(MODULE)})
  const issuer = await spawnIssuer()
  console.log(issuer.url)
`

test('an issuer whose test process is killed ends, and holds no stream open', {
  timeout: 20_000,
}, async (t) => {
  const parent = spawn(process.execPath, ['--input-type=module', '--eval', PARENT], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.after(() => parent.kill('SIGKILL'))
  // The issuer inherits stderr: `close` comes when both have let it go.
  const closed = once(parent, 'close')
  const [url] = await once(createInterface({ input: parent.stdout }), 'line')
  assert.equal((await fetch(`${url}/jwks.json`)).status, 200)
  parent.kill('SIGKILL')
  parent.stderr.resume()
  await closed
  await assert.rejects(fetch(`${url}/jwks.json`))
})
