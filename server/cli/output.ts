import { styleText } from 'node:util'

// What a terminal would take for a command, or what turns a line around, may come from a file that somebody else made.
// Only what `bold` writes passes.
// biome-ignore lint/suspicious/noControlCharactersInRegex: this is the character to keep out
const commands = /(?![\n\t]|\u001b\[(?:1|22)m)[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu
const clean = (text: string): string => text.replace(commands, '�')

/** One line of the answer. */
export const say = (line: string): void => void process.stdout.write(`${clean(line)}\n`)

/** One line about it: a refusal, a reason, a word on what to do next. */
export const tell = (line: string): void => void process.stderr.write(`${clean(line)}\n`)

const escaped = (letter: string): string => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`

export const printJson = (value: unknown): void => say(JSON.stringify(value, null, 2).replace(commands, escaped))

export const bold = (text: string): string =>
  process.stdout.isTTY && !process.env.NO_COLOR ? styleText('bold', text) : text

export type Cell = string | number | undefined

const width = (text: string): number => [...text].length

/** Lines under headings, each column as wide as its widest cell. `widths` lets a later page stand under the first. */
export function tableLines(rows: Cell[][], widths: number[] = []): string[] {
  const cells = rows.map((row) => row.map((cell) => clean(String(cell ?? '').replace(/[\n\t]/g, '�'))))
  for (const row of cells) for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, width(cell))
  return cells.map((row) =>
    row
      .map((cell, at) => (at === row.length - 1 ? cell : cell + ' '.repeat((widths[at] ?? 0) - width(cell))))
      .join('  ')
      .trimEnd(),
  )
}

export function printTable(heads: string[], rows: Cell[][]): void {
  const [head = '', ...lines] = tableLines([heads, ...rows])
  say(bold(head))
  for (const line of lines) say(line)
}

/** Names and values, one a line; what is absent is left out. */
export function printFacts(facts: Record<string, Cell>): void {
  const given = Object.entries(facts).filter(([, value]) => value !== undefined && value !== '')
  for (const line of tableLines(given)) say(line)
}

export const count = (n: number, one: string, many = `${one}s`): string =>
  `${n.toLocaleString('en')} ${n === 1 ? one : many}`

/** ISO 8601 as a person reads it: 2026-11-23 08:15:00. */
export const moment = (iso: string | undefined): string => {
  if (!iso) return ''
  const date = new Date(iso)
  const two = (n: number) => String(n).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

type Page<T> = { items: T[]; next: string | null }

/** All pages of a list, one after the other, printed as they come. */
export async function printPages<T>(
  json: boolean | undefined,
  heads: string[],
  fetch: (after: string | undefined) => Promise<Page<T>>,
  row: (item: T) => Cell[],
): Promise<void> {
  const all: T[] = []
  const widths: number[] = []
  for (let after: string | undefined, isFirst = true; ; isFirst = false) {
    const { items, next } = await fetch(after)
    if (json) all.push(...items)
    else {
      const lines = tableLines([heads, ...items.map(row)], widths)
      if (isFirst) say(bold(lines[0] ?? ''))
      for (const line of lines.slice(1)) say(line)
    }
    if (next === null) break
    after = next
  }
  if (json) printJson(all)
}
