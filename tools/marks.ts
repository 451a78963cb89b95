// Generated parts of a page: tables in Markdown, put between two marks; the prose around them stays.

/** A table in Markdown. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n')
}

/** The page with the text between its marks replaced; undefined when the marks are not there. */
export function filled(page: string, mark: string, text: string): string | undefined {
  const [open, close] = [`<!-- generated: ${mark} -->`, `<!-- end of ${mark} -->`]
  const [start, end] = [page.indexOf(open), page.indexOf(close)]
  if (start === -1 || end < start) return undefined
  return `${page.slice(0, start + open.length)}\n\n${text}\n\n${page.slice(end)}`
}
