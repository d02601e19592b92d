import type { Knex } from 'knex'
import type { Problems } from '../errors.ts'
import type { Fields } from '../extensions/extension.ts'
import type { ExtensionValues, Role, Status, UserBody } from '../store/bodies.ts'
import { groupIdByName, groupNamesByIds, groupRowsByName } from '../store/groups.ts'
import { ownerOfName } from '../store/names.ts'
import { userIdByName } from '../store/users.ts'
import type { Declared } from './declarations.ts'
import { parseMoment } from './moments.ts'
import { aliasProblem, canonicalName, personNameProblem, usernameProblem } from './names.ts'
import { roles } from './roles.ts'

/** What is typed about a person. Fields left out stay as they are; an empty text clears. */
export type UserInput = {
  username: string
  first: string
  last: string
  password?: string
  /** A hash of another system, already judged by `foreignHash`. */
  passwordHash?: string
  status?: Status
  role?: Role
  /** A moment in ISO 8601, or a day: from its begin, until its end. */
  validFrom?: string
  validUntil?: string
  mustChange?: boolean
  /** Names of groups; the whole list. */
  groups?: string[]
  /** Names of plugins; the whole list. */
  plugins?: string[]
  /** extension -> field -> typed text */
  extensions?: Record<string, Record<string, string>>
}

/** What an input comes to: only the fields that it names; undefined takes one away. */
export type UserValues = {
  [K in
    | 'username'
    | 'first'
    | 'last'
    | 'status'
    | 'role'
    | 'validFrom'
    | 'validUntil'
    | 'groups'
    | 'plugins'
    | 'extensions']?: UserBody[K] | undefined
}

type Was = { id: string; body: UserBody } | undefined
type Judged = { values: UserValues; problems: Problems }

/** The one place where what is typed about a person is judged; passwords have a judge of their own (policies.ts). */
export async function judgeInput(trx: Knex, declared: Declared, input: Partial<UserInput>, was: Was): Promise<Judged> {
  const judged: Judged = { values: {}, problems: {} }
  await judgeNames(trx, input, was, judged)
  judgeStanding(input, was, judged)
  if (input.groups !== undefined) await judgeGroups(trx, input.groups, was, judged)
  if (input.plugins !== undefined) judgePlugins(declared, input.plugins, was, judged)
  if (input.extensions !== undefined || !was) {
    const typed = input.extensions ?? {}
    const kept = was?.body.extensions ?? {}
    judged.values.extensions = judgeExtensions(declared, typed, kept, !was, userFields, judged.problems)
    await judgeUniqueValues(trx, declared, judged, was)
  }
  return judged
}

async function judgeNames(trx: Knex, input: Partial<UserInput>, was: Was, { values, problems }: Judged): Promise<void> {
  if (input.username !== undefined || !was) {
    values.username = canonicalName(input.username ?? '')
    const problem =
      values.username === was?.body.username
        ? undefined
        : (usernameProblem(values.username) ?? (await nameTaken(trx, values.username, was?.id, 'username')))
    if (problem) problems.username = problem
  }
  for (const [field, label] of [
    ['first', 'First name'],
    ['last', 'Last name'],
  ] as const) {
    const typed = input[field]
    if (typed === undefined && was) continue
    const name = (typed ?? '').normalize('NFC').trim().replace(/\s+/g, ' ')
    values[field] = name
    const problem = personNameProblem(label, name)
    if (problem) problems[field] = problem
  }
}

/** Who has this name already, as a sentence; undefined when it is free or `self` has it. */
export async function nameTaken(
  trx: Knex,
  name: string,
  self: string | undefined,
  what: 'username' | 'group name' | 'alias' | 'address',
): Promise<string | undefined> {
  const owner = await ownerOfName(trx, name)
  if (owner === undefined || owner === self) return undefined
  const [user, group] = await Promise.all([userIdByName(trx, name), groupIdByName(trx, name)])
  const kind = user ? 'A user' : group ? 'A group' : 'An alias'
  return `${kind} named “${name}” already exists. Choose another ${what}.`
}

function judgeStanding(input: Partial<UserInput>, was: Was, { values, problems }: Judged): void {
  if (input.status !== undefined) values.status = input.status
  if (input.role !== undefined) {
    values.role = input.role
    if (!roles.some(({ role }) => role === input.role))
      problems.role = `Role must be one of: ${roles.map(({ role }) => role).join(', ')}.`
  }
  for (const [field, label, bound] of [
    ['validFrom', 'Valid from', 'begin'],
    ['validUntil', 'Valid until', 'end'],
  ] as const) {
    const typed = input[field]
    if (typed === undefined) continue
    const moment = parseMoment(typed, bound)
    if (moment === null) problems[field] = `${label} must be a day or a moment, as in 2026-11-23 or 2026-11-23T17:30.`
    else values[field] = moment
  }
  const from = 'validFrom' in values ? values.validFrom : was?.body.validFrom
  const until = 'validUntil' in values ? values.validUntil : was?.body.validUntil
  if (from && until && from >= until && (values.validFrom || values.validUntil))
    problems.validUntil ??= 'Valid until must be later than valid from.'
}

