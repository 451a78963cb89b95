// What a tool of the demo server does when its caller leaves, without any SDK around it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Call } from '../../upstream/catalogue.ts'
import { findDocuments, readDocuments } from '../../upstream/documents.ts'
import { demoTools } from '../../upstream/tools.ts'

const at = new Date('2026-11-20T12:00:00Z')
const tools = demoTools(readDocuments(findDocuments()), () => at)

function callWith(given: Partial<Call>): Call {
  return {
    signal: new AbortController().signal,
    clientCan: [],
    state: undefined,
    reply: () => ({ kind: 'missing' }),
    report: async () => {},
    log: async () => {},
    closeStream: () => {},
    announce: () => {},
    ...given,
  }
}

function run(name: string, args: Record<string, unknown>, given: Partial<Call> = {}) {
  const tool = tools.find((candidate) => candidate.name === name)
  assert.ok(tool)
  return tool.run(args, callWith(given))
}

test('count_slowly stops at the step where its caller leaves', async () => {
  const leave = new AbortController()
  const steps: number[] = []
  const report = async (step: number) => {
    steps.push(step)
    if (step === 2) leave.abort()
  }
  const counting = run(
    'count_slowly',
    { steps: 9, intervalMs: 1 },
    { signal: leave.signal, report },
  )
  await assert.rejects(counting, { name: 'AbortError' })
  assert.deepEqual(steps, [1, 2])
})

test('timestamp tells the time of the given clock', async () => {
  const answer = await run('timestamp', { timezone: 'Asia/Kathmandu' })
  assert.deepEqual('structuredContent' in answer && answer.structuredContent, {
    utc: '2026-11-20T12:00:00.000Z',
    timezone: 'Asia/Kathmandu',
    local: '2026-11-20 17:45:00',
  })
})

test('ask_name accepts that the user does not want to answer', async () => {
  const reply = () => ({ kind: 'elicit', action: 'decline', content: {} }) as const
  const answer = await run('ask_name', {}, { reply })
  assert.match(JSON.stringify(answer), /all the same/)
})
