// The one rule by which both SDK adapters complete a value.

/** Turns a list of all values into a completer that keeps those with the typed prefix. */
export function startingWith(values: () => string[]): (typed: string | undefined) => string[] {
  return (typed) => values().filter((value) => value.startsWith(typed ?? ''))
}
