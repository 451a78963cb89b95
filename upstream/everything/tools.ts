// The plain tools that the conformance runner calls: content types, logging, progress, schemas.
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { type Content, failedAnswer, type Tool, textAnswer, tool } from '../catalogue.ts'
import { PIXEL, SILENCE } from './media.ts'

const PAUSE_MS = 50
const nothing = z.object({})

const image: Content = { type: 'image', data: PIXEL, mimeType: 'image/png' }

/** A tool without arguments that always gives the same content. */
function fixed(name: string, description: string, content: Content[]): Tool {
  return tool({
    name,
    title: name,
    description,
    input: nothing,
    readOnly: true,
    run: () => ({ content }),
  })
}

function embedded(uri: string, mimeType: string, text: string): Content {
  return { type: 'resource', resource: { uri, mimeType, text } }
}

/** Tools whose answers show one content type each. */
export const contentTools: readonly Tool[] = [
  fixed('test_simple_text', 'Answers with text.', [{ type: 'text', text: 'A simple text.' }]),
  fixed('test_image_content', 'Answers with an image.', [image]),
  fixed('test_audio_content', 'Answers with a sound.', [
    { type: 'audio', data: SILENCE, mimeType: 'audio/wav' },
  ]),
  fixed('test_embedded_resource', 'Answers with a resource.', [
    embedded('test://embedded-resource', 'text/plain', 'The text of an embedded resource.'),
  ]),
  fixed('test_multiple_content_types', 'Answers with a text, an image and a resource.', [
    { type: 'text', text: 'Several kinds of content:' },
    image,
    embedded('test://mixed-content-resource', 'application/json', '{"kind":"mixed"}'),
  ]),
]

/** Tools that do something on the way to their answer. */
export const activeTools: readonly Tool[] = [
  tool({
    name: 'test_error_handling',
    title: 'Failure',
    description: 'Always fails.',
    input: nothing,
    readOnly: true,
    run: () => failedAnswer('This tool always fails.'),
  }),
  tool({
    name: 'test_tool_with_logging',
    title: 'Logging',
    description: 'Sends three log messages.',
    input: nothing,
    readOnly: true,
    run: async (_args, call) => {
      await call.log('Tool execution started')
      await sleep(PAUSE_MS)
      await call.log('Tool processing data')
      await sleep(PAUSE_MS)
      await call.log('Tool execution completed')
      return textAnswer('Three messages were logged.')
    },
  }),
  tool({
    name: 'test_logging_tool',
    title: 'Logging on demand',
    description: 'Sends a log message when the request asks for a log level.',
    input: nothing,
    readOnly: true,
    run: async (_args, call) => {
      await call.log('One message')
      return textAnswer('Logged.')
    },
  }),
  tool({
    name: 'test_tool_with_progress',
    title: 'Progress',
    description: 'Reports progress three times.',
    input: nothing,
    readOnly: true,
    run: async (_args, call) => {
      for (const progress of [0, 50, 100]) {
        await call.report(progress, 100, `${progress} of 100`)
        await sleep(PAUSE_MS)
      }
      return textAnswer('Progress was reported.')
    },
  }),
  tool({
    name: 'test_reconnection',
    title: 'Reconnection',
    description: 'Ends its own stream and answers on the one that resumes it.',
    input: nothing,
    readOnly: true,
    run: async (_args, call) => {
      call.closeStream()
      await sleep(2 * PAUSE_MS)
      return textAnswer('The stream was resumed.')
    },
  }),
  trigger('test_trigger_tool_change', 'tools'),
  trigger('test_trigger_prompt_change', 'prompts'),
]

function trigger(name: string, list: 'tools' | 'prompts'): Tool {
  return tool({
    name,
    title: name,
    description: `Announces that the list of ${list} has changed.`,
    input: nothing,
    readOnly: false,
    run: (_args, call) => {
      call.announce(list)
      return textAnswer('Announced.')
    },
  })
}

/** Tools whose input schemas must arrive at the client as they are written here. */
export const schemaTools: readonly Tool[] = [
  tool({
    name: 'json_schema_2020_12_tool',
    title: 'JSON Schema 2020-12',
    description: 'Has an input schema with the wider vocabulary of JSON Schema 2020-12.',
    input: z.looseObject({}).meta({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      $defs: {
        address: {
          $anchor: 'addressDef',
          type: 'object',
          properties: { street: { type: 'string' }, city: { type: 'string' } },
        },
      },
      properties: {
        name: { type: 'string' },
        address: { $ref: '#/$defs/address' },
        contactMethod: { type: 'string', enum: ['phone', 'email'] },
        phone: { type: 'string' },
        email: { type: 'string' },
      },
      allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
      if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema; nobody awaits it.
      then: { required: ['phone'] },
      else: { required: ['email'] },
      additionalProperties: false,
    }),
    readOnly: true,
    run: (args) => textAnswer(JSON.stringify(args)),
  }),
  tool({
    name: 'test_custom_headers',
    title: 'Custom headers',
    description: 'Has arguments that clients mirror into request headers.',
    input: z.object({
      region: z.string().meta({ 'x-mcp-header': 'Region' }),
      query: z.string().optional(),
    }),
    readOnly: true,
    run: ({ region }) => textAnswer(`Region ${region}`),
  }),
]
