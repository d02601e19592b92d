import { type Declared, declared } from '../accounts/declarations.ts'
import { allGroups, type Group, groupNames, groupsInEffect } from '../accounts/groups.ts'
import { mayUse } from '../accounts/may-use.ts'
import { pluginList } from '../accounts/plugins.ts'
import { applyProfile, type Profile, profileByName, profileList } from '../accounts/profiles.ts'
import { roles } from '../accounts/roles.ts'
import { fillTemplate } from '../accounts/templates.ts'
import type { User } from '../accounts/user.ts'
import type { UserInput } from '../accounts/user-input.ts'
import type { Problems } from '../errors.ts'
import type { Role } from '../store/bodies.ts'
import type { Db } from '../store/db.ts'
import { type FieldView, fieldViews, initialValues, sectionTitle, typedValues } from './field-view.ts'
import { type Form, fieldId } from './form.ts'
import { toLocal } from './moment.ts'

type Person = Pick<User, 'username' | 'first' | 'last' | 'role' | 'groups' | 'plugins' | 'extensions'> &
  Partial<Pick<User, 'validFrom' | 'validUntil' | 'mustChange'>>

/** Somebody who is not there yet: in no group, with no service. */
export const emptyUser: Person = {
  username: '',
  first: '',
  last: '',
  role: 'person',
  groups: [],
  plugins: [],
  extensions: {},
}

export type TypedUser = Partial<Omit<UserInput, 'password' | 'passwordHash' | 'status'>> &
  Required<Pick<UserInput, 'username' | 'first' | 'last' | 'groups' | 'plugins' | 'extensions'>>

/** What was typed. Plugins and extensions that are off are not on the form, so they stay as they are. */
export function typedUser(form: Form, known: Declared, user?: Person): TypedUser {
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
    ...(form.has('role') && { role: form.text('role') as Role }),
    ...typedMoment(form, 'validFrom', user?.validFrom),
    ...typedMoment(form, 'validUntil', user?.validUntil),
    ...(form.has('shown-must-change') && { mustChange: form.has('mustChange') }),
    groups: [...new Set([...form.list('groups'), ...more])],
    plugins: [...hidden, ...form.list('plugins')],
    extensions: Object.fromEntries(
      known.extensions
        .filter((extension) => extension.on)
        .map((extension) => [
          extension.name,
          typedValues(form, extension, extension.user, user?.extensions[extension.name]),
        ]),
    ),
  }
}

/** The page shows moments to the minute: one that was left alone is not rounded. */
function typedMoment(
  form: Form,
  name: 'validFrom' | 'validUntil',
  kept: string | undefined,
): Partial<Record<'validFrom' | 'validUntil', string>> {
  if (!form.has(name)) return {}
  const typed = form.text(name)
  return typed === toLocal(kept) ? {} : { [name]: typed }
}

/** What was typed with the placeholders of its profile filled in. */
export function withProfile(typed: TypedUser, profile: Profile | undefined): TypedUser {
  if (!profile) return typed
  const person = { username: typed.username.trim().toLowerCase(), first: typed.first.trim(), last: typed.last.trim() }
  const extensions = Object.entries(typed.extensions).map(([name, values]) => [
    name,
    Object.fromEntries(
      Object.entries(values).map(([key, text]) =>
        profile.extensions[name]?.[key] === undefined ? [key, text] : [key, fillTemplate(text, person)],
      ),
    ),
  ])
  return { ...typed, extensions: Object.fromEntries(extensions) }
}

/** What the form of a new person begins with: the declarations' values, and over them those of a profile. */
export async function beginning(db: Db, profile: Profile | undefined): Promise<TypedUser> {
  const known = await declared(db)
  const extensions = known.extensions
    .filter((extension) => extension.on)
    .map((extension) => [extension.name, { ...initialValues(extension.user), ...profile?.extensions[extension.name] }])
  const nobody = { username: '', first: '', last: '' }
  const { groups, plugins } = profile ? applyProfile(profile, nobody) : { groups: [], plugins: [] }
  return { ...nobody, role: 'person', groups, plugins, extensions: Object.fromEntries(extensions) }
}

type Given = { user: Person; typed?: TypedUser; problems?: Problems; profile?: Profile | undefined }

