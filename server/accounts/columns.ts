import { short } from './csv-file.ts'
import type { Declared } from './declarations.ts'
import { foreignHash } from './foreign-hashes.ts'
import { roles } from './roles.ts'
import type { User } from './user.ts'
import type { UserInput } from './user-input.ts'
import type { ListedUser } from './user-lists.ts'

/** What a row says of a person. Plugins stand apart: a column switches its own plugin and leaves the others. */
export type RowInput = Partial<UserInput> & { pluginsOn: string[]; pluginsOff: string[] }

/** One column that this node reads and writes. `key` is how a problem of the domain names the same thing. */
export type Column = {
  name: string
  key: string
  /** What a list to choose from calls it. */
  label: string
  required?: true
  /** Never written out, never shown. */
  isSecret?: true
  /** Takes several values. */
  isList?: true
  /** Its values share the pool of names with users and groups. */
  isName?: true
  /** Other names that mean the same: the LDAP attribute, the label. */
  known: readonly string[]
  /** Puts a typed cell into the person, or says what is wrong with it. `clears`: an empty one takes the value away. */
  take: (cell: string, input: RowInput, clears: boolean) => string | undefined
  /** Absent for what is secret. */
  show?: (user: ListedUser) => string
  /** What the template shows. */
  sample: string
}

/** Every column this node reads and writes, in the order of the export: what is turned off here is left out. */
export function columnsOf(declared: Declared): readonly Column[] {
  return [
    ...core,
    ...declared.extensions.filter(({ on }) => on).flatMap(extensionColumns),
    ...declared.plugins.filter(({ on }) => on).map(pluginColumn),
    groupsColumn,
  ]
}

/** Names of columns that would be read if their extension or plugin were turned on. */
export const columnsTurnedOff = (declared: Declared): Set<string> =>
  new Set([
    ...declared.extensions.filter(({ on }) => !on).flatMap((one) => extensionColumns(one).map(({ name }) => name)),
    ...declared.plugins.filter(({ on }) => !on).map(({ name }) => `plugins.${name}`),
  ])

const core: readonly Column[] = [
  { ...typed('core.username', 'username', 'Username', 'wshatner'), required: true },
  {
    name: 'core.password',
    key: 'password',
    label: 'Password',
    known: [],
    isSecret: true,
    sample: '',
    // Never trimmed: a space can belong to a password.
    take: (cell, input) => {
      if (cell) input.password = cell
      return undefined
    },
  },
  {
    name: 'core.password_hash',
    key: 'passwordHash',
    label: 'Password, as the hash of another system',
    known: ['userPassword', 'password hash'],
    isSecret: true,
    sample: '',
    take: (cell, input) => {
      if (cell.trim() === '') return undefined
      const judged = foreignHash(cell.trim())
      if ('problem' in judged) return judged.problem
      input.passwordHash = judged.hash
      return undefined
    },
  },
  { ...typed('core.first_name', 'first', 'First name', 'William'), required: true },
  { ...typed('core.last_name', 'last', 'Last name', 'Shatner'), required: true },
  oneOf('core.status', 'status', 'Status', ['enabled', 'disabled', 'locked']),
  oneOf(
    'core.role',
    'role',
    'Role',
    roles.map(({ role }) => role),
  ),
  moment('core.valid_from', 'validFrom', 'Valid from'),
  moment('core.valid_until', 'validUntil', 'Valid until'),
]

function typed(name: string, key: 'username' | 'first' | 'last', label: string, sample: string): Column {
  return {
    name,
    key,
    label,
    known: { username: ['uid'], first: ['givenName'], last: ['sn'] }[key],
    sample,
    take: (cell, input) => {
      if (cell.trim()) input[key] = cell.trim()
      return undefined
    },
    show: (user) => user[key],
  }
}

