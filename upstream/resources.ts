// The resources and the one resource template of the demo server.
import type { Resource, Template } from './catalogue.ts'
import type { Documents } from './documents.ts'

const MARKDOWN = 'text/markdown'

/** The demo resources over the given documents. */
export function demoResources(documents: Documents): readonly Resource[] {
  return [
    {
      name: 'public-guide',
      uri: 'docs://public/guide',
      title: "Visitor's guide",
      description: 'The guide for visitors of the harbour.',
      mimeType: MARKDOWN,
      read: () => ({ text: documents.public }),
    },
    {
      name: 'confidential-memo',
      uri: 'docs://confidential/memo',
      title: 'Memorandum to the board',
      description: 'The confidential memorandum on the February incident and the tariff.',
      mimeType: MARKDOWN,
      read: () => ({ text: documents.confidential }),
    },
  ]
}

/** The demo template, which serves single sections of the public guide. */
export function demoTemplates(documents: Documents): readonly Template[] {
  return [
    {
      name: 'public-section',
      uri: 'docs://public/{section}',
      variable: 'section',
      title: "Section of the visitor's guide",
      description: 'One section of the guide, by its heading in lower case with hyphens.',
      mimeType: MARKDOWN,
      complete: () => [...documents.sections.keys()],
      read: (section) => {
        const text = documents.sections.get(section)
        return text === undefined ? undefined : { text }
      },
    },
  ]
}
