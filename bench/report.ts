import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** One line of the table. `met` is undefined where there is no bar, or none for this many people. */
export type Row = {
  what: string
  ours: number
  slapd: number | undefined
  ratio: number | undefined
  bar: string
  met: boolean | undefined
  show: (value: number) => string
}

/** `at`: how many people the bar is meant for. */
type Given = { show: (value: number) => string; judged?: boolean; at?: number }

/** Ours must be at most this share of slapd's. */
export function atMost(
  what: string,
  ours: number,
  slapd: number,
  bar: number,
  { show, judged = true, at = 10_000 }: Given,
): Row {
  const ratio = ours / slapd
  return {
    what,
    ours,
    slapd,
    ratio,
    bar: `<= ${bar}x${judged ? '' : ` (at ${at.toLocaleString('en')})`}`,
    met: judged ? ratio <= bar : undefined,
    show,
  }
}

/** Ours must be at least this many times slapd's. */
export function atLeast(what: string, ours: number, slapd: number, bar: number, show: Given['show']): Row {
  const ratio = ours / slapd
  return { what, ours, slapd, ratio, bar: `>= ${bar}x`, met: ratio >= bar, show }
}

/** Ours must be at most that, whatever slapd's is. */
export function atMostAbsolute(
  what: string,
  ours: number,
  slapd: number | undefined,
  bar: number,
  show: Given['show'],
): Row {
  return {
    what,
    ours,
    slapd,
    ratio: slapd === undefined ? undefined : ours / slapd,
    bar: `<= ${show(bar)}`,
    met: ours <= bar,
    show,
  }
}

export const plain = (what: string, ours: number, slapd: number | undefined, show: Given['show']): Row => ({
  what,
  ours,
  slapd,
  ratio: slapd === undefined ? undefined : ours / slapd,
  bar: '',
  met: undefined,
  show,
})

export const duration = (ms: number): string =>
  ms < 1000 ? `${ms.toFixed(ms < 100 ? 1 : 0)} ms` : `${(ms / 1000).toFixed(2)} s`
export const bytes = (count: number): string => `${(count / 1e6).toFixed(2)} MB`
export const megabytes = (count: number): string => `${count.toFixed(0)} MB`
export const rate = (perSecond: number): string => `${Math.round(perSecond).toLocaleString('en')} /s`

export function table(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    row.what,
    row.show(row.ours),
    row.slapd === undefined ? '' : row.show(row.slapd),
    row.ratio === undefined ? '' : `${row.ratio.toFixed(row.ratio < 0.1 ? 3 : 2)}x`,
    row.bar,
    row.met === undefined ? '' : row.met ? 'met' : 'NOT met',
  ])
  const all = [['', 'account-sync', 'slapd', 'ratio', 'bar', ''], ...cells]
  const widths = [0, 1, 2, 3, 4, 5].map((column) => Math.max(...all.map((line) => line[column]!.length)))
  const lines = all.map((line) =>
    line
      .map((cell, column) =>
        column === 0 || column > 3 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
      )
      .join('  '),
  )
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`
}

/** Keeps the table and, beside it, the figures of every row as a line of JSON. */
export function keep(folder: string, heading: string, rows: readonly Row[]): string {
  mkdirSync(folder, { recursive: true })
  const name = join(folder, new Date().toISOString().slice(0, 19).replaceAll(':', '-'))
  writeFileSync(`${name}.txt`, `${heading}\n\n${table(rows)}`)
  writeFileSync(`${name}.ndjson`, rows.map((row) => `${JSON.stringify({ ...row, show: undefined })}\n`).join(''))
  return `${name}.txt`
}
