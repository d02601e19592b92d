import type { Request, Response } from 'express'
import { declared } from '../accounts/declarations.ts'
import { extensionList } from '../accounts/extensions.ts'
import {
  fieldTypes,
  judgeOwnExtension,
  mostFields,
  type OwnExtensionInput,
  type OwnFieldInput,
} from '../accounts/own-extension-input.ts'
import {
  addOwnExtension,
  attributePrefix,
  changeOwnExtension,
  type MadeExtension,
  ownExtension,
  removeOwnExtension,
} from '../accounts/own-extensions.ts'
import type { Problems } from '../errors.ts'
import { extensionFrom } from '../extensions/own.ts'
import { fieldViews, initialValues } from './field-view.ts'
import { type Form, formOf, part, problemsOf } from './form.ts'
import { actorOf, dbOf } from './node.ts'
import { redirect, render } from './render.ts'
import { people } from './say.ts'

const emptyField: OwnFieldInput = { type: 'text' }

export async function newOwnExtension(req: Request, res: Response): Promise<void> {
  await showForm(req, res, { typed: { title: '', fields: [emptyField] } })
}

export async function addNewOwnExtension(req: Request, res: Response): Promise<void> {
  const form = formOf(req)
  const typed = typedExtension(form)
  if (await rearranged(req, res, typed)) return
  try {
    const made = await addOwnExtension(dbOf(req), actorOf(req), typed)
    const said = `${made.own.title} was made. It is on the form of every person, in LDAP and in CSV.`
    await redirect(req, res, `/extensions/${made.name}`, said)
  } catch (error) {
    await showForm(req, res, { typed, problems: problemsOf(error), status: 422 })
  }
}

export async function editOwnExtension(req: Request, res: Response): Promise<void> {
  const made = await ownExtension(dbOf(req), part(req, 'name'))
  await showForm(req, res, { typed: { ...made.own, name: made.name }, made })
}

export async function saveOwnExtension(req: Request, res: Response): Promise<void> {
  const form = formOf(req)
  const made = await ownExtension(dbOf(req), part(req, 'name'))
  const typed = typedExtension(form)
  if (await rearranged(req, res, typed, made)) return
  const options = {
    removeValues: form.has('removeValues'),
    ...(Number(form.text('seq')) ? { expectedSeq: Number(form.text('seq')) } : {}),
  }
  try {
    const saved = await changeOwnExtension(dbOf(req), actorOf(req), made.name, typed, options)
    const { misfits, own } = saved
    const but = `${people(misfits)} ${misfits === 1 ? 'has a value' : 'have values'} that the rules would refuse now.`
    const said = [`${own.title} is saved.`, misfits > 0 && but].filter(Boolean).join(' ')
    await redirect(
      req,
      res,
      `/extensions/${saved.name}${misfits > 0 ? '/misfits' : ''}`,
      said,
      misfits > 0 ? 'look' : 'good',
    )
  } catch (error) {
    await showForm(req, res, { typed, made, problems: problemsOf(error), status: 422 })
  }
}

export async function askRemoveOwnExtension(req: Request, res: Response): Promise<void> {
  await render(req, res, 'extensions/remove', { ...(await toRemove(req)), problems: {}, typed: '' })
}

export async function removeOneOwnExtension(req: Request, res: Response): Promise<void> {
  const { made, users } = await toRemove(req)
  const typed = formOf(req).text('name').trim()
  if (users > 0 && typed !== made.name) {
    const problems = { name: `Type ${made.name} to remove it.` }
    return render(req, res, 'extensions/remove', { made, users, problems, typed }, { status: 422 })
  }
  const { people: count } = await removeOwnExtension(dbOf(req), actorOf(req), made.name)
  const values = count > 0 ? `, with the values of ${people(count)}` : ''
  await redirect(req, res, '/extensions', `${made.own.title} was removed${values}.`)
}

async function toRemove(req: Request): Promise<{ made: MadeExtension; users: number }> {
  const made = await ownExtension(dbOf(req), part(req, 'name'))
  const listed = (await extensionList(dbOf(req))).find(({ name }) => name === made.name)
  return { made, users: listed?.users ?? 0 }
}

/** Each block of the form has a number of its own in its names; `block` lists them in their order. */
function typedExtension(form: Form): OwnExtensionInput {
  return {
    name: form.text('name'),
    title: form.text('title'),
    summary: form.text('summary'),
    objectClass: form.text('objectClass'),
    fields: form.list('block').map((block) => typedField(form, block)),
  }
}

function typedField(form: Form, block: string): OwnFieldInput {
  const text = (name: string): string => form.text(`fields.${block}.${name}`)
  return {
    name: text('name'),
    label: text('label'),
    type: text('type'),
    attribute: text('attribute'),
    help: text('help'),
    required: form.has(`fields.${block}.required`),
    maxLength: text('maxLength'),
    options: text('options').split(/\r?\n/),
    least: text('least'),
    most: text('most'),
    pattern: text('pattern'),
    patternHelp: text('patternHelp'),
  }
}

/** The buttons that change the form, not the extension: one more field, one less, another order, how it looks. */
async function rearranged(
  req: Request,
  res: Response,
  typed: OwnExtensionInput,
  made?: MadeExtension,
): Promise<boolean> {
  const [what, place] = formOf(req).text('do').split('-')
  const at = Number(place)
  const { fields } = typed
  if (what === 'add') fields.push({ ...emptyField })
  else if (what === 'remove') fields.splice(at, 1)
  else if (what === 'up' && at > 0) fields.splice(at - 1, 0, ...fields.splice(at, 1))
  else if (what !== 'look' && what !== 'up') return false
  await showForm(req, res, { typed, made, focus: what === 'add' ? fields.length - 1 : undefined })
  return true
}

type Shown = {
  typed: OwnExtensionInput
  made?: MadeExtension | undefined
  problems?: Problems
  status?: number
  /** The block that was just added. */
  focus?: number | undefined
}

async function showForm(req: Request, res: Response, { typed, made, problems = {}, status, focus }: Shown) {
  const db = dbOf(req)
  const prefix = await attributePrefix(db)
  const was = made && { name: made.name, own: made.own }
  const { name, own } = judgeOwnExtension(await declared(db), prefix, typed, was)
  const preview = extensionFrom(name, { ...own, fields: own.fields.filter((field) => field.label) })
  await render(
    req,
    res,
    made ? 'extensions/edit' : 'extensions/new',
    {
      typed,
      made,
      problems,
      focus,
      proposed: { ...own, name },
      mayAdd: typed.fields.length < mostFields,
      types: fieldTypes,
      keptFields: new Set(made?.own.fields.map((field) => field.name)),
      action: made ? `/extensions/${made.name}/edit` : '/extensions/new',
      preview: {
        title: own.title,
        objectClass: own.objectClass,
        columns: Object.entries(preview.user).map(([key, field]) => ({
          key,
          column: `extensions.${name}.${key}`,
          field,
        })),
        fields: fieldViews({ name: 'preview' }, preview.user, undefined, initialValues(preview.user), {}),
      },
    },
    {
      ...(status ? { status } : {}),
      part: formOf(req).text('do') === 'look' ? 'extensions/_preview' : 'extensions/_own-form',
    },
  )
}
