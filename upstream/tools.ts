// The tools of the demo server.
// They know nothing of who is calling; whoever reaches this server may call all of them.
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { calculate } from './calculate.ts'
import { type Call, failedAnswer, type Question, type Tool, textAnswer, tool } from './catalogue.ts'
import type { Documents } from './documents.ts'

/** The demo tools over the given documents and clock. */
export function demoTools(documents: Documents, now: () => Date): readonly Tool[] {
  return [
    tool({
      name: 'get_public_info',
      title: 'Public information',
      description: 'Returns the guide for visitors of the harbour.',
      input: z.object({}),
      readOnly: true,
      run: () => textAnswer(documents.public),
    }),
    tool({
      name: 'get_confidential_info',
      title: 'Confidential information',
      description: 'Returns the confidential memorandum to the board of the harbour.',
      input: z.object({}),
      readOnly: true,
      run: () => textAnswer(documents.confidential),
    }),
    echo,
    timestamp(now),
    calculator,
    countSlowly,
    askName,
  ]
}

const echo = tool({
  name: 'echo',
  title: 'Echo',
  description: 'Returns the text that it was given.',
  input: z.object({ text: z.string().max(100_000).describe('The text to return') }),
  readOnly: true,
  run: ({ text }) => textAnswer(text),
})

function timestamp(now: () => Date): Tool {
  return tool({
    name: 'timestamp',
    title: 'Current time',
    description: 'Returns the current time, in UTC and in a time zone of your choice.',
    input: z.object({
      timezone: z.string().max(100).optional().describe('IANA name such as Europe/Oslo'),
    }),
    output: z.object({ utc: z.string(), timezone: z.string(), local: z.string() }),
    readOnly: true,
    run: ({ timezone = 'UTC' }) => {
      const at = now()
      const local = localTime(at, timezone)
      if (local === undefined) return failedAnswer(`"${timezone}" is not an IANA time zone`)
      return {
        content: [{ type: 'text', text: `${local} (${timezone})` }],
        structuredContent: { utc: at.toISOString(), timezone, local },
      }
    },
  })
}

const calculator = tool({
  name: 'calculate',
  title: 'Calculate',
  description: 'Computes an arithmetic expression of numbers, + - * / and parentheses.',
  input: z.object({ expression: z.string().describe('For example 24 * 11.5 + 160') }),
  output: z.object({ expression: z.string(), result: z.number() }),
  readOnly: true,
  run: ({ expression }) => {
    const outcome = calculate(expression)
    if (!outcome.ok) return failedAnswer(outcome.problem)
    return {
      content: [{ type: 'text', text: String(outcome.value) }],
      structuredContent: { expression, result: outcome.value },
    }
  },
})

const countSlowly = tool({
  name: 'count_slowly',
  title: 'Count slowly',
  description: 'Counts to a number and reports progress on every step.',
  input: z.object({
    steps: z.int().min(1).max(100).default(3).describe('How far to count'),
    intervalMs: z.int().min(1).max(10_000).default(1000).describe('Milliseconds between steps'),
  }),
  readOnly: true,
  run: async ({ steps, intervalMs }, call) => {
    await call.log(`counting to ${steps}`)
    for (let step = 1; step <= steps; step += 1) {
      await sleep(intervalMs, undefined, { signal: call.signal })
      await call.report(step, steps, `${step} of ${steps}`)
    }
    return textAnswer(`Counted to ${steps}.`)
  },
})

const askName = tool({
  name: 'ask_name',
  title: 'Ask for a name',
  description: 'Asks the user for a name and greets that person.',
  input: z.object({}),
  readOnly: true,
  run: (_args, call) => greet(call) ?? nameQuestion,
})

const nameQuestion: Question = {
  ask: {
    name: {
      kind: 'elicit',
      message: 'What is your name?',
      fields: { name: { type: 'string', title: 'Name', minLength: 1, maxLength: 100 } },
      required: ['name'],
    },
  },
}

function greet(call: Call) {
  const reply = call.reply('name')
  if (reply.kind !== 'elicit') return undefined
  if (reply.action !== 'accept') return textAnswer('Nice to meet you all the same.')
  const name = reply.content['name']
  return typeof name === 'string' ? textAnswer(`Nice to meet you, ${name}.`) : undefined
}

function localTime(at: Date, timeZone: string): string | undefined {
  try {
    const format = new Intl.DateTimeFormat('sv-SE', {
      timeZone,
      dateStyle: 'short',
      timeStyle: 'medium',
    })
    return format.format(at)
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}
