import type { Request, Response } from 'express'
import { type Declared, declared } from '../accounts/declarations.ts'
import { allGroups } from '../accounts/groups.ts'
import {
  addProfile,
  changeProfile,
  type Profile,
  type ProfileInput,
  profileByName,
  profileList,
  removeProfile,
} from '../accounts/profiles.ts'
import { placeholders } from '../accounts/templates.ts'
import type { Problems } from '../errors.ts'
import type { Conflict } from './conflict.ts'
import { type FieldView, fieldViews, sectionTitle } from './field-view.ts'
import { type Form, formOf, part, problemsOf, seqIn } from './form.ts'
import { actorOf, dbOf } from './node.ts'
import { profileConflict } from './profile-conflict.ts'
import { redirect, render } from './render.ts'
import { rightsOf } from './rights.ts'

export async function showProfiles(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const [profiles, known] = await Promise.all([profileList(db), declared(db)])
  const rows = profiles.map((profile) => ({
    ...profile,
    services: profile.plugins.flatMap((name) => known.plugin(name)?.title ?? []),
    values: Object.values(profile.extensions).reduce((sum, values) => sum + Object.keys(values).length, 0),
  }))
  await render(req, res, 'profiles/index', { profiles: rows, ...rightsOf(req) })
}

const nobody: ProfileInput = { name: '', description: '', groups: [], plugins: [], extensions: {} }

export async function newProfile(req: Request, res: Response): Promise<void> {
  await renderForm(req, res, nobody)
}

export async function addNewProfile(req: Request, res: Response): Promise<void> {
  const typed = typedProfile(formOf(req), await declared(dbOf(req)))
  try {
    const profile = await addProfile(dbOf(req), actorOf(req), typed)
    await redirect(req, res, '/profiles', `Profile ${profile.name} was added.`)
  } catch (error) {
    await renderForm(req, res, typed, undefined, problemsOf(error))
  }
}

export async function showProfile(req: Request, res: Response): Promise<void> {
  const profile = await profileByName(dbOf(req), part(req, 'name'))
  await renderForm(req, res, { ...profile, groups: profile.groupNames }, profile)
}

export async function saveProfile(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const profile = await profileByName(db, part(req, 'name'))
  const form = formOf(req)
  const known = await declared(db)
  const typed = typedProfile(form, known, profile)
  const seq = seqIn(form)
  try {
    const saved = await changeProfile(db, actorOf(req), profile.id, typed, seq)
    await redirect(
      req,
      res,
      '/profiles',
      `Profile ${saved.name} is saved. People who are there already stay as they are.`,
    )
  } catch (error) {
    const problems = problemsOf(error)
    const said = problems['']
    const isLate = said !== undefined && seq !== undefined && seq !== profile.seq
    const conflict = isLate ? await profileConflict(db, known, profile, typed, seq, said) : undefined
    await renderForm(req, res, typed, profile, problems, conflict)
  }
}

export async function askRemoveProfile(req: Request, res: Response): Promise<void> {
  await render(req, res, 'profiles/remove', { profile: await profileByName(dbOf(req), part(req, 'name')) })
}

export async function removeOneProfile(req: Request, res: Response): Promise<void> {
  const profile = await profileByName(dbOf(req), part(req, 'name'))
  await removeProfile(dbOf(req), actorOf(req), profile.id)
  await redirect(req, res, '/profiles', `Profile ${profile.name} was removed. Nobody was changed.`)
}

/** What was typed. Plugins and extensions that are off are not on the form, so they stay as they are. */
function typedProfile(form: Form, known: Declared, profile?: Profile): ProfileInput {
  const shown = new Set(form.list('shown-plugins'))
  const hidden = (profile?.plugins ?? []).filter((name) => !shown.has(name))
  const more = form
    .text('add-group')
    .split(/[\s,;]+/)
    .filter(Boolean)
  const extensions = known.extensions.map(({ name, user }) => [
    name,
    Object.fromEntries(
      Object.keys(user)
        .filter((key) => form.has(`${name}.${key}`))
        .map((key) => [key, form.text(`${name}.${key}`)]),
    ),
  ])
  return {
    name: form.text('name'),
    description: form.text('description'),
    groups: [...new Set([...form.list('groups'), ...more])],
    plugins: [...hidden, ...form.list('plugins')],
    extensions: Object.fromEntries(extensions),
  }
}

async function renderForm(
  req: Request,
  res: Response,
  typed: ProfileInput,
  profile?: Profile,
  problems: Problems = {},
  conflict?: Conflict,
): Promise<void> {
  const db = dbOf(req)
  const [known, groups] = await Promise.all([declared(db), allGroups(db)])
  const sections = known.extensions
    .filter((extension) => extension.on)
    .map(({ name, title, user }) => ({
      id: `s-${name}`,
      title: sectionTitle({ title }),
      fields: fieldViews({ name }, user, undefined, typed.extensions[name], problems)
        .filter((field) => !field.settled)
        .map((field) => asTemplate(field, profile?.extensions[name]?.[field.name.slice(name.length + 1)])),
    }))
  const saved = profile?.groupNames ?? []
  const data = {
    typed,
    profile,
    problems,
    conflict,
    sections,
    placeholders,
    ...rightsOf(req),
    groups: groups.map((group) => group.name),
    chosen: [...new Set([...saved, ...typed.groups])].map((name) => ({
      name,
      checked: typed.groups.includes(name),
      saved: saved.includes(name),
    })),
    services: known.plugins
      .filter((plugin) => plugin.on)
      .map((plugin) => ({
        ...plugin,
        checked: typed.plugins.includes(plugin.name),
        saved: profile?.plugins.includes(plugin.name) ?? false,
      })),
  }
  await render(req, res, 'profiles/form', data, { status: Object.keys(problems).length > 0 ? 422 : 200 })
}

const yesOrNo = [
  { value: 'yes', label: 'On' },
  { value: 'no', label: 'Off' },
]

/** A field that takes placeholders; nothing in it leaves the field to the person who adds somebody. */
function asTemplate(field: FieldView, saved = ''): FieldView & { none: string } {
  const shown = { ...field, saved, required: false, needed: false, none: 'Left open' }
  if (field.type === 'switch') return { ...shown, type: 'choice', options: yesOrNo }
  return field.type === 'choice' || field.type === 'list' ? shown : { ...shown, type: 'text' }
}
