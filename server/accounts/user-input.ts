import type { Knex } from 'knex'
import type { Problems } from '../errors.ts'
import { extensions, pluginByName } from '../extensions/index.ts'
import type { Role, Status, UserBody } from '../store/bodies.ts'
import { groupRowsByName } from '../store/groups.ts'
import { ownerOfName } from '../store/names.ts'
import { userIdByName } from '../store/users.ts'
import { canonicalName, personNameProblem, usernameProblem } from './names.ts'
import { passwordProblem } from './passwords.ts'

/** What is typed about a person. Fields left out stay as they are; an empty text clears. */
export type UserInput = {
  username: string
  first: string
  last: string
  password?: string
  status?: Status
  role?: Role
  /** Names of groups; the whole list. */
  groups?: string[]
  /** Names of plugins; the whole list. */
  plugins?: string[]
  /** extension -> field -> typed text */
  extensions?: Record<string, Record<string, string>>
}

/** What an input comes to: only the fields that it names. */
export type UserValues = Partial<
  Pick<UserBody, 'username' | 'first' | 'last' | 'status' | 'role' | 'groups' | 'plugins' | 'extensions'>
>

/** The one place where what is typed about a person is judged. */
export async function judgeInput(
  trx: Knex,
  input: Partial<UserInput>,
  was: { id: string; body: UserBody } | undefined,
): Promise<{ values: UserValues; problems: Problems }> {
  const problems: Problems = {}
  const values: UserValues = {}
  const isNew = was === undefined
  if (input.username !== undefined || isNew) {
    values.username = canonicalName(input.username ?? '')
    const problem =
      values.username === was?.body.username ? undefined : await usernameTaken(trx, values.username, was?.id)
    if (problem) problems.username = problem
  }
  for (const [field, label] of [
    ['first', 'First name'],
    ['last', 'Last name'],
  ] as const) {
    const typed = input[field]
    if (typed === undefined && !isNew) continue
    const name = (typed ?? '').normalize('NFC').trim().replace(/\s+/g, ' ')
    values[field] = name
    const problem = personNameProblem(label, name)
    if (problem) problems[field] = problem
  }
  if (isNew && input.password) {
    const problem = passwordProblem(input.password, values.username)
    if (problem) problems.password = problem
  }
  if (input.status !== undefined) values.status = input.status
  if (input.role !== undefined) values.role = input.role
  if (input.groups !== undefined) await checkGroups(trx, input.groups, values, problems)
  if (input.plugins !== undefined) checkPlugins(input.plugins, values, problems)
  checkExtensions(input.extensions, was?.body.extensions ?? {}, isNew, values, problems)
  return { values, problems }
}

async function usernameTaken(trx: Knex, name: string, self: string | undefined): Promise<string | undefined> {
  const problem = usernameProblem(name)
  if (problem) return problem
  const owner = await ownerOfName(trx, name)
  if (owner === undefined || owner === self) return undefined
  const isUser = (await userIdByName(trx, name)) !== undefined
  return `A ${isUser ? 'user' : 'group'} named “${name}” already exists. Choose another username.`
}

async function checkGroups(trx: Knex, typed: string[], values: UserValues, problems: Problems): Promise<void> {
  const names = [...new Set(typed.map(canonicalName).filter(Boolean))]
  const rows = (await groupRowsByName(trx, names)).filter((row) => row.type === 'normal')
  const known = new Set(rows.map((row) => row.name))
  const unknown = names.filter((name) => !known.has(name) && name !== 'allusers')
  if (unknown.length > 0) problems.groups = `There is no group ${unknown.map((name) => `“${name}”`).join(', ')}.`
  values.groups = rows.map((row) => row.id).sort()
}

function checkPlugins(typed: string[], values: UserValues, problems: Problems): void {
  const unknown = typed.filter((name) => !pluginByName(name))
  if (unknown.length > 0) problems.plugins = `There is no plugin ${unknown.map((name) => `“${name}”`).join(', ')}.`
  values.plugins = [...new Set(typed)].sort()
}

function checkExtensions(
  typed: UserInput['extensions'],
  was: UserBody['extensions'],
  isNew: boolean,
  values: UserValues,
  problems: Problems,
): void {
  if (typed === undefined && !isNew) return
  const kept: UserBody['extensions'] = { ...was }
  for (const extension of extensions) {
    const given = typed?.[extension.name]
    if (given === undefined && !isNew) continue
    const next: Record<string, unknown> = { ...was[extension.name] }
    for (const [name, field] of Object.entries(extension.user)) {
      const text = given?.[name]
      if (text === undefined && !(isNew && field.required)) continue
      const result = field.parse(text ?? '')
      if ('problem' in result) problems[`${extension.name}.${name}`] = result.problem
      else if (result.value === undefined) delete next[name]
      else next[name] = result.value
    }
    const across = extension.check?.(next as never) ?? {}
    for (const [name, problem] of Object.entries(across)) problems[`${extension.name}.${name}`] = problem
    if (Object.keys(next).length > 0) kept[extension.name] = next
    else delete kept[extension.name]
  }
  for (const [extension, fields] of Object.entries(typed ?? {})) {
    const declared = extensions.find((candidate) => candidate.name === extension)
    if (!declared) problems[extension] = `There is no extension “${extension}”.`
    else
      for (const name of Object.keys(fields))
        if (!(name in declared.user)) problems[`${extension}.${name}`] = `${declared.title} has no field “${name}”.`
  }
  values.extensions = kept
}
