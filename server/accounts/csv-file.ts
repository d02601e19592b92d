import { Invalid } from '../errors.ts'

export const maxBytes = 20 * 1024 * 1024
export const maxRows = 200_000
export const maxColumns = 500
const maxName = 200

/** One row of a file: its cells, or why it cannot be read. `line` is the one an editor shows. */
export type CsvRow = { line: number; cells: string[] } | { line: number; column?: string; reason: string }

export type CsvFile = {
  /** Names of the columns, without the space around them. */
  header: readonly string[]
  notices: readonly string[]
  /** Rows in small batches, so that the reader can let others work between them. */
  rows: () => Generator<CsvRow[]>
}

/** Reads bytes as a CSV file. Throws Invalid for what is no such file at all; a bad row is only a bad row. */
export function readCsv(bytes: Buffer): CsvFile {
  if (bytes.length > maxBytes)
    throw refused(`It has ${Math.ceil(bytes.length / 1048576)} MB; at most 20 MB are read. Split it.`)
  if (bytes.toString('latin1', 0, 4) === 'PK\u0003\u0004')
    throw refused('It is a workbook, as Excel and Calc keep them. Save it as CSV, and choose that file.')
  const { text, notices } = decode(bytes)
  if (text.includes('\0')) throw refused('It is not a text file.')
  const lines: Lines = { text, end: lineEndOf(text) }
  const first = headerPlace(lines)
  if (!first) throw refused('It is empty.')
  const delimiter = delimiterOf(lineAt(lines, first).text)
  const header = readRecord(lines, first, delimiter)
  if ('reason' in header) throw refused(`Its first line cannot be read: ${header.reason}`)
  const named = header.cells.map((cell) => cell.trim())
  if (named.length > maxColumns)
    throw refused(`Its header names ${named.length} columns; at most ${maxColumns} are read.`)
  const long = named.find((name) => name.length > maxName)
  if (long) throw refused(`The name of its column “${short(long)}” is longer than ${maxName} characters.`)
  return { header: named, notices, rows: () => rowsOf(lines, header.next, delimiter, named) }
}

export const refused = (sentence: string) => new Invalid({ file: `The file cannot be read. ${sentence}` })

/** By its mark, or by the empty halves of its first letters where the mark is missing. */
function utf16Of([a, b, c, d]: Buffer): 'utf-16le' | 'utf-16be' | undefined {
  if ((a === 0xff && b === 0xfe) || (a && b === 0 && c && d === 0)) return 'utf-16le'
  if ((a === 0xfe && b === 0xff) || (a === 0 && b && c === 0 && d)) return 'utf-16be'
  return undefined
}

function decode(bytes: Buffer): { text: string; notices: string[] } {
  const utf16 = utf16Of(bytes)
  try {
    // A byte order mark is taken off by TextDecoder itself.
    return { text: new TextDecoder(utf16 ?? 'utf-8', { fatal: true }).decode(bytes), notices: [] }
  } catch {
    const notice = 'The file is not UTF-8; it was read as Windows-1252. Check letters such as é and å.'
    return { text: new TextDecoder('windows-1252').decode(bytes), notices: [notice] }
  }
}

/** A text that is read line by line where it stands: millions of lines are never held one by one. */
type Lines = { text: string; end: '\n' | '\r' }
/** Where a line begins, and its number as an editor shows it. */
type Place = { at: number; line: number }

/** Old Macs end lines with CR, and break them inside a value with LF. */
const lineEndOf = (text: string): Lines['end'] => (/^[^\r\n]*\r(?!\n)/.test(text) ? '\r' : '\n')

function lineAt({ text, end }: Lines, { at, line }: Place): { text: string; next: Place } {
  const stop = text.indexOf(end, at)
  const to = stop < 0 ? text.length : stop
  const bare = end === '\n' && text[to - 1] === '\r' && to > at ? to - 1 : to
  return { text: text.slice(at, bare), next: { at: to + 1, line: line + 1 } }
}

/** The next line on which something stands, from here on. */
function filledPlace({ text, end }: Lines, { at, line }: Place): Place | undefined {
  const place = { at, line }
  for (let here = at; here < text.length; here++) {
    const letter = text[here]
    if (letter === end) {
      place.at = here + 1
      place.line++
    } else if (letter !== ' ' && letter !== '\t' && letter !== '\r' && letter !== '\n') return place
  }
  return undefined
}

/** Spreadsheets may write the delimiter on a line of its own before the header. */
function headerPlace(lines: Lines): Place | undefined {
  const first = filledPlace(lines, { at: 0, line: 1 })
  if (!first) return undefined
  const { text, next } = lineAt(lines, first)
  return /^"?sep=.?"?$/i.test(text.trim()) ? filledPlace(lines, next) : first
}

