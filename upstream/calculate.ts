// Arithmetic on + - * / and parentheses, by recursive descent.
// Never evaluates text as code; length and depth are bounded.

const MAX_LENGTH = 500
const MAX_DEPTH = 50
const SYMBOL = /\s*(?:(\d+(?:\.\d+)?|\.\d+)|([-+*/()]))\s*/y

/** The value of an expression, or the sentence that says why it has none. */
export type Calculation = { ok: true; value: number } | { ok: false; problem: string }

/** Computes an arithmetic expression such as `2 * (3 + 4)`. */
export function calculate(expression: string): Calculation {
  try {
    const value = parse(expression)
    if (Number.isFinite(value)) return { ok: true, value }
    return { ok: false, problem: 'The result is too large to represent' }
  } catch (error) {
    if (error instanceof SyntaxError) return { ok: false, problem: error.message }
    throw error
  }
}

type Cursor = { readonly symbols: readonly string[]; at: number; depth: number }

function parse(expression: string): number {
  if (expression.length > MAX_LENGTH) {
    throw new SyntaxError(`The expression is longer than ${MAX_LENGTH} characters`)
  }
  const cursor = { symbols: cut(expression), at: 0, depth: 0 }
  const value = sum(cursor)
  const rest = cursor.symbols[cursor.at]
  if (rest !== undefined) throw new SyntaxError(`"${rest}" was not expected here`)
  return value
}

function cut(expression: string): string[] {
  const symbols: string[] = []
  let at = 0
  while (at < expression.length) {
    SYMBOL.lastIndex = at
    const match = SYMBOL.exec(expression)
    const symbol = match?.[1] ?? match?.[2]
    if (symbol === undefined) {
      throw new SyntaxError(`Only numbers, + - * / and parentheses are understood (at ${at + 1})`)
    }
    symbols.push(symbol)
    at = SYMBOL.lastIndex
  }
  return symbols
}

function sum(cursor: Cursor): number {
  let value = product(cursor)
  for (;;) {
    if (take(cursor, '+')) value += product(cursor)
    else if (take(cursor, '-')) value -= product(cursor)
    else return value
  }
}

function product(cursor: Cursor): number {
  let value = factor(cursor)
  for (;;) {
    if (take(cursor, '*')) value *= factor(cursor)
    else if (take(cursor, '/')) value = divide(value, factor(cursor))
    else return value
  }
}

function divide(value: number, by: number): number {
  if (by === 0) throw new SyntaxError('Division by zero has no result')
  return value / by
}

function factor(cursor: Cursor): number {
  cursor.depth += 1
  if (cursor.depth > MAX_DEPTH) throw new SyntaxError(`More than ${MAX_DEPTH} levels of nesting`)
  const value = signed(cursor)
  cursor.depth -= 1
  return value
}

function signed(cursor: Cursor): number {
  if (take(cursor, '-')) return -factor(cursor)
  if (take(cursor, '+')) return factor(cursor)
  if (take(cursor, '(')) {
    const value = sum(cursor)
    if (!take(cursor, ')')) throw new SyntaxError('A closing parenthesis is missing')
    return value
  }
  const symbol = cursor.symbols[cursor.at]
  if (symbol === undefined) throw new SyntaxError('The expression ends too early')
  if (!/\d/.test(symbol)) throw new SyntaxError(`"${symbol}" was not expected here`)
  cursor.at += 1
  return Number(symbol)
}

function take(cursor: Cursor, symbol: string): boolean {
  if (cursor.symbols[cursor.at] !== symbol) return false
  cursor.at += 1
  return true
}
