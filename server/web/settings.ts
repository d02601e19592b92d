import type { Request, Response } from 'express'
import { declared } from '../accounts/declarations.ts'
import { changeSettings, settings } from '../accounts/settings.ts'
import type { Problems } from '../errors.ts'
import { sectionTitle } from './field-view.ts'
import { type Form, formOf, problemsOf } from './form.ts'
import { actorOf, dbOf } from './node.ts'
import { redirect, render } from './render.ts'

export async function showSettings(req: Request, res: Response): Promise<void> {
  await show(req, res)
}

async function show(req: Request, res: Response, form?: Form, problems: Problems = {}): Promise<void> {
  const kept = await settings(dbOf(req))
  const typed = form && {
    binDays: form.text('binDays'),
    invitationHours: form.text('invitationHours'),
    ownFields: form.list('ownFields'),
  }
  const data = { kept, typed: typed ?? kept, problems, sections: await ownSections(req), summary: labels }
  await render(req, res, 'settings/show', data, { status: form ? 422 : 200 })
}

const labels = [
  { name: 'binDays', label: 'Days in the recycle bin' },
  { name: 'invitationHours', label: 'Hours of a first-password link' },
  { name: 'ownFields', label: 'Own fields' },
]

/** What people could look after themselves: how to reach them, their shell, and what was made here. */
async function ownSections(req: Request) {
  const { extensions } = await declared(dbOf(req))
  return extensions
    .filter(({ on, name, isOwn }) => on && (isOwn || name === 'contact' || name === 'shell'))
    .map(({ name, title, user }) => ({
      title: sectionTitle({ title }),
      fields: Object.entries(user).map(([key, field]) => ({ path: `${name}.${key}`, label: field.label })),
    }))
}

export async function saveSettings(req: Request, res: Response): Promise<void> {
  const form = formOf(req)
  try {
    const shown = new Set((await ownSections(req)).flatMap(({ fields }) => fields.map(({ path }) => path)))
    const { ownFields } = await settings(dbOf(req))
    await changeSettings(dbOf(req), actorOf(req), {
      binDays: numberOf(form, 'binDays'),
      invitationHours: numberOf(form, 'invitationHours'),
      // What an extension that is off allows is not on the form, and stays.
      ownFields: [...ownFields.filter((path) => !shown.has(path)), ...form.list('ownFields')].sort(),
    })
    await redirect(req, res, '/settings', 'The settings are saved.')
  } catch (error) {
    await show(req, res, form, problemsOf(error))
  }
}

const numberOf = (form: Form, name: string): number =>
  /^\s*\d{1,6}\s*$/.test(form.text(name)) ? Number(form.text(name)) : Number.NaN
