import type { Actor } from '../audit/actor.ts'
import type { Problems } from '../errors.ts'
import type { Db } from '../store/db.ts'
import { objectsByIds } from '../store/objects.ts'
import { userIdsByName } from '../store/users.ts'
import type { Column, RowInput } from './columns.ts'
import type { Declared } from './declarations.ts'
import type { ImportJob } from './import.ts'
import { checkRow } from './import-check.ts'
import type { GroupState } from './import-groups.ts'
import { leaveOut, refusal } from './import-result.ts'
import { withGroupNames, writeRows } from './import-write.ts'
import { canonicalName } from './names.ts'
import { hashPassword } from './passwords.ts'
import type { Profile } from './profiles.ts'
import type { Table, TableRow } from './table.ts'
import { toUser } from './user.ts'
import type { UserInput } from './user-input.ts'
import type { ListedUser } from './user-lists.ts'

export type Outcome = 'added' | 'changed' | 'unchanged' | 'refused'
export type CellChange = { column: string; before: string; after: string }

/** What became of a row, or in a dry run what would. */
export type RowResult = {
  line: number
  username?: string
  /** First and last name. */
  name?: string
  ok: boolean
  outcome: Outcome
  /** What the reason of a refusal is about. */
  column?: string
  reason?: string
  changes?: CellChange[]
}

/** What the rows of one import know of each other. */
export type Import = {
  db: Db
  actor: Actor
  declared: Declared
  table: Table
  columns: readonly Column[]
  /** What each place of a row means; undefined for what is left out. */
  placed: readonly (Column | undefined)[]
  job: ImportJob
  clears: boolean
  lenient: boolean
  newPasswords: boolean
  profile: Profile | undefined
  /** Username or alias -> the line that took it. */
  taken: Map<string, number>
  /** What was found for each group that rows name. */
  groups: Map<string, Promise<GroupState>>
  /** Groups being made or made; in a dry run those that would be. */
  making: Map<string, Promise<string | undefined>>
  made: string[]
  /** Column -> how many of its values were left out. */
  leftOut: Map<string, number>
  /** Usernames with the passwords that were made for them. */
  passwords: [string, string][]
}

/** A row that was read and has not been refused yet. */
export type Read = { line: number; username: string; input: RowInput; before: ListedUser | undefined }
export type Ready = Read & { typed: Partial<UserInput>; hash: string | undefined; made: string | undefined }

/** Imports some rows, in their order; one that is refused spoils no other. */
export async function importBatch(all: Import, rows: readonly TableRow[]): Promise<RowResult[]> {
  const results = new Map<number, RowResult>()
  const read = await readRows(all, rows, results)
  const ready: Ready[] = []
  // Checked one after the other, for a group that an earlier row brings is there for the next; hashed together.
  for (const row of read) {
    const found = await checkRow(all, row)
    if ('ready' in found) ready.push(found.ready)
    else results.set(row.line, found.result)
  }
  await Promise.all(ready.map(takeHash))
  await writeRows(all, ready, results)
  return rows.flatMap(({ line }) => results.get(line) ?? [])
}

async function readRows(all: Import, rows: readonly TableRow[], results: Map<number, RowResult>): Promise<Read[]> {
  const found: Read[] = []
  for (const row of rows) {
    const { line } = row
    if ('reason' in row) {
      results.set(line, { line, ok: false, outcome: 'refused', column: row.column, reason: row.reason })
      continue
    }
    const { input, problems } = personOf(all, row.cells)
    const username = canonicalName(input.username ?? '')
    const read = { line, username, input, before: undefined }
    if (username === '') problems.username ??= 'Username is needed.'
    const earlier = all.taken.get(username)
    if (earlier === undefined) all.taken.set(username, line)
    else problems.username ??= `“${input.username}” stands already in ${all.table.unit} ${earlier}.`
    if (Object.keys(problems).length > 0) results.set(line, refusal(all, read, problems))
    else found.push(read)
  }
  const people = await peopleNamed(
    all.db,
    found.map(({ username }) => username),
  )
  return found.map((row) => ({ ...row, before: people.get(row.username) }))
}

/** The person of a row, and what is wrong with single cells: key -> sentence. */
function personOf(all: Import, cells: readonly string[]): { input: RowInput; problems: Problems } {
  const input: RowInput = { pluginsOn: [], pluginsOff: [] }
  const problems: Problems = {}
  for (const [place, column] of all.placed.entries()) {
    if (!column) continue
    const cell = cells[place] ?? ''
    // An attribute may have several values: a field that takes one takes the first.
    const one = all.table.groups && !column.isList ? (cell.split('\n')[0] as string) : cell
    const problem = column.take(one, input, all.clears)
    if (problem && all.lenient && !column.required) leaveOut(all, column.key)
    else if (problem) problems[column.key] = problem
  }
  return { input, problems }
}

async function peopleNamed(db: Db, usernames: string[]): Promise<Map<string, ListedUser>> {
  const ids = await userIdsByName(db.reader, usernames)
  if (ids.size === 0) return new Map()
  const users = [...(await objectsByIds(db.reader, 'user', [...ids.values()])).values()].map(toUser)
  const named = await withGroupNames(db, users)
  return new Map(named.map((user) => [user.username, user]))
}

async function takeHash(row: Ready): Promise<void> {
  const password = row.typed.password ?? row.made
  if (password) row.hash = await hashPassword(password)
}
