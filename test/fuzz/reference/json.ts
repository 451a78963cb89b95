// A second reading of JSON, straight from RFC 8259 and as plain as can be: what the strict gate is
// held against. It must share nothing with the code under test, nor with JSON.parse.

/** What a text says, and everything that readers could differ on. */
export type Reading = {
  readonly value: unknown
  /** How many containers are open at the deepest place. */
  readonly depth: number
  readonly hasDuplicates: boolean
  readonly hasProto: boolean
  /** Members of the largest object whose depth is 1 or 2, and of the largest below. */
  readonly outerMembers: number
  readonly innerMembers: number
}

const NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}

class NotJSON extends Error {}

/** Reads one JSON text; undefined when it is none. */
export function readJSON(text: string): Reading | undefined {
  try {
    return new Reader(text).read()
  } catch (error) {
    if (error instanceof NotJSON) return undefined
    throw error
  }
}

class Reader {
  readonly #text: string
  #at = 0
  #deepest = 0
  #hasDuplicates = false
  #hasProto = false
  #outer = 0
  #inner = 0

  constructor(text: string) {
    this.#text = text
  }

  read(): Reading {
    const value = this.#value(0)
    if (this.#at < this.#text.length) throw new NotJSON()
    return {
      value,
      depth: this.#deepest,
      hasDuplicates: this.#hasDuplicates,
      hasProto: this.#hasProto,
      outerMembers: this.#outer,
      innerMembers: this.#inner,
    }
  }

  #value(depth: number): unknown {
    this.#space()
    const value = this.#bare(depth)
    this.#space()
    return value
  }

  #bare(depth: number): unknown {
    if (this.#takes('{')) return this.#object(depth + 1)
    if (this.#takes('[')) return this.#array(depth + 1)
    if (this.#takes('"')) return this.#string()
    for (const [word, value] of [
      ['true', true],
      ['false', false],
      ['null', null],
    ] as const)
      if (this.#takes(word)) return value
    const digits = NUMBER.exec(this.#text.slice(this.#at, this.#at + 2_000))?.[0]
    if (digits === undefined) throw new NotJSON()
    this.#at += digits.length
    return Number(digits)
  }

  #object(depth: number): object {
    this.#deepest = Math.max(this.#deepest, depth)
    const members = new Map<string, unknown>()
    let count = 0
    this.#space()
    if (!this.#takes('}'))
      do {
        this.#space()
        if (!this.#takes('"')) throw new NotJSON()
        const name = this.#string()
        this.#space()
        if (!this.#takes(':')) throw new NotJSON()
        if (members.has(name)) this.#hasDuplicates = true
        if (name === '__proto__') this.#hasProto = true
        members.set(name, this.#value(depth))
        count++
      } while (this.#goesOn('}'))
    if (depth <= 2) this.#outer = Math.max(this.#outer, count)
    else this.#inner = Math.max(this.#inner, count)
    const made = {}
    for (const [name, value] of members)
      Object.defineProperty(made, name, {
        value,
        enumerable: true,
        writable: true,
        configurable: true,
      })
    return made
  }

  #array(depth: number): unknown[] {
    this.#deepest = Math.max(this.#deepest, depth)
    const items: unknown[] = []
    this.#space()
    if (this.#takes(']')) return items
    do items.push(this.#value(depth))
    while (this.#goesOn(']'))
    return items
  }

  #goesOn(end: string): boolean {
    if (this.#takes(',')) return true
    if (this.#takes(end)) return false
    throw new NotJSON()
  }

  #string(): string {
    let read = ''
    for (;;) {
      const char = this.#text[this.#at++]
      if (char === undefined || char < ' ') throw new NotJSON()
      if (char === '"') return read
      if (char !== '\\') {
        read += char
        continue
      }
      const sign = this.#text[this.#at++] ?? ''
      const digits = this.#text.slice(this.#at, this.#at + 4)
      if (sign === 'u' && /^[0-9a-fA-F]{4}$/.test(digits)) {
        read += String.fromCharCode(Number.parseInt(digits, 16))
        this.#at += 4
      } else if (Object.hasOwn(ESCAPES, sign)) read += ESCAPES[sign]
      else throw new NotJSON()
    }
  }

  #space(): void {
    while (' \n\r\t'.includes(this.#text[this.#at] ?? 'x')) this.#at++
  }

  #takes(word: string): boolean {
    if (!this.#text.startsWith(word, this.#at)) return false
    this.#at += word.length
    return true
  }
}
