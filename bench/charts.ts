// Pictures as SVG text, drawn by hand: bars with their spread, and lines over two logarithmic axes.
// Light background, every axis labelled; text is placed where nothing else is.

/** One bar; `spread` is least and most. */
export type Bar = {
  readonly label: string
  readonly value: number
  readonly spread: readonly [number, number]
  readonly isOurs: boolean
}

/** One line; a dashed one is drawn lighter. */
export type Line = {
  readonly label: string
  readonly points: readonly (readonly [x: number, y: number])[]
  readonly isDashed?: boolean
}

/** A picture of lines. */
export type Lines = {
  readonly title: string
  readonly x: string
  readonly y: string
  readonly lines: readonly Line[]
}

const [OURS, OTHERS, INK, GRID] = ['#0b6e4f', '#8aa1b4', '#1f2933', '#e1e6eb']
const COLOURS = [
  '#0b6e4f',
  '#c2410c',
  '#1d4ed8',
  '#a21caf',
  '#a16207',
  '#475569',
  '#0e7490',
  '#be123c',
]
/** Pixels that the number below an axis needs. */
const TICK_ROOM = 40
const [ROW, LABELS, BARS, TOP, VALUES] = [26, 190, 440, 46, 130]

/** Horizontal bars from zero, in the order given. */
export function bars(title: string, unit: string, rows: readonly Bar[]): string {
  const ticks = linearTicks(Math.max(...rows.map(({ spread }) => spread[1])))
  const most = ticks.at(-1) ?? 1
  const at = (value: number) => LABELS + (value / most) * BARS
  const bottom = TOP + rows.length * ROW
  const grid = ticks.map((tick) => [
    rule(at(tick), TOP - 6, at(tick), bottom, GRID),
    text(at(tick), bottom + 16, number(tick), 'middle'),
  ])
  const drawn = rows.map(({ label, value, spread, isOurs }, i) => {
    const y = TOP + i * ROW
    const middle = y + ROW / 2 - 2
    return [
      text(LABELS - 8, middle + 4, label, 'end', isOurs ? 'font-weight="bold"' : ''),
      `<rect x="${LABELS}" y="${y + 2}" width="${fixed(at(value) - LABELS)}" height="${ROW - 8}" fill="${isOurs ? OURS : OTHERS}"/>`,
      rule(at(spread[0]), middle, at(spread[1]), middle, INK),
      text(Math.max(at(value), at(spread[1])) + 6, middle + 4, number(value), 'start'),
    ]
  })
  const axis = text(LABELS + BARS / 2, bottom + 36, unit, 'middle')
  const body = [
    text(12, 24, title, 'start', 'font-weight="bold" font-size="15"'),
    grid,
    drawn,
    axis,
  ]
  return document(`${title}: ${unit}`, LABELS + BARS + VALUES, bottom + 48, body.flat(3))
}

/** Pictures of lines beside and below each other, each with its legend under it. */
export function lines(panels: readonly Lines[], columns: number): string {
  const [width, plot] = [columns === 1 ? 760 : 380, columns === 1 ? 320 : 200]
  const heights = panels.map((panel) => TOP + plot + 48 + legendRows(panel, width) * 18)
  const height = Math.max(...heights)
  const drawn = panels.map((panel, i) => {
    const [x, y] = [(i % columns) * width, Math.floor(i / columns) * height]
    return `<g transform="translate(${x} ${y})">\n${panelOf(panel, width, plot).join('\n')}\n</g>`
  })
  const title = panels.map((panel) => panel.title).join('; ')
  return document(title, columns * width, Math.ceil(panels.length / columns) * height, drawn)
}

