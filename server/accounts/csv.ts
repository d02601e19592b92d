import { stringify } from 'csv-stringify/sync'
import { extensions, plugins } from '../extensions/index.ts'
import type { Db } from '../store/db.ts'
import { type CsvRow, readCsv, refused, short, some } from './csv-file.ts'
import { type ListedUser, type User, type UserInput, usersAfter } from './users.ts'

/** One column of the file. `key` is how a problem of the domain names the same thing. */
export type Column = {
  name: string
  key: string
  required?: true
  /** Puts a typed cell into the person, or says what is wrong with it. */
  take: (cell: string, input: UserInput) => string | undefined
  /** Absent for what is never written out. */
  show?: (user: ListedUser) => string
}

const on = new Set(['1', 'yes', 'y', 'true', 'on'])
const off = new Set(['', '0', 'no', 'n', 'false', 'off'])

const core: readonly Column[] = [
  { ...typed('core.username', 'username'), required: true },
  {
    name: 'core.password',
    key: 'password',
    // Never trimmed: a space can belong to a password. Never shown.
    take: (cell, input) => {
      if (cell) input.password = cell
      return undefined
    },
  },
  { ...typed('core.first_name', 'first'), required: true },
  { ...typed('core.last_name', 'last'), required: true },
  oneOf('core.status', 'status', ['enabled', 'disabled', 'locked']),
  oneOf('core.role', 'role', ['person', 'administrator']),
]

const extended: readonly Column[] = extensions.flatMap((extension) =>
  Object.entries(extension.user).map(([name, field]) => ({
    name: `extensions.${extension.name}.${field.column ?? name}`.toLowerCase(),
    key: `${extension.name}.${name}`,
    take: (cell, input) => {
      if (cell.trim())
        input.extensions = {
          ...input.extensions,
          [extension.name]: { ...input.extensions?.[extension.name], [name]: cell },
        }
      return undefined
    },
    show: (user) => {
      const value = user.extensions[extension.name]?.[name]
      return value === undefined ? '' : field.format(value as string)
    },
  })),
)

const switches: readonly Column[] = plugins.map((plugin) => ({
  name: `plugins.${plugin.name}`,
  key: `plugins.${plugin.name}`,
  take: (cell, input) => {
    const word = cell.trim().toLowerCase()
    if (on.has(word)) input.plugins = [...(input.plugins ?? []), plugin.name]
    return on.has(word) || off.has(word) ? undefined : `“${short(cell)}” must be 1 or 0, yes or no, true or false.`
  },
  show: (user) => (user.plugins.includes(plugin.name) ? '1' : '0'),
}))

const membership: Column = {
  name: 'groups',
  key: 'groups',
  take: (cell, input) => {
    const names = cell.split(/[,;]/).map((name) => name.trim())
    // Everyone is in allusers; older files list it.
    input.groups = [...new Set(names.filter((name) => name && name.toLowerCase() !== 'allusers'))]
    return undefined
  },
  show: (user) => user.groupNames.join(','),
}

/** Every column this node reads and writes, in the order of the export. */
export const columns: readonly Column[] = [...core, ...extended, ...switches, membership]

function typed(name: string, key: 'username' | 'first' | 'last'): Column {
  return {
    name,
    key,
    take: (cell, input) => {
      input[key] = cell.trim()
      return undefined
    },
    show: (user) => user[key],
  }
}

function oneOf<K extends 'status' | 'role'>(name: string, key: K, allowed: readonly User[K][]): Column {
  return {
    name,
    key,
    take: (cell, input) => {
      const word = cell.trim().toLowerCase()
      const value = allowed.find((one) => one === word)
      if (word && !value) return `“${short(cell)}” must be one of: ${allowed.join(', ')}.`
      if (value) Object.assign(input, { [key]: value })
      return undefined
    },
    show: (user) => user[key],
  }
}

/** A file of people, its columns understood. */
export type PeopleFile = {
  /** What each place of a row means here; undefined where this node knows no such column. */
  columns: readonly (Column | undefined)[]
  notices: string[]
  rows: () => Generator<CsvRow[]>
}

/** Reads a file of people. Throws Invalid for what is no such file at all; a bad row is only a bad row. */
export function readPeople(bytes: Buffer): PeopleFile {
  const { header, notices, rows } = readCsv(bytes)
  return {
    columns: header.map((name) => columns.find((column) => column.name === name)),
    notices: [...notices, ...checkHeader(header)],
    rows,
  }
}

/** Throws for a header that makes the file useless; returns what is only worth saying. */
function checkHeader(named: readonly string[]): string[] {
  for (const { name, required } of columns) {
    const times = named.filter((other) => other === name).length
    if (times > 1) throw refused(`Its header names the column ${name} ${times} times.`)
    if (required && times === 0)
      throw refused(`Its header has no column ${name}. Needed are core.username, core.first_name and core.last_name.`)
  }
  const strange = named.filter((name) => name && !columns.some((column) => column.name === name))
  const foreign = strange.filter((name) => /^(extensions|plugins)\./.test(name))
  const unknown = strange.filter((name) => !foreign.includes(name))
  return [
    ...(foreign.length ? [`Ignored, because this node has no such extension field or plugin: ${some(foreign)}.`] : []),
    ...(unknown.length ? [`Ignored, because these columns are not known: ${some(unknown)}.`] : []),
  ]
}

// What escape_formulas guards with an apostrophe, so that what was exported comes back as it was.
const GUARDED = /^'(?=[=+\-@\t\r＝＋－＠])/

/** The person of a row, and what is wrong with single cells: key -> sentence. */
export function personOf(
  file: PeopleFile,
  cells: readonly string[],
): { input: UserInput; problems: Record<string, string> } {
  const input: UserInput = { username: '', first: '', last: '' }
  const problems: Record<string, string> = {}
  for (const [place, column] of file.columns.entries()) {
    if (!column) continue
    const cell = cells[place] ?? ''
    const problem = column.take(column.key === 'password' ? cell : cell.replace(GUARDED, ''), input)
    if (problem) problems[column.key] = problem
  }
  return { input, problems }
}

/** How the file calls what a problem is about. */
export const columnOf = (key: string): string | undefined =>
  columns.find((column) => column.key === key)?.name ?? (key || undefined)

const exportPage = 500

/** All people as CSV text, never a password, in pages by username so that a change meanwhile moves nobody. */
export async function* exportUsers(db: Db): AsyncGenerator<string> {
  const shown = columns.filter((column) => column.show)
  const write = (rows: string[][]) =>
    stringify(rows, { quoted: true, quoted_empty: true, escape_formulas: true, record_delimiter: '\r\n' })
  yield write([shown.map((column) => column.name)])
  for (let after = ''; ; ) {
    const page = await usersAfter(db, after, exportPage)
    if (page.length === 0) return
    yield write(page.map((user) => shown.map((column) => column.show?.(user) ?? '')))
    after = page.at(-1)?.username ?? ''
  }
}
