// The catalogue of the demo server, put together.
import type { Catalogue } from './catalogue.ts'
import type { Documents } from './documents.ts'
import { demoPrompts } from './prompts.ts'
import { demoResources, demoTemplates } from './resources.ts'
import { demoTools } from './tools.ts'

/** Everything that the demo server offers over the given documents. */
export function demoCatalogue(documents: Documents, now = () => new Date()): Catalogue {
  return {
    name: 'aldersund-harbour',
    title: 'Aldersund Harbour',
    instructions:
      'Documents and small tools of Aldersund Harbour. ' +
      'Read a document before you answer a question about the harbour.',
    tools: demoTools(documents, now),
    prompts: demoPrompts(documents),
    resources: demoResources(documents),
    templates: demoTemplates(documents),
  }
}
