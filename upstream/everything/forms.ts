// The form fields with defaults (SEP-1034) and with every kind of enumeration (SEP-1330).
import type { FormField } from '../catalogue.ts'

/** One field of each primitive type, each with a default. */
export const defaultFields: Record<string, FormField> = {
  name: { type: 'string', default: 'John Doe' },
  age: { type: 'integer', default: 30 },
  score: { type: 'number', default: 95.5 },
  status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
  verified: { type: 'boolean', default: true },
}

const plain = ['option1', 'option2', 'option3']
const titled = [
  { const: 'value1', title: 'First option' },
  { const: 'value2', title: 'Second option' },
  { const: 'value3', title: 'Third option' },
]

/** One field of each kind of enumeration. */
export const enumFields: Record<string, FormField> = {
  untitledSingle: { type: 'string', enum: plain },
  titledSingle: { type: 'string', oneOf: titled },
  legacyEnum: {
    type: 'string',
    enum: ['opt1', 'opt2', 'opt3'],
    enumNames: ['Option one', 'Option two', 'Option three'],
  },
  untitledMulti: { type: 'array', items: { type: 'string', enum: plain } },
  titledMulti: { type: 'array', items: { anyOf: titled } },
}