/** Everything the form shows: what was typed, else what is kept. */
export async function userForm(db: Db, given: Given) {
  const { user, typed, problems = {}, profile } = given
  const isNew = user.username === ''
  const [known, groups, inGroups, profiles] = await Promise.all([
    declared(db),
    allGroups(db),
    groupNames(db, user.groups),
    isNew ? profileList(db) : [],
  ])
  const savedGroups = [...inGroups.values()].sort()
  const sections = known.extensions
    .filter((extension) => extension.on)
    .map(({ name, title, user: fields, isOwn, summary }) => {
      const views = fieldViews({ name }, fields, user.extensions[name], typed?.extensions[name], problems)
      return {
        id: `s-${name}`,
        title: sectionTitle({ title }),
        note: isOwn ? summary || 'Made here.' : '',
        fields: views,
        problems: views.filter((field) => field.problem).length,
      }
    })
  const services = known.plugins
    .filter((plugin) => plugin.on)
    .map((plugin) => ({
      ...plugin,
      checked: (typed?.plugins ?? user.plugins).includes(plugin.name),
      saved: user.plugins.includes(plugin.name),
    }))
  const labels = new Map(sections.flatMap((section) => section.fields.map((field) => [field.name, section.title])))
  return {
    user,
    problems,
    isNew,
    profiles: profiles.map(({ name, description }) => ({ name, description })),
    profile: profile?.name ?? '',
    hasTemplates: Object.values(profile?.extensions ?? {}).some((values) => /\{/.test(Object.values(values).join())),
    name: nameFields(user, typed, problems),
    standing: standingFields(user, typed, problems),
    sections,
    rail: railOf(services.length > 0, sections, problems),
    services,
    groups: groups.map((group) => group.name),
    chosen: [...new Set([...savedGroups, ...(typed?.groups ?? [])])].map((name) => ({
      name,
      checked: typed ? typed.groups.includes(name) : true,
      saved: savedGroups.includes(name),
    })),
    summary: Object.entries(problems).map(([name, text]) => ({ name, text, label: labels.get(name) ?? '' })),
  }
}

type Part = { id: string; title: string; problems: number }

/** The parts of the form in their order, each with how many problems it has. */
function railOf(hasServices: boolean, sections: Part[], problems: Problems): Part[] {
  const part = (id: string, title: string, names: string[]): Part => ({
    id,
    title,
    problems: names.filter((name) => problems[name]).length,
  })
  return [
    part('s-name', 'Name', ['username', 'first', 'last']),
    part('s-password', 'Password', ['password', 'password2']),
    ...(hasServices ? [part('s-services', 'Services', ['plugins'])] : []),
    ...sections,
    part('s-groups', 'Groups', ['groups']),
    part('s-role', 'Role and validity', ['role', 'validFrom', 'validUntil']),
  ]
}

/** The profile that the form names, if it is still there. */
export async function profileOf(db: Db, name: string): Promise<Profile | undefined> {
  return name === '' ? undefined : profileByName(db, name)
}

const plain: Record<string, string> = {
  username: 'Username',
  first: 'First name',
  last: 'Last name',
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

/** Role, validity and whether a new password is due. */
function standingFields(user: Person, typed: TypedUser | undefined, problems: Problems) {
  const moment = (name: 'validFrom' | 'validUntil', label: string, help: string): FieldView => ({
    name,
    id: fieldId(name),
    label,
    type: 'moment',
    value: typed?.[name] ?? toLocal(user[name]),
    saved: toLocal(user[name]),
    problem: problems[name],
    help,
  })
  return {
    role: { value: typed?.role ?? user.role, saved: user.role, problem: problems.role, roles },
    validFrom: moment('validFrom', 'Valid from', 'Empty: at once.'),
    validUntil: moment('validUntil', 'Valid until', 'Empty: without end. From then on every door refuses this person.'),
    mustChange: { value: typed?.mustChange ?? user.mustChange ?? false, saved: user.mustChange ?? false },
  }
}

/** The rail: may this person use a service, and why; which groups count beside those named. */
export async function factsOf(db: Db, user: User, plugin: string) {
  const [plugins, groups] = await Promise.all([pluginList(db), groupsInEffect(db, user.groups)])
  const on = plugins.filter((one) => one.on)
  const about = on.find((one) => one.name === plugin) ?? on[0]
  return {
    account: user,
    about,
    why: about && (await mayUse(db, user, about)),
    through: groupsThrough(user.groups, groups),
  }
}

/** Groups that a person is in only through others: each with the group that leads there. */
function groupsThrough(direct: readonly string[], groups: Map<string, Group>): { name: string; via: string }[] {
  const seen = new Set(direct)
  const found: { name: string; via: string }[] = []
  const line = direct.flatMap((id) => groups.get(id) ?? []).map((group) => ({ group, via: group.name }))
  for (const { group, via } of line) {
    for (const id of group.groups ?? []) {
      const above = groups.get(id)
      if (!above || seen.has(id)) continue
      seen.add(id)
      found.push({ name: above.name, via })
      line.push({ group: above, via })
    }
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1))
}
