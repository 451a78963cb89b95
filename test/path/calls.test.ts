// Calls of tools, prompts, resources and completions: what is allowed works, what is not never
// reaches the server, and a denied name looks like one that does not exist.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { PAIRINGS } from '../support/agents.ts'
import { documents, setScene } from '../support/scene.ts'

const MEMO = 'docs://confidential/memo'
const GUIDE = 'docs://public/guide'

/** The code and message that both SDKs surface, with the code left out of the message. */
async function refusal(calling: Promise<unknown>): Promise<[unknown, string]> {
  const error: { code: unknown; message: string } = await calling.then(
    () => assert.fail('it was allowed'),
    (reason) => reason,
  )
  return [error.code, error.message.replace(/^MCP error -?\d+: /, '')]
}

for (const [kind, mode] of PAIRINGS) {
  describe(`a ${kind} client of a server in mode ${mode}`, () => {
    test('calls a tool that it may use', async (t) => {
      const { connect, reader } = await setScene(t, { mode })
      const agent = await connect(kind, reader)
      assert.equal((await agent.callTool('get_public_info')).text, documents.public)
      assert.equal((await agent.callTool('echo', { text: 'Zürich ✓' })).text, 'Zürich ✓')
    })

    test('is refused a tool that it may not use, as one that does not exist (T103)', async (t) => {
      const { connect, reader } = await setScene(t, { mode })
      const agent = await connect(kind, reader)
      for (const tool of ['get_confidential_info', 'no_such_tool', 'Echo'])
        assert.deepEqual(await refusal(agent.callTool(tool)), [
          -31403,
          `Permission denied: tool "${tool}"`,
        ])
    })

    test('cannot make the server see a refused call', async (t) => {
      const { connect, recorder, reader } = await setScene(t, { mode })
      const agent = await connect(kind, reader)
      recorder.clear()
      await assert.rejects(agent.callTool('get_confidential_info'))
      await assert.rejects(agent.getPrompt({ name: 'review_expression' }))
      await assert.rejects(agent.readResource({ uri: MEMO }))
      await agent.callTool('echo', { text: 'allowed' })
      const bodies = recorder.requests().map(({ body }) => body)
      assert.equal(bodies.filter((body) => body.includes('"allowed"')).length, 1)
      for (const name of ['get_confidential_info', 'review_expression', MEMO])
        assert.equal(bodies.filter((body) => body.includes(name)).length, 0, name)
    })

    test('gets the prompts that it may use and no other', async (t) => {
      const { connect, reader } = await setScene(t, { mode })
      const agent = await connect(kind, reader)
      const given = { name: 'summarize_document', arguments: { document: 'public' } }
      const { messages } = await agent.getPrompt(given)
      assert.match(JSON.stringify(messages), /Summarize the following document/)
      for (const name of ['review_expression', 'no_such_prompt'])
        assert.deepEqual(await refusal(agent.getPrompt({ name, arguments: { expression: '1' } })), [
          -31403,
          `Permission denied: prompt "${name}"`,
        ])
    })

    test('reads the resources that it may use and no other', async (t) => {
      const { connect, reader } = await setScene(t, { mode })
      const agent = await connect(kind, reader)
      const { contents } = await agent.readResource({ uri: GUIDE })
      assert.equal(
        contents[0] !== undefined && 'text' in contents[0] && contents[0].text,
        documents.public,
      )
      for (const uri of [MEMO, 'docs://other/thing', 'docs://public/../confidential/memo'])
        assert.deepEqual(await refusal(agent.readResource({ uri })), [
          -31403,
          `Permission denied: resource "${uri}"`,
        ])
    })

    test('gets completions only for what it may use (T23)', async (t) => {
      const { connect, reader } = await setScene(t, { mode })
      const agent = await connect(kind, reader)
      const complete = (ref: Parameters<typeof agent.complete>[0]['ref'], name: string) =>
        agent.complete({ ref, argument: { name, value: 'p' } })
      const { completion } = await complete(
        { type: 'ref/prompt', name: 'summarize_document' },
        'document',
      )
      assert.deepEqual(completion.values, ['public'])
      const section = { type: 'ref/resource', uri: 'docs://public/{section}' } as const
      assert.ok(Array.isArray((await complete(section, 'section')).completion.values))
      const prompt = { type: 'ref/prompt', name: 'review_expression' } as const
      assert.equal((await refusal(complete(prompt, 'expression')))[0], -31403)
      const memos = { type: 'ref/resource', uri: 'docs://confidential/{memo}' } as const
      assert.equal((await refusal(complete(memos, 'memo')))[0], -31403)
    })
  })
}