function oneOf<K extends 'status' | 'role'>(name: string, key: K, label: string, allowed: readonly User[K][]): Column {
  return {
    name,
    key,
    label,
    known: [],
    sample: allowed[0] as string,
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

function moment(name: string, key: 'validFrom' | 'validUntil', label: string): Column {
  return {
    name,
    key,
    label,
    known: [],
    sample: '',
    take: (cell, input, clears) => {
      if (cell.trim() || clears) input[key] = cell.trim()
      return undefined
    },
    show: (user) => user[key] ?? '',
  }
}

const extensionColumns = (extension: Declared['extensions'][number]): Column[] =>
  Object.entries(extension.user).flatMap(([name, field]): Column[] => {
    if (field.readOnly) return []
    const column = (of: string) => `extensions.${of}.${field.column ?? name}`.toLowerCase()
    return [
      {
        name: column(extension.name),
        key: `${extension.name}.${name}`,
        label: `${extension.title.replace(/ Extension$/, '')}: ${field.label}`,
        known: [field.attribute, field.label, name, ...aliasNames(extension, field, column)],
        sample: sampleOf(field),
        ...(field.type === 'list' && { isList: true }),
        ...(field.isName && { isName: true }),
        take: (cell, input, clears) => {
          if (cell.trim() || clears)
            input.extensions = {
              ...input.extensions,
              [extension.name]: { ...input.extensions?.[extension.name], [name]: cell },
            }
          return undefined
        },
        show: (user) => {
          const value = user.extensions[extension.name]?.[name]
          return value === undefined ? '' : cellOf(field, value)
        },
      },
    ]
  })

/** What the alias of an extension calls it: its own column, and its LDAP attribute. */
const aliasNames = (
  { alias }: Declared['extensions'][number],
  { attribute }: AnyField,
  column: (of: string) => string,
) => (alias ? [column(alias.name), alias.attribute(attribute)] : [])

type AnyField = Declared['extensions'][number]['user'][string]

/** Entries of a list with commas between; on lines of their own where an entry may hold a comma. */
function cellOf(field: AnyField, value: unknown): string {
  const text = field.format(value)
  if (field.type !== 'list' || !text.includes('\n')) return text
  const commas = text.replaceAll('\n', ', ')
  const again = field.parse(commas)
  return 'value' in again && String(again.value) === String(value) ? commas : text
}

const samples: Partial<Record<AnyField['type'], string>> = {
  email: 'wshatner@example.com',
  telephone: '+1 416 555 0100',
  switch: 'no',
}

/** What stands in the template. A field that must be filled has something that it takes, unless its pattern is too narrow. */
function sampleOf(field: AnyField): string {
  const sample = field.initial?.includes('{') ? '' : (field.initial ?? samples[field.type] ?? '')
  if (sample || !field.required) return sample
  const tries = [...(field.options ?? []).map(({ value }) => value), 'Sample', '1', '2026-11-23']
  return tries.find((text) => 'value' in field.parse(text)) ?? ''
}

const on = new Set(['1', 'yes', 'y', 'true', 'on'])
const off = new Set(['0', 'no', 'n', 'false', 'off'])

const pluginColumn = (plugin: Declared['plugins'][number]): Column => ({
  name: `plugins.${plugin.name}`,
  key: `plugins.${plugin.name}`,
  label: `Plugin: ${plugin.title}`,
  known: [],
  sample: '0',
  take: (cell, input) => {
    const word = cell.trim().toLowerCase()
    if (on.has(word)) input.pluginsOn.push(plugin.name)
    else if (off.has(word)) input.pluginsOff.push(plugin.name)
    else if (word) return `“${short(cell)}” must be 1 or 0, yes or no, true or false.`
    return undefined
  },
  show: (user) => (user.plugins.includes(plugin.name) ? '1' : '0'),
})

const groupsColumn: Column = {
  name: 'groups',
  key: 'groups',
  label: 'Groups',
  known: [],
  sample: '',
  isList: true,
  take: (cell, input, clears) => {
    const names = cell.split(/[\n,;]/).map((name) => name.trim())
    // Everyone is in allusers; older files list it.
    const named = [...new Set(names.filter((name) => name && name.toLowerCase() !== 'allusers'))]
    if (named.length > 0 || clears) input.groups = named
    return undefined
  },
  show: (user) => user.groupNames.join(','),
}

/** How a file calls what a problem is about. */
export const columnOf = (columns: readonly Column[], key: string): string | undefined =>
  columns.find((column) => column.key === key)?.name ?? (key || undefined)