async function judgeGroups(trx: Knex, typed: string[], was: Was, { values, problems }: Judged): Promise<void> {
  const names = [...new Set(typed.map(canonicalName).filter(Boolean))]
  const rows = (await groupRowsByName(trx, names)).filter((row) => row.type !== 'builtin')
  const known = new Set(rows.map((row) => row.name))
  const unknown = names.filter((name) => !known.has(name) && name !== 'allusers')
  if (unknown.length > 0) problems.groups = `There is no group ${unknown.map((name) => `“${name}”`).join(', ')}.`
  // Groups in the recycle bin have no name to be typed; whoever was in one is in it again when it comes back.
  const before = was?.body.groups ?? []
  const live = before.length > 0 ? await groupNamesByIds(trx, before) : new Map<string, string>()
  const waiting = before.filter((id) => !live.has(id))
  values.groups = [...new Set([...rows.map((row) => row.id), ...waiting])].sort()
}

function judgePlugins(declared: Declared, typed: string[], was: Was, { values, problems }: Judged): void {
  const unknown = typed.filter((name) => !declared.plugin(name))
  if (unknown.length > 0) problems.plugins = `There is no plugin ${unknown.map((name) => `“${name}”`).join(', ')}.`
  // A newer version may know plugins that this one does not: what it switched on stays on.
  const foreign = (was?.body.plugins ?? []).filter((name) => !declared.plugin(name))
  values.plugins = [...new Set([...typed, ...foreign])].sort()
}

/** The fields of an extension that are meant: those of people, or those of groups. */
export type FieldsOf = (extension: Declared['extensions'][number]) => Fields | undefined
export const userFields: FieldsOf = (extension) => extension.user
export const groupFields: FieldsOf = (extension) => extension.group?.fields

/** Typed texts of extensions -> values to keep. What is not typed stays; problems go under `extension.field`. */
export function judgeExtensions(
  declared: Declared,
  input: Record<string, Record<string, string>>,
  was: ExtensionValues,
  isNew: boolean,
  fieldsOf: FieldsOf,
  problems: Problems,
): ExtensionValues {
  const kept: ExtensionValues = { ...was }
  const typed = Object.fromEntries(
    Object.entries(input).map(([called, given]) => [declared.extension(called)?.name ?? called, given]),
  )
  for (const extension of declared.extensions) {
    const fields = fieldsOf(extension)
    const given = typed[extension.name]
    if (!fields || (given === undefined && !(isNew && extension.on))) continue
    if (!extension.on && given && Object.values(given).some(Boolean)) {
      problems[extension.name] = `The ${extension.title} is turned off.`
      continue
    }
    const next: Record<string, unknown> = { ...was[extension.name] }
    for (const [name, field] of Object.entries(fields)) {
      const text = given?.[name]
      if (text === undefined && !(isNew && field.required)) continue
      if (isKept(field, was[extension.name]?.[name], text)) continue
      const result = field.parse(text ?? '')
      if ('problem' in result) problems[`${extension.name}.${name}`] = result.problem
      else if (result.value === undefined) delete next[name]
      else next[name] = result.value
    }
    const across = fieldsOf === userFields ? (extension.check?.(next as never) ?? {}) : {}
    for (const [name, problem] of Object.entries(across)) problems[`${extension.name}.${name}`] = problem
    if (Object.keys(next).length > 0) kept[extension.name] = next
    else delete kept[extension.name]
  }
  nameUnknown(declared, typed, fieldsOf, problems)
  return kept
}

/** What somebody has stays as it is, also when the rules have become stricter since: nobody typed it now. */
function isKept(field: Fields[string], kept: unknown, text: string | undefined): boolean {
  if (kept === undefined || text === undefined) return false
  const same = (other: string): boolean => oneSpelling(other) === oneSpelling(text)
  // As the form has it, or as CSV.
  return same(field.format(kept)) || (field.type === 'list' && same(field.values(kept).join(', ')))
}

const oneSpelling = (text: string): string =>
  text
    .normalize('NFC')
    .trim()
    .replace(/\s*\r?\n\s*/g, '\n')

function nameUnknown(
  declared: Declared,
  typed: Record<string, Record<string, string>>,
  fieldsOf: FieldsOf,
  problems: Problems,
): void {
  for (const [name, given] of Object.entries(typed)) {
    const extension = declared.extension(name)
    const fields = extension && fieldsOf(extension)
    if (!extension || !fields) problems[name] = `There is no extension “${name}”.`
    else
      for (const field of Object.keys(given))
        if (!Object.hasOwn(fields, field)) problems[`${name}.${field}`] = `${extension.title} has no field “${field}”.`
  }
}

/** Values that share the pool of names with users and groups, such as mail aliases. */
async function judgeUniqueValues(trx: Knex, declared: Declared, judged: Judged, was: Was): Promise<void> {
  for (const extension of declared.extensions) {
    for (const [name, field] of Object.entries(extension.user)) {
      if (!field.isName) continue
      const value = judged.values.extensions?.[extension.name]?.[name]
      if (value === undefined || value === was?.body.extensions[extension.name]?.[name]) continue
      for (const text of field.values(value as never)) {
        const taken = canonicalName(text)
        const what = taken.includes('@') ? 'address' : 'alias'
        const problem = aliasProblem(taken) ?? (await nameTaken(trx, taken, was?.id, what))
        if (problem) judged.problems[`${extension.name}.${name}`] ??= problem
      }
    }
  }
}
