// Reads the string literals of a TypeScript source, each with the tokens around it, so that names of
// tests can be told from other texts. It never runs the source, and a comment is never a literal.

/** One string or template; `text` has `…` for each `${}` of a template. */
export type Literal = {
  readonly text: string
  /** The tokens before it, the nearest last; punctuation and words alone. */
  readonly before: readonly string[]
  /** The token after it. */
  readonly after: string
}

type Token = { readonly kind: 'word' | 'mark' | 'literal' | 'regex'; readonly text: string }

const BEFORE = 4
const WORD = /[\p{ID_Start}$_][\p{ID_Continue}$]*/uy
const NUMBER = /\d[\w.]*/y
/** After these a slash begins a regular expression; after a value it divides. */
const OPERATORS = /^[([{,;:=!&|?+*%~^<>-]$|^$/
const KEYWORDS = new Set(['return', 'typeof', 'case', 'in', 'of', 'await', 'yield', 'new', 'void'])
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', 0: '\0', v: '\v' }

/** All literals of a source in their order. */
export function readLiterals(source: string): readonly Literal[] {
  const tokens: Token[] = []
  scan(source, 0, tokens, '')
  return tokens.flatMap((token, at) => {
    if (token.kind !== 'literal') return []
    const before = tokens.slice(Math.max(0, at - BEFORE), at).map(({ text }) => text)
    return [{ text: token.text, before, after: tokens[at + 1]?.text ?? '' }]
  })
}

/** All regular expressions of a source, as they are written. */
export function readPatterns(source: string): readonly string[] {
  const tokens: Token[] = []
  scan(source, 0, tokens, '')
  return tokens.flatMap(({ kind, text }) => (kind === 'regex' ? [text] : []))
}

/** Appends the tokens from `at` to the mark that closes, and gives the place after it. */
function scan(source: string, at: number, tokens: Token[], closing: string): number {
  let depth = 0
  for (let i = at; i < source.length; ) {
    const char = source.charAt(i)
    if (/\s/.test(char)) i++
    else if (source.startsWith('//', i)) i = orEnd(source, source.indexOf('\n', i))
    else if (source.startsWith('/*', i)) i = orEnd(source, source.indexOf('*/', i + 2)) + 2
    else if (char === "'" || char === '"') i = quoted(source, i, char, tokens)
    else if (char === '`') i = template(source, i, tokens)
    else if (char === '/' && beginsRegex(tokens.at(-1))) i = regex(source, i, tokens)
    else if (closing !== '' && char === closing && depth === 0) return i + 1
    else {
      const text = wordAt(source, i) ?? char
      if (text === '{') depth++
      if (text === '}') depth--
      tokens.push({ kind: text === char && !/\w/.test(char) ? 'mark' : 'word', text })
      i += text.length
    }
  }
  return source.length
}

function orEnd(source: string, at: number): number {
  return at <= 0 ? source.length : at
}

function wordAt(source: string, at: number): string | undefined {
  for (const pattern of [WORD, NUMBER]) {
    pattern.lastIndex = at
    const found = pattern.exec(source)?.[0]
    if (found !== undefined) return found
  }
  return undefined
}

function beginsRegex(last: Token | undefined): boolean {
  if (last === undefined) return true
  if (last.kind === 'word') return KEYWORDS.has(last.text)
  return last.kind === 'mark' && OPERATORS.test(last.text)
}

function regex(source: string, at: number, tokens: Token[]): number {
  let inClass = false
  for (let i = at + 1; i < source.length; i++) {
    const char = source.charAt(i)
    if (char === '\\') i++
    else if (char === '[') inClass = true
    else if (char === ']') inClass = false
    else if (char === '/' && !inClass) {
      tokens.push({ kind: 'regex', text: source.slice(at, i + 1) })
      return i + 1
    }
  }
  return source.length
}

function quoted(source: string, at: number, quote: string, tokens: Token[]): number {
  let text = ''
  for (let i = at + 1; i < source.length; i++) {
    const char = source.charAt(i)
    if (char === quote) {
      tokens.push({ kind: 'literal', text })
      return i + 1
    }
    if (char === '\\') {
      const [meant, length] = meaning(source, i)
      text += meant
      i += length - 1
    } else text += char
  }
  return source.length
}

function template(source: string, at: number, tokens: Token[]): number {
  let text = ''
  const inner: Token[] = []
  for (let i = at + 1; i < source.length; i++) {
    const char = source.charAt(i)
    if (char === '`') {
      tokens.push({ kind: 'literal', text })
      return i + 1
    }
    if (char === '\\') {
      const [meant, length] = meaning(source, i)
      text += meant
      i += length - 1
    } else if (source.startsWith('${', i)) {
      text += '…'
      i = scan(source, i + 2, inner, '}') - 1
    } else text += char
  }
  return source.length
}

/** What an escape means, and how long it is. */
function meaning(source: string, at: number): readonly [string, number] {
  const hex = /\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|u\{([0-9a-f]+)\})/iy
  hex.lastIndex = at
  const found = hex.exec(source)
  if (found !== null) {
    const code = Number.parseInt(found[1] ?? found[2] ?? found[3] ?? '0', 16)
    return [String.fromCodePoint(code), found[0].length]
  }
  const next = source.charAt(at + 1)
  return [next === '\n' ? '' : (ESCAPES[next] ?? next), 2]
}
