import type { Request, Response } from 'express'
import { type DeclaredExtension, declared } from '../accounts/declarations.ts'
import { changeSettings, keptSettings, type Settings, settings } from '../accounts/settings.ts'
import type { Problems } from '../errors.ts'
import { type ChangedField, type ChangedList, conflictOf } from './conflict.ts'
import { sectionTitle } from './field-view.ts'
import { type Form, fieldId, formOf, problemsOf, seqIn } from './form.ts'
import { actorOf, dbOf } from './node.ts'
import { redirect, render } from './render.ts'

export async function showSettings(req: Request, res: Response): Promise<void> {
  await show(req, res)
}

async function show(req: Request, res: Response, form?: Form, problems: Problems = {}): Promise<void> {
  const kept = await keptSettings(dbOf(req))
  const typed = form && {
    binDays: form.text('binDays'),
    invitationHours: form.text('invitationHours'),
    ownFields: form.list('ownFields'),
    publishedFields: form.list('publishedFields'),
  }
  const [own, published] = await Promise.all([ownSections(req), publishedSections(req)])
  const since = form && seqIn(form)
  const conflict =
    typed && problems[''] && since !== undefined
      ? await conflictOf(dbOf(req), { id: kept.id, since, said: problems[''] }, (name, base) =>
          changedField(name, base, kept, typed),
        )
      : undefined
  const data = { kept, typed: typed ?? kept, conflict, problems, own, published, summary: labels }
  await render(req, res, 'settings/show', data, { status: form ? 422 : 200 })
}

const labels = [
  { name: 'binDays', label: 'Days in the recycle bin' },
  { name: 'invitationHours', label: 'Hours of a first-password link' },
  { name: 'ownFields', label: 'Own fields' },
  { name: 'publishedFields', label: 'Published fields' },
]

type Typed = { binDays: string; invitationHours: string; ownFields: string[]; publishedFields: string[] }

function changedField(
  name: string,
  base: string,
  kept: Settings,
  typed: Typed,
): ChangedField | ChangedList | undefined {
  const label = labels.find((one) => one.name === name)?.label ?? name
  if (name === 'ownFields' || name === 'publishedFields') {
    const take = (merged: string[]) => {
      typed[name] = merged
    }
    return { label, saved: kept[name], typed: typed[name], take }
  }
  if (name !== 'binDays' && name !== 'invitationHours') return undefined
  const saved = String(kept[name])
  const take = () => {
    typed[name] = saved
  }
  return { label, id: fieldId(name), base, saved, typed: typed[name].trim(), take }
}

/** What people could look after themselves: how to reach them, their shell, and what was made here. */
const ownSections = (req: Request) =>
  sectionsOf(req, ({ name, isOwn }) => isOwn || name === 'contact' || name === 'shell')

/** What people could see of each other: whatever LDAP has of a person. */
const publishedSections = (req: Request) =>
  sectionsOf(req, ({ user, isOutOfLdap }) => !isOutOfLdap && Object.keys(user).length > 0)

async function sectionsOf(req: Request, isShown: (extension: DeclaredExtension) => boolean | undefined) {
  const { extensions } = await declared(dbOf(req))
  return extensions
    .filter((extension) => extension.on && isShown(extension))
    .map(({ name, title, user }) => ({
      title: sectionTitle({ title }),
      fields: Object.entries(user).map(([key, field]) => ({ path: `${name}.${key}`, label: field.label })),
    }))
}

type Sections = Awaited<ReturnType<typeof sectionsOf>>

/** What was ticked; what an extension that is off allows is not on the form, and stays. */
function ticked(form: Form, name: 'ownFields' | 'publishedFields', kept: Settings, sections: Sections): string[] {
  const shown = new Set(sections.flatMap(({ fields }) => fields.map(({ path }) => path)))
  return [...kept[name].filter((path) => !shown.has(path)), ...form.list(name)].sort()
}

export async function saveSettings(req: Request, res: Response): Promise<void> {
  const form = formOf(req)
  try {
    const kept = await settings(dbOf(req))
    await changeSettings(
      dbOf(req),
      actorOf(req),
      {
        binDays: numberOf(form, 'binDays'),
        invitationHours: numberOf(form, 'invitationHours'),
        ownFields: ticked(form, 'ownFields', kept, await ownSections(req)),
        publishedFields: ticked(form, 'publishedFields', kept, await publishedSections(req)),
      },
      seqIn(form),
    )
    await redirect(req, res, '/settings', 'The settings are saved.')
  } catch (error) {
    await show(req, res, form, problemsOf(error))
  }
}

const numberOf = (form: Form, name: string): number =>
  /^\s*\d{1,6}\s*$/.test(form.text(name)) ? Number(form.text(name)) : Number.NaN
