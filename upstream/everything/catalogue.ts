// The catalogue that the conformance runner expects: everything it calls by name.
import type { Catalogue, Content, Prompt, Resource, Template } from '../catalogue.ts'
import { inputPrompt, inputTools, requestTools } from './asks.ts'
import { PIXEL } from './media.ts'
import { activeTools, contentTools, schemaTools } from './tools.ts'

const prompts: readonly Prompt[] = [
  {
    name: 'test_simple_prompt',
    title: 'Simple',
    description: 'Has no arguments.',
    args: {},
    render: async () => says([{ type: 'text', text: 'A simple prompt.' }]),
  },
  {
    name: 'test_prompt_with_arguments',
    title: 'Arguments',
    description: 'Has two arguments.',
    args: {
      arg1: { description: 'The first one', complete: () => ['test', 'tested', 'paris'] },
      arg2: { description: 'The second one' },
    },
    render: async ({ arg1, arg2 }) =>
      says([{ type: 'text', text: `Prompt with arg1='${arg1}' and arg2='${arg2}'` }]),
  },
  {
    name: 'test_prompt_with_embedded_resource',
    title: 'Resource',
    description: 'Includes a resource.',
    args: { resourceUri: { description: 'The address of the resource' } },
    render: async ({ resourceUri: uri = '' }) =>
      says([
        { type: 'resource', resource: { uri, mimeType: 'text/plain', text: 'Embedded text.' } },
        { type: 'text', text: 'Please read the resource above.' },
      ]),
  },
  {
    name: 'test_prompt_with_image',
    title: 'Image',
    description: 'Includes an image.',
    args: {},
    render: async () =>
      says([
        { type: 'image', data: PIXEL, mimeType: 'image/png' },
        { type: 'text', text: 'Please look at the image above.' },
      ]),
  },
  inputPrompt,
]

const resources: readonly Resource[] = [
  resource('static-text', 'text/plain', { text: 'The text of a static resource.' }),
  resource('static-binary', 'image/png', { blob: PIXEL }),
  resource('watched-resource', 'text/plain', { text: 'A resource to watch.' }),
]

const templates: readonly Template[] = [
  {
    name: 'template',
    uri: 'test://template/{id}/data',
    variable: 'id',
    title: 'Template',
    description: 'Serves any id.',
    mimeType: 'application/json',
    complete: () => ['123', '456'],
    read: (id) => ({ text: JSON.stringify({ id, templateTest: true }) }),
  },
]

/** Everything that the conformance runner calls, for both requirement sets. */
export const everythingCatalogue: Catalogue = {
  name: 'everything',
  title: 'Everything',
  instructions: 'A server for the conformance runner.',
  tools: [...contentTools, ...activeTools, ...schemaTools, ...requestTools, ...inputTools],
  prompts,
  resources,
  templates,
}

function says(content: Content[]) {
  return { messages: content.map((part) => ({ role: 'user' as const, content: part })) }
}

function resource(name: string, mimeType: string, body: ReturnType<Resource['read']>): Resource {
  return {
    name,
    uri: `test://${name}`,
    title: name,
    description: `The resource ${name}.`,
    mimeType,
    read: () => body,
  }
}
