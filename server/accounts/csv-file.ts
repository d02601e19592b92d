import { parse } from 'csv-parse/sync'
import { Invalid } from '../errors.ts'

export const maxBytes = 20 * 1024 * 1024
export const maxRows = 200_000
const maxColumns = 500

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
  const { text, notices } = decode(bytes)
  if (text.includes('\0')) throw refused('It is not a text file.')
  const lines = text.replace(/\r\n?/g, '\n').split('\n')
  // Spreadsheets may write the delimiter on a line of its own before the header.
  const first = lines.findIndex((line) => line.trim() !== '' && !/^"?sep=.?"?$/i.test(line.trim()))
  if (first < 0) throw refused('It is empty.')
  const delimiter = delimiterOf(lines[first] as string)
  const header = readRecord(lines, first, delimiter)
  if ('reason' in header) throw refused(`Its first line cannot be read: ${header.reason}`)
  const named = header.cells.map((cell) => cell.trim())
  if (named.length > maxColumns)
    throw refused(`Its header names ${named.length} columns; at most ${maxColumns} are read.`)
  return { header: named, notices, rows: () => rowsOf(lines, header.next, delimiter, named) }
}

export const refused = (sentence: string) => new Invalid({ file: `The file cannot be read. ${sentence}` })

function decode(bytes: Buffer): { text: string; notices: string[] } {
  const utf16 =
    bytes[0] === 0xff && bytes[1] === 0xfe
      ? 'utf-16le'
      : bytes[0] === 0xfe && bytes[1] === 0xff
        ? 'utf-16be'
        : undefined
  try {
    // A byte order mark is taken off by TextDecoder itself.
    return { text: new TextDecoder(utf16 ?? 'utf-8', { fatal: true }).decode(bytes), notices: [] }
  } catch {
    const notice = 'The file is not UTF-8; it was read as Windows-1252. Check letters such as é and å.'
    return { text: new TextDecoder('windows-1252').decode(bytes), notices: [notice] }
  }
}

function delimiterOf(header: string): string {
  const bare = header.replace(/"[^"]*"/g, '')
  const count = (delimiter: string) => bare.split(delimiter).length
  return [',', ';', '\t'].reduce((best, delimiter) => (count(delimiter) > count(best) ? delimiter : best))
}

const batchOfLines = 200

function* rowsOf(
  lines: readonly string[],
  from: number,
  delimiter: string,
  named: readonly string[],
): Generator<CsvRow[]> {
  for (let at = from; at < lines.length; ) {
    const batch: CsvRow[] = []
    for (const end = at + batchOfLines; at < end && at < lines.length; ) {
      const record = readRecord(lines, at, delimiter)
      const row = checkRow(record, at + 1, named)
      if (row) batch.push(row)
      at = record.next
    }
    yield batch
  }
}

/** A value may hold line breaks, but one stray quotation mark must not swallow the rows after it. */
const mostLinesOfRecord = 50
const maxRecord = 200_000

type CsvRecord = { next: number } & ({ cells: string[] } | { reason: string; place?: number })

/** The record that starts at `lines[at]`. A broken one ends with its first line, so that the next line is read on its own. */
function readRecord(lines: readonly string[], at: number, delimiter: string): CsvRecord {
  let text = lines[at] as string
  let next = at + 1
  while (hasOpenQuote(text) && next < lines.length && next - at < mostLinesOfRecord && text.length <= maxRecord)
    text += `\n${lines[next++]}`
  if (hasOpenQuote(text)) return { next: at + 1, reason: 'A quotation mark is opened and never closed.' }
  if (text.length > maxRecord) return { next, reason: `The row is longer than ${maxRecord} characters.` }
  if (!text.includes('"')) return { next, cells: text.split(delimiter) }
  try {
    return { next, cells: cellsOf(text, delimiter) }
  } catch (error) {
    const { column } = error as { column?: unknown }
    return {
      next: at + 1,
      reason:
        'A quotation mark stands inside a value. Put the whole value in quotation marks and write each one inside it twice.',
      place: typeof column === 'number' ? column : undefined,
    }
  }
}

function cellsOf(text: string, delimiter: string): string[] {
  const options = { delimiter, record_delimiter: '\n', relax_column_count: true }
  try {
    return parse(text, options)[0] ?? []
  } catch (error) {
    // Written by hand: "a", "b". Only then are spaces around a value no part of it.
    if (/\s"|"\s/.test(text)) return parse(text, { ...options, trim: true })[0] ?? []
    throw error
  }
}

const hasOpenQuote = (text: string): boolean => (text.match(/"/g)?.length ?? 0) % 2 === 1

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
export const short = (text: string): string => (text.length > 40 ? `${text.slice(0, 40)}…` : text)

/** A list that stays readable. */
export const some = (names: readonly string[], most = 20): string =>
  names.slice(0, most).map(short).join(', ') + (names.length > most ? ` and ${names.length - most} more` : '')
