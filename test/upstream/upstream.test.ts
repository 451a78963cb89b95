// The demo server in its three modes, as the unmodified clients of both SDKs see it.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { findDocuments, readDocuments } from '../../upstream/documents.ts'
import { type Mode, startUpstream } from '../../upstream/server.ts'
import { connect1, connect2, type Peer } from './clients.ts'

const documents = readDocuments(findDocuments())

type Pairing = {
  readonly client: string
  readonly connect: (url: string) => Promise<Peer>
  readonly mode: Mode
  /** Whether the pairing can carry progress, and questions to the user. */
  readonly streams: boolean
  readonly asks: boolean
}

const pairings: readonly Pairing[] = [
  { client: 'SDK 1', connect: connect1, mode: 'sessions', streams: true, asks: true },
  { client: 'SDK 1', connect: connect1, mode: 'stateless', streams: false, asks: false },
  { client: 'SDK 1', connect: connect1, mode: 'modern', streams: true, asks: false },
  { client: 'SDK 2', connect: connect2, mode: 'sessions', streams: true, asks: true },
  { client: 'SDK 2', connect: connect2, mode: 'stateless', streams: false, asks: false },
  { client: 'SDK 2', connect: connect2, mode: 'modern', streams: true, asks: true },
]

for (const { client, connect, mode, streams, asks } of pairings) {
  describe(`a client of ${client} on a server in mode ${mode}`, () => {
    const withPeer = (name: string, body: (peer: Peer) => Promise<void>) =>
      test(name, async (t) => {
        const upstream = await startUpstream({ mode, port: 0 })
        t.after(() => upstream.close())
        const peer = await connect(upstream.url)
        t.after(() => peer.close())
        await body(peer)
      })

    withPeer('sees every tool, prompt, resource and template', async (peer) => {
      assert.match(peer.instructions ?? '', /Aldersund/)
      assert.deepEqual(await peer.tools(), [
        'get_public_info',
        'get_confidential_info',
        'echo',
        'timestamp',
        'calculate',
        'count_slowly',
        'ask_name',
      ])
      assert.deepEqual(await peer.prompts(), ['summarize_document', 'review_expression'])
      assert.deepEqual(await peer.resources(), ['docs://public/guide', 'docs://confidential/memo'])
      assert.deepEqual(await peer.templates(), ['docs://public/{section}'])
    })

    withPeer('gets both documents, also without arguments', async (peer) => {
      assert.equal((await peer.call('get_public_info')).text, documents.public)
      assert.equal((await peer.call('get_confidential_info', {})).text, documents.confidential)
    })

    withPeer('gets its text back', async (peer) => {
      assert.equal((await peer.call('echo', { text: 'Zürich ✓' })).text, 'Zürich ✓')
    })

    withPeer('gets the time in a zone, and an error for an unknown one', async (peer) => {
      const known = await peer.call('timestamp', { timezone: 'Europe/Oslo' })
      assert.match(known.text, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \(Europe\/Oslo\)$/)
      const unknown = await peer.call('timestamp', { timezone: 'Moon/Crater' })
      assert.ok(unknown.isError)
      assert.equal(unknown.text, '"Moon/Crater" is not an IANA time zone')
    })

    withPeer('gets the value of an expression as structured content', async (peer) => {
      const expression = '24 * 11.5 + 160'
      const { structured } = await peer.call('calculate', { expression })
      assert.deepEqual(structured, { expression, result: 436 })
      const wrong = await peer.call('calculate', { expression: '1 / 0' })
      assert.deepEqual([wrong.isError, wrong.text], [true, 'Division by zero has no result'])
    })

    withPeer('hears the progress of a slow tool', async (peer) => {
      const steps: string[] = []
      const { text } = await peer.call('count_slowly', { steps: 3, intervalMs: 5 }, steps)
      assert.equal(text, 'Counted to 3.')
      assert.deepEqual(steps, streams ? ['1 of 3', '2 of 3', '3 of 3'] : [])
    })

    withPeer('is asked for a name where the pairing can carry the question', async (peer) => {
      const { text, isError } = await peer.call('ask_name')
      if (asks) assert.equal(text, 'Nice to meet you, Ada.')
      assert.equal(isError, !asks)
    })

    withPeer('gets prompts', async (peer) => {
      const summary = await peer.prompt('summarize_document', { document: 'confidential' })
      assert.ok(summary.endsWith(documents.confidential))
      const review = await peer.prompt('review_expression', { expression: '1+(2*3)' })
      assert.match(review, /1\+\(2\*3\)/)
      await assert.rejects(peer.prompt('summarize_document', { document: 'other' }))
    })

    withPeer('reads resources and sections, and is told of unknown ones', async (peer) => {
      assert.equal(await peer.read('docs://public/guide'), documents.public)
      assert.equal(await peer.read('docs://confidential/memo'), documents.confidential)
      assert.match(await peer.read('docs://public/quiet-hours-and-rubbish'), /^## Quiet hours/)
      await assert.rejects(peer.read('docs://public/cellar'), { code: -32602 })
    })

    withPeer('gets completions for a prompt and for the template', async (peer) => {
      assert.deepEqual(await peer.completePrompt('summarize_document', 'document', 'co'), [
        'confidential',
      ])
      assert.deepEqual(await peer.completeTemplate('docs://public/{section}', 'section', 'a'), [
        'arriving-by-sea',
      ])
    })
  })
}
