import type { CsvRow } from './csv-file.ts'

export type TableRow = CsvRow

/** A group as another system has it. */
export type TableGroup = {
  name: string
  description: string
  /** Names of the groups that it is a member of. */
  groups: string[]
  /** extension -> field -> typed text */
  extensions: Record<string, Record<string, string>>
}

/** What a source of people holds, before anybody said what its columns mean. */
export type Table = {
  /** What one row is called, and what its number counts. */
  unit: 'line' | 'entry'
  /** Names of the columns, as the source writes them. */
  header: readonly string[]
  notices: readonly string[]
  /** Rows in small batches, so that the reader can let others work between them. */
  rows: () => Generator<TableRow[]>
  /** What stands in this column must not be shown. */
  isSecret: (name: string) => boolean
  /** Groups of a directory; a file of people only names them. */
  groups?: readonly TableGroup[]
}

/** The first rows, for a look. */
export function firstRows(table: Table, most: number): Extract<TableRow, { cells: string[] }>[] {
  const found: Extract<TableRow, { cells: string[] }>[] = []
  for (const batch of table.rows()) {
    for (const row of batch) {
      if ('cells' in row) found.push(row)
      if (found.length === most) return found
    }
  }
  return found
}
