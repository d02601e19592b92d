import { stringify } from 'csv-stringify/sync'
import type { Db } from '../store/db.ts'
import type { Mark } from '../store/users.ts'
import { type Column, columnsOf } from './columns.ts'
import { readCsv } from './csv-file.ts'
import { declared } from './declarations.ts'
import type { Table } from './table.ts'
import { type UsersQuery, usersFrom } from './user-lists.ts'

// A spreadsheet runs what begins so. An apostrophe in front makes it text, and is taken off again; so a value that has
// some of its own gets one more.
const FORMULA = /^'*[=+\-@\t\r＝＋－＠]/
const guarded = (cell: string): string => (FORMULA.test(cell) ? `'${cell}` : cell)
const unguarded = (cell: string): string => (cell.startsWith("'") && FORMULA.test(cell) ? cell.slice(1) : cell)

/** A CSV file as a table of people. Throws Invalid for what is no such file at all; a bad row is only a bad row. */
export function tableOfCsv(bytes: Buffer): Table {
  const { header, notices, rows } = readCsv(bytes)
  // A field of an extension is none, whatever it is called: a passport has a number, too.
  const secret = (name: string) => !/^ *extensions *\./i.test(name) && /pass|pwd|kennwort|secret|hash/i.test(name)
  const places = header.map((name) => !secret(name))
  return {
    unit: 'line',
    header,
    notices,
    isSecret: secret,
    rows: function* () {
      for (const batch of rows())
        yield batch.map((row) =>
          'cells' in row
            ? { ...row, cells: row.cells.map((cell, place) => (places[place] ? unguarded(cell) : cell)) }
            : row,
        )
    },
  }
}

const exportPage = 500

const written = (rows: string[][]): string =>
  stringify(
    rows.map((cells) => cells.map(guarded)),
    { quoted: true, quoted_empty: true, record_delimiter: '\r\n' },
  )

/**
 * All people, or those whom a list shows, as CSV text, never a password; in pages by username so that a change meanwhile
 * moves nobody.
 */
export async function* exportUsers(db: Db, query: UsersQuery = {}): AsyncGenerator<string> {
  const shown = columnsOf(await declared(db)).filter((column) => column.show)
  yield written([shown.map((column) => column.name)])
  for (let after: Mark | undefined; ; ) {
    const { rows, next } = await usersFrom(db, { ...query, sort: 'username', order: 'asc' }, after, exportPage)
    if (rows.length > 0) yield written(rows.map((user) => shown.map((column) => column.show?.(user) ?? '')))
    if (!next) return
    after = next
  }
}

/** A file to fill in: the columns of what is turned on here, and one person as an example. */
export async function csvTemplate(db: Db): Promise<string> {
  const columns = columnsOf(await declared(db)).filter(({ name }) => name !== 'core.password_hash')
  return written([columns.map(({ name }) => name), columns.map((column: Column) => column.sample)])
}