function delimiterOf(header: string): string {
  const bare = header.replace(/"[^"]*"/g, '')
  const count = (delimiter: string) => bare.split(delimiter).length
  return [',', ';', '\t'].reduce((best, delimiter) => (count(delimiter) > count(best) ? delimiter : best))
}

const batchOfLetters = 32_768

function* rowsOf(lines: Lines, from: Place, delimiter: string, named: readonly string[]): Generator<CsvRow[]> {
  for (let place = filledPlace(lines, from); place; ) {
    const batch: CsvRow[] = []
    for (const end = place.at + batchOfLetters; place && place.at < end; ) {
      const record = readRecord(lines, place, delimiter)
      const row = checkRow(record, place.line, named)
      if (row) batch.push(row)
      place = filledPlace(lines, record.next)
    }
    yield batch
  }
}

/** A value may hold line breaks, but one stray quotation mark must not swallow the rows after it. */
const mostLinesOfRecord = 50
const maxRecord = 200_000

type CsvRecord = { next: Place } & ({ cells: string[] } | { reason: string; place?: number })

/** The record that starts here. A broken one ends with its first line, so that the next line is read on its own. */
function readRecord(lines: Lines, from: Place, delimiter: string): CsvRecord {
  const first = lineAt(lines, from)
  let { text, next } = first
  const isTooLong = () => text.length > maxRecord
  const last = from.line + mostLinesOfRecord
  for (let isOpen = !isTooLong() && hasOddQuotes(text); isOpen; ) {
    if (next.at > lines.text.length || next.line >= last || isTooLong())
      return { next: first.next, reason: 'A quotation mark is opened and never closed.' }
    const more = lineAt(lines, next)
    text += `\n${more.text}`
    next = more.next
    if (!isTooLong() && hasOddQuotes(more.text)) isOpen = false
  }
  if (isTooLong()) return { next, reason: `The row is longer than ${maxRecord} characters.` }
  if (!text.includes('"')) return { next, cells: text.split(delimiter) }
  const cells = cellsOf(text, delimiter)
  if (Array.isArray(cells)) return { next, cells }
  return {
    next: first.next,
    reason:
      'A quotation mark stands inside a value. Put the whole value in quotation marks and write each one inside it twice.',
    place: cells.wrong,
  }
}

/** RFC 4180, and as written by hand: "a", "b". `wrong` is the place of a cell that is neither quoted nor bare. */
function cellsOf(text: string, delimiter: string): string[] | { wrong: number } {
  const cells: string[] = []
  const afterSpaces = (from: number): number => {
    let at = from
    while (text[at] !== delimiter && (text[at] === ' ' || text[at] === '\t' || text[at] === '\n')) at++
    return at
  }
  for (let at = 0; ; at++) {
    const quote = afterSpaces(at)
    if (text[quote] === '"') {
      const parts: string[] = []
      let from = quote + 1
      let stop = text.indexOf('"', from)
      for (; stop >= 0 && text[stop + 1] === '"'; stop = text.indexOf('"', from)) {
        parts.push(text.slice(from, stop + 1))
        from = stop + 2
      }
      if (stop < 0) return { wrong: cells.length }
      at = afterSpaces(stop + 1)
      if (at < text.length && text[at] !== delimiter) return { wrong: cells.length }
      cells.push(parts.join('') + text.slice(from, stop))
    } else {
      const stop = text.indexOf(delimiter, at)
      const cell = text.slice(at, stop < 0 ? text.length : stop)
      if (cell.includes('"')) return { wrong: cells.length }
      cells.push(cell)
      at += cell.length
    }
    if (at >= text.length) return cells
  }
}

function hasOddQuotes(text: string): boolean {
  let isOdd = false
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) isOdd = !isOdd
  return isOdd
}

function checkRow(record: CsvRecord, line: number, named: readonly string[]): CsvRow | undefined {
  if ('reason' in record) {
    const column = record.place === undefined ? undefined : named[record.place]
    return { line, column, reason: record.reason }
  }
  const { cells } = record
  if (cells.every((cell) => cell.trim() === '')) return undefined
  while (cells.length > named.length && cells.at(-1)?.trim() === '') cells.pop()
  if (cells.length !== named.length)
    return {
      line,
      reason: `The row has ${cells.length} ${cells.length === 1 ? 'value' : 'values'}; the header has ${named.length}.`,
    }
  return { line, cells }
}

/** A value that stays readable inside a sentence. */
export const short = (text: string, most = 40): string => (text.length > most ? `${text.slice(0, most)}…` : text)

/** A list that stays readable: so many entries, none longer than it may be. */
export const some = (names: readonly string[], most = 20, longest = 40): string =>
  names
    .slice(0, most)
    .map((name) => short(name, longest))
    .join(', ') + (names.length > most ? ` and ${names.length - most} more` : '')
