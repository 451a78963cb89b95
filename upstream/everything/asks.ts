// The tools and the prompt of the conformance runner that need input from the client.
import { z } from 'zod'
import {
  type Answer,
  type Ask,
  type Call,
  type FormField,
  type Prompt,
  type Question,
  type Tool,
  textAnswer,
  tool,
} from '../catalogue.ts'
import { defaultFields, enumFields } from './forms.ts'

const nothing = z.object({})

function form(message: string, fields: Record<string, FormField>, required: string[] = []): Ask {
  return { kind: 'elicit', message, fields, required }
}

function field(message: string, name: string, type: 'string' | 'boolean'): Ask {
  return form(message, { [name]: { type } }, [name])
}

function sample(prompt: string): Ask {
  return { kind: 'sample', prompt, maxTokens: 100 }
}

type Step = (call: Call, args: Record<string, unknown>) => Answer | Question

function asking(name: string, description: string, run: Step, input = nothing): Tool {
  return tool({
    name,
    title: name,
    description,
    input,
    readOnly: true,
    run: (args, call) => run(call, args),
  })
}

/** Asks once and answers with whatever came back. */
function once(name: string, ask: (args: Record<string, unknown>) => Ask, input = nothing): Tool {
  const run: Step = (call, args) => {
    const reply = call.reply('input')
    if (reply.kind === 'missing') return { ask: { input: ask(args) } }
    return textAnswer(describe(reply))
  }
  return asking(name, 'Asks the client for input once.', run, input)
}

function describe(reply: ReturnType<Call['reply']>): string {
  if (reply.kind === 'sample') return `LLM response: ${reply.text}`
  if (reply.kind !== 'elicit') return JSON.stringify(reply)
  return `User response: action=${reply.action}, content=${JSON.stringify(reply.content)}`
}

const withPrompt = z.object({ prompt: z.string() })
const withMessage = z.object({ message: z.string() })

/** Tools that the revisions up to 2025-11-25 are tested with. */
export const requestTools: readonly Tool[] = [
  once('test_sampling', ({ prompt }) => sample(String(prompt)), withPrompt),
  once(
    'test_elicitation',
    ({ message }) => field(String(message), 'response', 'string'),
    withMessage,
  ),
  once('test_elicitation_sep1034_defaults', () => form('Review the defaults', defaultFields)),
  once('test_elicitation_sep1330_enums', () => form('Choose', enumFields)),
]

const nameAsk = field('What is your name?', 'name', 'string')

/** Tools that revision 2026-07-28 is tested with. */
export const inputTools: readonly Tool[] = [
  once('test_missing_capability', () => sample('Say hello')),
  once('test_streaming_elicitation', () => nameAsk),
  once('test_input_required_result_sampling', () => sample('What is the capital of France?')),
  once('test_input_required_result_list_roots', () => ({ kind: 'roots' })),
  asking('test_input_required_result_elicitation', 'Asks for a name.', (call) => {
    const name = textOf(call, 'user_name', 'name')
    return name === undefined ? { ask: { user_name: nameAsk } } : textAnswer(`Hello, ${name}!`)
  }),
  stateful('test_input_required_result_request_state'),
  stateful('test_input_required_result_tampered_state'),
  asking('test_input_required_result_multiple_inputs', 'Asks for three things.', (call) => {
    const keys = ['user_name', 'greeting', 'client_roots']
    if (keys.every((key) => call.reply(key).kind !== 'missing')) return textAnswer('All given.')
    const greeting = sample('Generate a greeting')
    return {
      ask: { user_name: nameAsk, greeting, client_roots: { kind: 'roots' } },
      state: 'waiting',
    }
  }),
  asking('test_input_required_result_multi_round', 'Asks twice.', (call) => {
    const name = textOf(call, 'step1', 'name')
    if (name !== undefined) {
      return { ask: { step2: field('Step 2: your colour?', 'color', 'string') }, state: name }
    }
    const color = textOf(call, 'step2', 'color')
    if (call.state !== undefined && color !== undefined) {
      return textAnswer(`${call.state} likes ${color}.`)
    }
    return { ask: { step1: field('Step 1: your name?', 'name', 'string') }, state: '' }
  }),
  asking('test_input_required_result_capabilities', 'Asks what the client can do.', (call) => {
    const asks: Record<string, Ask> = { elicitation: nameAsk, sampling: sample('Say hello') }
    const able = Object.entries(asks).filter(([capability]) => call.clientCan.includes(capability))
    const open = able.filter(([key]) => call.reply(key).kind === 'missing')
    return open.length === 0 ? textAnswer('Done.') : { ask: Object.fromEntries(open) }
  }),
]

function stateful(name: string): Tool {
  return asking(name, 'Asks once and checks its own state.', (call) => {
    const confirm = call.reply('confirm')
    if (confirm.kind === 'elicit' && call.state === 'begun') return textAnswer('state-ok')
    return { ask: { confirm: field('Please confirm', 'ok', 'boolean') }, state: 'begun' }
  })
}

/** The prompt that needs input. */
export const inputPrompt: Prompt = {
  name: 'test_input_required_result_prompt',
  title: 'Prompt that asks',
  description: 'Asks for a context first.',
  args: {},
  render: async (_args, call) => {
    const text = textOf(call, 'user_context', 'context')
    if (text !== undefined) return { messages: [{ role: 'user', content: { type: 'text', text } }] }
    return { ask: { user_context: field('Which context?', 'context', 'string') } }
  },
}

function textOf(call: Call, key: string, member: string): string | undefined {
  const reply = call.reply(key)
  const value = reply.kind === 'elicit' ? reply.content[member] : undefined
  return typeof value === 'string' ? value : undefined
}
