import type { Problems } from '../errors.ts'
import { columnOf } from './columns.ts'
import type { CellChange, Import, Read, Ready, RowResult } from './import-rows.ts'
import type { ListedUser } from './user-lists.ts'

/** Somebody of whom nothing is said. */
export const nobody = {
  username: '',
  first: '',
  last: '',
  status: 'enabled',
  role: 'person',
  groups: [],
  groupNames: [],
  plugins: [],
  extensions: {},
} as unknown as ListedUser

/** A row that is not taken, with the first reason. */
export function refusal(all: Import, row: Pick<Read, 'line' | 'input'>, problems: Problems): RowResult {
  const [key, reason] = Object.entries(problems)[0] as [string, string]
  const { username, first, last } = row.input
  const name = [first, last].filter(Boolean).join(' ')
  return { line: row.line, username, name, ok: false, outcome: 'refused', column: columnOf(all.columns, key), reason }
}

/** What became of a row: each column that differs, before and after. */
export function resultOf(all: Import, row: Ready, after: ListedUser): RowResult {
  const changes: CellChange[] = []
  const { before, typed } = row
  for (const column of all.columns) {
    if (!column.show) continue
    // Of somebody new, what every new person has is not worth a line.
    const [was, is] = [column.show(before ?? nobody), column.show(after)]
    if (was !== is) changes.push({ column: column.name, before: before ? was : '', after: is })
  }
  if (typed.password || typed.passwordHash || row.made)
    changes.push({ column: 'core.password', before: '', after: 'set; never shown' })
  const outcome = before === undefined ? 'added' : changes.length > 0 ? 'changed' : 'unchanged'
  const name = `${after.first} ${after.last}`
  return { line: row.line, username: after.username, name, ok: true, outcome, changes }
}

/** Counts a value that is left out. */
export const leaveOut = (all: Import, key: string): void => {
  const column = columnOf(all.columns, key) ?? key
  all.leftOut.set(column, (all.leftOut.get(column) ?? 0) + 1)
}
