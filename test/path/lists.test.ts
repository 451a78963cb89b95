// What a caller sees: the same server, another list for another token, and nothing else changed.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { PAIRINGS } from '../support/agents.ts'
import { MODES, PUBLIC_TOOLS, setScene } from '../support/scene.ts'
import { legacy, openSession, post, postModern, reply } from '../support/wire.ts'

for (const [kind, mode] of PAIRINGS) {
  describe(`a ${kind} client of a server in mode ${mode}`, () => {
    test('sees the tools that its token allows, each as the server describes it', async (t) => {
      const { connect, reader } = await setScene(t, { mode })
      const direct = await connect(kind)
      const agent = await connect(kind, reader)
      const { tools } = await direct.listTools()
      const allowed = tools.filter(({ name }) => PUBLIC_TOOLS.includes(name))
      assert.deepEqual((await agent.listTools()).tools, allowed)
      assert.equal(allowed.length, PUBLIC_TOOLS.length)
    })

    test('sees all of them with a token of all scopes', async (t) => {
      const { connect, full } = await setScene(t, { mode })
      const direct = await connect(kind)
      const agent = await connect(kind, full)
      assert.deepEqual((await agent.listTools()).tools, (await direct.listTools()).tools)
      assert.equal(agent.getInstructions(), direct.getInstructions())
    })

    test('sees the prompts, resources and templates that its token allows (T107)', async (t) => {
      const { connect, reader } = await setScene(t, { mode })
      const agent = await connect(kind, reader)
      const { prompts } = await agent.listPrompts()
      const { resources } = await agent.listResources()
      const { resourceTemplates } = await agent.listResourceTemplates()
      assert.deepEqual(
        prompts.map(({ name }) => name),
        ['summarize_document'],
      )
      assert.deepEqual(
        resources.map(({ uri }) => uri),
        ['docs://public/guide'],
      )
      assert.deepEqual(
        resourceTemplates.map(({ uriTemplate }) => uriTemplate),
        ['docs://public/{section}'],
      )
    })
  })
}

for (const mode of ['sessions', 'stateless'] as const) {
  test(`a v2 client pinned to 2026-07-28 fails on mode ${mode} as it does directly`, async (t) => {
    const { connect, full } = await setScene(t, { mode })
    const fault = async (token?: string) => {
      const connecting = connect('v2 pinned', token)
      const error: { name: string; code: string; message: string } = await connecting.then(
        () => assert.fail('it connected'),
        (reason) => reason,
      )
      return [error.name, error.code, error.message]
    }
    const direct = await fault()
    assert.equal(direct[1], 'ERA_NEGOTIATION_FAILED')
    assert.deepEqual(await fault(full), direct)
  })
}

for (const mode of MODES) {
  test(`in mode ${mode} the result of a full token is that of the server`, async (t) => {
    const { upstream, proxy, full } = await setScene(t, { mode })
    const list = async (url: string, token?: string) => {
      if (mode === 'sessions') {
        const session = await openSession(url, token)
        return (await reply(await session.post(legacy('tools/list')))).result
      }
      const own = token === undefined ? {} : { token }
      return (await reply(await post(url, legacy('tools/list'), own))).result
    }
    const direct = await list(upstream.url)
    assert.equal(direct?.tools?.length, 7)
    assert.deepEqual(await list(proxy.url, full), direct)
  })
}

for (const mode of MODES) {
  test(`in mode ${mode} a role shows what the scopes that it adds allow`, async (t) => {
    const { connect, proxy } = await setScene(t, { mode })
    const agent = await connect('v2 auto', await proxy.token({ roles: ['admin'] }))
    assert.equal((await agent.listTools()).tools.length, 7)
  })

  test(`in mode ${mode} a token of no scopes is valid and sees an empty list`, async (t) => {
    const { connect, proxy } = await setScene(t, { mode })
    const agent = await connect('v2 auto', await proxy.token())
    assert.deepEqual((await agent.listTools()).tools, [])
  })
}

test('only the denied entries and the caching of a 2026-07-28 list change', async (t) => {
  const { upstream, proxy, reader } = await setScene(t, { mode: 'modern' })
  const direct = (await reply(await postModern(upstream.url, undefined, 'tools/list'))).result
  const result = (await reply(await postModern(proxy.url, reader, 'tools/list'))).result
  assert.ok(direct !== undefined && result !== undefined)
  const tools = direct.tools?.filter(({ name }) => PUBLIC_TOOLS.includes(name))
  assert.deepEqual(result, { ...direct, tools, cacheScope: 'private' })
  assert.deepEqual(Object.keys(result), Object.keys(direct))
})
