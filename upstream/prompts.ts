// The prompts of the demo server.
import type { Messages, Prompt } from './catalogue.ts'
import type { Documents } from './documents.ts'

/** The demo prompts over the given documents. */
export function demoPrompts(documents: Documents): readonly Prompt[] {
  const texts = new Map([
    ['public', documents.public],
    ['confidential', documents.confidential],
  ])
  return [
    {
      name: 'summarize_document',
      title: 'Summarize a document',
      description: 'Asks for a summary of the public guide or of the confidential memorandum.',
      args: {
        document: {
          description: 'Which document: public or confidential',
          complete: () => [...texts.keys()],
        },
      },
      render: async ({ document = '' }) => {
        const text = texts.get(document)
        if (text === undefined) throw new Error('The document must be "public" or "confidential"')
        return ask(`Summarize the following document in five sentences.\n\n${text}`)
      },
    },
    {
      name: 'review_expression',
      title: 'Review an expression',
      description: 'Asks whether an arithmetic expression says what its author meant.',
      args: { expression: { description: 'The expression to review' } },
      render: async ({ expression = '' }) =>
        ask(
          `Compute ${expression} with the tool "calculate", explain the order of the operations, ` +
            'and say which parentheses could be left out.',
        ),
    },
  ]
}

function ask(text: string): Messages {
  return { messages: [{ role: 'user', content: { type: 'text', text } }] }
}
