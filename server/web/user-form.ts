import { extensionList } from '../accounts/extensions.ts'
import { allGroups, groupNames } from '../accounts/groups.ts'
import { mayUse, pluginList } from '../accounts/plugins.ts'
import type { User, UserInput } from '../accounts/users.ts'
import type { Problems } from '../errors.ts'
import type { Extension } from '../extensions/extension.ts'
import { extensionByName, extensions, pluginByName } from '../extensions/index.ts'
import type { Db } from '../store/db.ts'
import { type Form, fieldId } from './form.ts'

/** One input as the page draws it. `saved` is what the store has, so that the page can say what changed. */
export type FieldView = {
  name: string
  id: string
  label: string
  type: string
  value: string
  saved: string
  problem?: string | undefined
  help?: string | undefined
  options?: readonly { value: string; label: string }[] | undefined
  required?: boolean
  maxLength?: number
}

type Person = Pick<User, 'username' | 'first' | 'last' | 'role' | 'groups' | 'plugins' | 'extensions'>

/** The form of somebody who is not there yet starts with what the declarations say. */
export const emptyUser: Person = {
  username: '',
  first: '',
  last: '',
  role: 'person',
  groups: [],
  plugins: [],
  extensions: Object.fromEntries(extensions.map((extension) => [extension.name, initialValues(extension)])),
}

function initialValues(extension: Extension): Record<string, string> {
  const given = Object.entries(extension.user).filter(([, field]) => field.initial && !field.initial.includes('{'))
  return Object.fromEntries(given.map(([name, field]) => [name, field.initial ?? '']))
}

export type TypedUser = Required<Omit<UserInput, 'password' | 'status'>>

/** What was typed. Plugins and extensions that are off are not on the form, so they stay as they are. */
export function typedUser(form: Form, user?: Person): TypedUser {
  const shown = new Set(form.list('shown-plugins'))
  const hidden = (user?.plugins ?? []).filter((name) => !shown.has(name))
  const more = form
    .text('add-group')
    .split(/[\s,;]+/)
    .filter(Boolean)
  return {
    username: form.text('username'),
    first: form.text('first'),
    last: form.text('last'),
    role: form.text('role') === 'administrator' ? 'administrator' : 'person',
    groups: [...new Set([...form.list('groups'), ...more])],
    plugins: [...hidden, ...form.list('plugins').filter((name) => pluginByName(name))],
    extensions: Object.fromEntries(extensions.map((extension) => [extension.name, typedValues(form, extension)])),
  }
}

const typedValues = (form: Form, extension: Extension): Record<string, string> =>
  Object.fromEntries(
    Object.keys(extension.user)
      .filter((name) => form.has(`${extension.name}.${name}`))
      .map((name) => [name, form.text(`${extension.name}.${name}`)]),
  )

/** Everything the form shows: what was typed, else what is kept. */
export async function userForm(db: Db, given: { user: Person; typed?: TypedUser; problems?: Problems }) {
  const { user, typed, problems = {} } = given
  const [states, plugins, groups, inGroups] = await Promise.all([
    extensionList(db),
    pluginList(db),
    allGroups(db),
    groupNames(db, user.groups),
  ])
  const savedGroups = [...inGroups.values()].sort()
  const sections = states
    .filter((state) => state.on)
    .map((state) => extensionByName(state.name))
    .filter((extension) => extension !== undefined)
    .map((extension) => sectionOf(extension, user, typed, problems))
  const labels = new Map(sections.flatMap((section) => section.fields.map((field) => [field.name, section.title])))
  return {
    user,
    problems,
    name: nameFields(user, typed, problems),
    role: { value: typed?.role ?? user.role, saved: user.role },
    sections,
    services: plugins
      .filter((plugin) => plugin.on)
      .map((plugin) => ({
        ...plugin,
        checked: (typed?.plugins ?? user.plugins).includes(plugin.name),
        saved: user.plugins.includes(plugin.name),
      })),
    groups: groups.map((group) => group.name),
    chosen: [...new Set([...savedGroups, ...(typed?.groups ?? [])])].map((name) => ({
      name,
      checked: typed ? typed.groups.includes(name) : true,
      saved: savedGroups.includes(name),
    })),
    summary: Object.entries(problems).map(([name, text]) => ({
      name,
      text,
      label: labels.get(name) ?? '',
    })),
  }
}

const plain: Record<string, string> = {
  username: 'Username',
  first: 'First name',
  last: 'Last name',
  password: 'Password',
  password2: 'Password again',
  groups: 'Groups',
  plugins: 'Services',
}

function nameFields(user: Person, typed: TypedUser | undefined, problems: Problems): Record<string, FieldView> {
  const field = (name: 'username' | 'first' | 'last', rest: Partial<FieldView> = {}): FieldView => ({
    name,
    id: fieldId(name),
    label: plain[name] as string,
    type: 'text',
    value: typed?.[name] ?? user[name],
    saved: user[name],
    problem: problems[name],
    required: true,
    ...rest,
  })
  const kept = user.username ? ' Renaming keeps the number, groups and services.' : ''
  return {
    username: field('username', { help: `2–32 of a–z, 0–9, “_”, “-”, “.”, as in fnystrom.${kept}`, maxLength: 64 }),
    first: field('first', { maxLength: 128 }),
    last: field('last', { maxLength: 128 }),
  }
}

function sectionOf(extension: Extension, user: Person, typed: TypedUser | undefined, problems: Problems) {
  const fields = Object.entries(extension.user).map(([key, field]): FieldView => {
    const name = `${extension.name}.${key}`
    const kept = user.extensions[extension.name]?.[key]
    const saved = kept === undefined ? '' : field.format(kept as never)
    return {
      name,
      id: fieldId(name),
      label: field.label,
      type: field.type,
      value: typed?.extensions[extension.name]?.[key] ?? saved,
      saved,
      problem: problems[name],
      help: field.help,
      options: field.options,
      required: field.required,
      maxLength: field.maxLength,
    }
  })
  return {
    id: `s-${extension.name}`,
    title: extension.title.replace(/ Extension$/, ''),
    fields,
    problems: fields.filter((field) => field.problem).length,
  }
}

/** The rail: may this person use a service, and why. */
export async function factsOf(db: Db, user: User, plugin: string) {
  const plugins = (await pluginList(db)).filter((one) => one.on)
  const about = plugins.find((one) => one.name === plugin) ?? plugins[0]
  return { account: user, about, why: about && mayUse(user, about) }
}