function panelOf({ title, x, y, lines: all }: Lines, width: number, plot: number): string[] {
  const [left, right, bottom] = [80, width - 24, TOP + plot]
  const points = all.flatMap((line) => line.points)
  const [xs, ys] = [points.map(([value]) => value), points.map(([, value]) => value)]
  const xAt = scale(Math.min(...xs), Math.max(...xs), left + 10, right - 10)
  const ticks = logTicks(Math.min(...ys), Math.max(...ys))
  const yAt = scale(ticks[0] ?? 1, ticks.at(-1) ?? 10, bottom, TOP)
  let free = 0
  const columns = [...new Set(xs)].map((value) => {
    const at = xAt(value)
    const tick = rule(at, bottom, at, bottom + 4, INK)
    if (at - TICK_ROOM / 2 < free) return [tick]
    free = at + TICK_ROOM / 2
    return [tick, text(at, bottom + 17, number(value), 'middle')]
  })
  const grid = ticks.map((tick) => [
    rule(left, yAt(tick), right, yAt(tick), GRID),
    text(left - 6, yAt(tick) + 4, number(tick), 'end'),
  ])
  const drawn = all.map(({ points: own, isDashed }, i) => {
    const places = own.map(([a, b]) => [fixed(xAt(a)), fixed(yAt(b))] as const)
    const path = places.map((place) => place.join()).join(' ')
    const colour = colourOf(all, i)
    const dash = isDashed === true ? ' stroke-dasharray="5 4" stroke-opacity="0.75"' : ''
    return [
      `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"${dash}/>`,
      ...places.map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="3" fill="${colour}"/>`),
    ]
  })
  return [
    text(12, 22, title, 'start', 'font-weight="bold" font-size="15"'),
    ...[...grid, ...columns, ...drawn].flat(),
    rule(left, bottom, right, bottom, INK),
    text((left + right) / 2, bottom + 36, x, 'middle'),
    `<text x="16" y="${TOP + plot / 2}" text-anchor="middle" transform="rotate(-90 16 ${TOP + plot / 2})">${y}</text>`,
    ...(all.length > 1 ? legend(all, width, bottom + 58) : []),
  ]
}

/** Two lines of one name, solid and dashed, share a colour; ours has its own. */
function colourOf(all: readonly Line[], index: number): string {
  const names = [...new Set(all.map(({ label }) => nameOf(label)))]
  const own = names.toSorted((a, b) => Number(b === 'ours') - Number(a === 'ours'))
  return COLOURS[own.indexOf(nameOf(all[index]?.label ?? '')) % COLOURS.length] ?? INK
}

const nameOf = (label: string) => label.replace(/, p\d+$/, '')
const perRow = (width: number) => Math.max(1, Math.floor((width - 40) / 178))

function legendRows({ lines: all }: Lines, width: number): number {
  return all.length > 1 ? Math.ceil(all.length / perRow(width)) : 0
}

function legend(all: readonly Line[], width: number, top: number): string[] {
  return all.flatMap(({ label, isDashed }, i) => {
    const x = 40 + (i % perRow(width)) * 178
    const y = top + Math.floor(i / perRow(width)) * 18
    const dash = isDashed === true ? ' stroke-dasharray="5 4"' : ''
    return [
      `<line x1="${x}" y1="${y - 4}" x2="${x + 24}" y2="${y - 4}" stroke="${colourOf(all, i)}" stroke-width="2"${dash}/>`,
      text(x + 30, y, label, 'start'),
    ]
  })
}

/** Places a value between two pixels, by its logarithm. */
function scale(least: number, most: number, from: number, to: number) {
  const span = Math.log(most) - Math.log(least) || 1
  return (value: number) => from + ((Math.log(value) - Math.log(least)) / span) * (to - from)
}

/** 1, 2 and 5 of every power of ten, from below the least to above the most. */
export function logTicks(least: number, most: number): readonly number[] {
  const from = Math.floor(Math.log10(least))
  const to = Math.ceil(Math.log10(most))
  const all = Array.from({ length: to - from + 1 }, (_, i) => 10 ** (from + i)).flatMap((power) =>
    [1, 2, 5].map((factor) => Number((factor * power).toPrecision(1))),
  )
  const first = all.findLastIndex((tick) => tick <= least)
  const last = all.findIndex((tick) => tick >= most)
  const kept = all.slice(Math.max(0, first), last + 1)
  if (kept.length <= 8) return kept
  const powers = kept.filter((tick, i) => /^0?\.?0*1/.test(String(tick)) || i === 0)
  return [...powers, ...kept.slice(-1)].filter((tick, i, list) => list.indexOf(tick) === i)
}

/** About five round numbers from zero to above the most. */
export function linearTicks(most: number): readonly number[] {
  const raw = (most || 1) / 5
  const power = 10 ** Math.floor(Math.log10(raw))
  const step = ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= raw) ?? 10) * power
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, i) => i * step)
}

/** A number as a reader wants it: thousands apart, small ones with what counts. */
export function number(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en')
  return String(Number(value.toPrecision(3)))
}

const fixed = (value: number) => Number(value.toFixed(1))

function rule(x1: number, y1: number, x2: number, y2: number, colour: string): string {
  const at = [x1, y1, x2, y2].map(fixed)
  return `<line x1="${at[0]}" y1="${at[1]}" x2="${at[2]}" y2="${at[3]}" stroke="${colour}"/>`
}

function text(x: number, y: number, said: string, anchor: string, more = ''): string {
  return `<text x="${fixed(x)}" y="${fixed(y)}" text-anchor="${anchor}"${more && ` ${more}`}>${safe(said)}</text>`
}

function safe(said: string): string {
  return said.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}

function document(title: string, width: number, height: number, body: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="DejaVu Sans, Verdana, sans-serif" font-size="12" fill="${INK}">
<title>${safe(title)}</title>
<rect width="100%" height="100%" fill="#ffffff"/>
${body.join('\n')}
</svg>
`
}
