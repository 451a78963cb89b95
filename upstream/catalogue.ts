// What a server of this folder offers, said once and independent of any SDK version.
// sdk1.ts and sdk2.ts register a catalogue; nothing here may import an SDK.
import type { z } from 'zod'

/** One block of content in an answer or a prompt. */
export type Content =
  | { type: 'text'; text: string }
  | { type: 'image' | 'audio'; data: string; mimeType: string }
  | { type: 'resource'; resource: { uri: string; mimeType: string; text: string } }

/** The finished result of a tool. */
export type Answer = {
  content: Content[]
  structuredContent?: Record<string, unknown>
  isError?: boolean
}

/** The finished result of a prompt. */
export type Messages = { messages: { role: 'user' | 'assistant'; content: Content }[] }

/** One field of a form shown to the user, as the restricted JSON Schema of elicitation. */
export type FormField = Readonly<Record<string, unknown> & { type: string }>

/** One thing that a tool or prompt needs from the client before it can finish. */
export type Ask =
  | { kind: 'elicit'; message: string; fields: Record<string, FormField>; required: string[] }
  | { kind: 'sample'; prompt: string; maxTokens: number }
  | { kind: 'roots' }

/** An unfinished result: the handler runs again when every ask has its reply. */
export type Question = { ask: Record<string, Ask>; state?: string }

/** What came back for one ask. */
export type Reply =
  | { kind: 'missing' }
  | { kind: 'elicit'; action: 'accept' | 'decline' | 'cancel'; content: Record<string, unknown> }
  | { kind: 'sample'; text: string }
  | { kind: 'roots'; uris: string[] }

/** The running request as a handler sees it. */
export type Call = {
  readonly signal: AbortSignal
  /** Names of the capabilities that the client declared. */
  readonly clientCan: readonly string[]
  /** The state of the previous question, verified when it travelled through the client. */
  readonly state: string | undefined
  reply(key: string): Reply
  report(progress: number, total: number, message: string): Promise<void>
  log(text: string): Promise<void>
  /** Ends the open stream of this request, so that the client has to resume it. */
  closeStream(): void
  /** Tells every listening client that a list has changed. */
  announce(list: 'tools' | 'prompts'): void
}

/** A zod object with any members. */
export type Fields = z.ZodObject<z.ZodRawShape>

/** A tool with its arguments already erased; made by `tool`. */
export type Tool = {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly input: Fields
  readonly output?: Fields
  readonly readOnly: boolean
  run(args: Record<string, unknown>, call: Call): Promise<Answer | Question>
}

/** One argument of a prompt; `complete` lists every value that could be meant. */
export type PromptArgument = { description: string; complete?: () => string[] }

/** A prompt; all of its arguments are required. */
export type Prompt = {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly args: Readonly<Record<string, PromptArgument>>
  render(args: Record<string, string>, call: Call): Promise<Messages | Question>
}

/** The body of a resource: text, or base64 in `blob`. */
export type Body = { text: string } | { blob: string }

/** A resource with one fixed address. */
export type Resource = {
  readonly name: string
  readonly uri: string
  readonly title: string
  readonly description: string
  readonly mimeType: string
  read(): Body
}

/** A family of resources whose address has one variable; `read` gives undefined when unknown. */
export type Template = Omit<Resource, 'read'> & {
  readonly variable: string
  complete(): string[]
  read(value: string): Body | undefined
}

/** Everything that one server offers. */
export type Catalogue = {
  readonly name: string
  readonly title: string
  readonly instructions: string
  readonly tools: readonly Tool[]
  readonly prompts: readonly Prompt[]
  readonly resources: readonly Resource[]
  readonly templates: readonly Template[]
}

type ToolSpec<I extends Fields> = Omit<Tool, 'input' | 'run'> & {
  readonly input: I
  run(args: z.infer<I>, call: Call): Promise<Answer | Question> | Answer | Question
}

/** Makes a tool whose handler sees the types of its own input schema. */
export function tool<I extends Fields>(spec: ToolSpec<I>): Tool {
  // Both SDKs validate the arguments against `input` before they call.
  return { ...spec, run: async (args, call) => spec.run(args as z.infer<I>, call) }
}

/** Wraps one text as an answer. */
export function textAnswer(text: string): Answer {
  return { content: [{ type: 'text', text }] }
}

/** Wraps one sentence as an answer that reports a failure of the tool. */
export function failedAnswer(text: string): Answer {
  return { content: [{ type: 'text', text }], isError: true }
}
