import type { Request, Response } from 'express'
import {
  type BulkEdit,
  peopleInSlices,
  selectedIds,
  startEdit,
  startRemoval,
  turn,
  turning,
} from '../accounts/bulk-edit.ts'
import { type Declared, declared } from '../accounts/declarations.ts'
import { allGroups } from '../accounts/groups.ts'
import type { Job, Told } from '../accounts/jobs.ts'
import { settings } from '../accounts/settings.ts'
import { type UsersQuery, usersByIds } from '../accounts/user-lists.ts'
import { checkChange } from '../accounts/users.ts'
import { Invalid, type Problems } from '../errors.ts'
import type { Status } from '../store/bodies.ts'
import { states } from '../store/state.ts'
import { sectionTitle } from './field-view.ts'
import { type Form, formOf } from './form.ts'
import { answerJob } from './jobs.ts'
import { actorOf, dbOf } from './node.ts'
import { redirect, render } from './render.ts'
import { listed, people, zone } from './say.ts'
import { safePath } from './sign-in.ts'

/** What the bar over the list does at once with the people who are selected in it. */
const actions: Record<string, { status: Status; from?: Status; doing: string; done: string }> = {
  lock: { status: 'locked', from: 'enabled', doing: 'Locking', done: 'locked' },
  unlock: { status: 'enabled', from: 'locked', doing: 'Unlocking', done: 'unlocked' },
  disable: { status: 'disabled', doing: 'Disabling', done: 'disabled' },
  enable: { status: 'enabled', from: 'disabled', doing: 'Enabling', done: 'enabled' },
}

const nothing: BulkEdit = { join: [], leave: [], on: [], off: [], values: {} }

export async function saveSelected(req: Request, res: Response): Promise<void> {
  const form = formOf(req)
  const back = safePath(form.text('back'))
  const ids = await selectionOf(req)
  if (ids.length === 0) return redirect(req, res, back, 'Nobody is selected. Tick people in the list first.', 'look')
  const action = form.text('action')
  if (action === 'remove') return renderRemove(req, res, ids)
  if (action === 'edit') return renderEdit(req, res, ids)
  const chosen = Object.hasOwn(actions, action) ? actions[action] : undefined
  if (!chosen) throw new Invalid({ action: 'Choose what to do with the people that are selected.' })
  const known = await declared(dbOf(req))
  const told = toldOf(req, chosen.doing, chosen.done)
  const { status, from } = chosen
  const edit = { ...nothing, status, ...(from && { from }) }
  await answer(req, res, startEdit(dbOf(req), actorOf(req), known, ids, edit, told))
}

/** What would change, person by person; nothing is written. */
export async function previewSelected(req: Request, res: Response): Promise<void> {
  const ids = await selectionOf(req)
  const known = await declared(dbOf(req))
  const edit = typedEdit(formOf(req), known)
  const problems = await problemsOfEdit(req, known, edit, ids)
  if (Object.keys(problems).length > 0) return renderEdit(req, res, ids, problems)
  await renderPreview(req, res, ids, known, edit)
}

export async function editSelected(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const ids = await selectionOf(req)
  const known = await declared(db)
  const edit = typedEdit(formOf(req), known)
  const { ids: wouldChange } = await turning(db, known, edit, ids, 0)
  // Somebody else was at work since the preview: show it once more.
  if (String(wouldChange.length) !== formOf(req).text('count')) return renderPreview(req, res, ids, known, edit, 409)
  await answer(req, res, startEdit(db, actorOf(req), known, wouldChange, edit, toldOf(req, 'Changing', 'changed')))
}

/** The count under the confirmation, typed wrong: the same page again with what is wrong. */
export async function removeSelected(req: Request, res: Response): Promise<void> {
  const ids = await selectionOf(req)
  const typed = formOf(req).text('count')
  if (typed.trim() !== String(ids.length)) {
    const problems = { count: `Type ${ids.length} to remove ${people(ids.length)}.` }
    return renderRemove(req, res, ids, problems, typed)
  }
  await answer(req, res, startRemoval(dbOf(req), actorOf(req), ids, toldOf(req, 'Removing', 'removed')))
}

const toldOf = (req: Request, doing: string, done: string): Told => ({
  doing,
  done,
  of: 'person',
  back: safePath(formOf(req).text('back')),
})

/** The people who were ticked, or everybody whom the list shows. */
function selectionOf(req: Request): Promise<string[]> {
  const form = formOf(req)
  if (form.text('everyone') === 'yes') return selectedIds(dbOf(req), { query: queryOf(form.text('back')) })
  return selectedIds(dbOf(req), { usernames: form.list('usernames') })
}

/** What the list was asked by, from its address. */
function queryOf(back: string): UsersQuery {
  const asked = new URL(safePath(back), 'http://list').searchParams
  const status = states.find((one) => one === asked.get('status'))
  return {
    search: asked.get('search')?.trim().slice(0, 200) ?? '',
    ...(asked.get('group') && { group: asked.get('group') as string }),
    ...(asked.get('plugin') && { plugin: asked.get('plugin') as string }),
    ...(status && { status }),
  }
}

const words = (text: string): string[] => text.split(/[\s,;]+/).filter(Boolean)

function typedEdit(form: Form, known: Declared): BulkEdit {
  const status = (['enabled', 'locked', 'disabled'] as const).find((one) => one === form.text('status'))
  const switched = (to: string) =>
    known.plugins.filter((plugin) => plugin.on && form.text(`plugin-${plugin.name}`) === to).map(({ name }) => name)
  const values: BulkEdit['values'] = {}
  for (const row of fieldRows) {
    const [name = '', key = ''] = form.text(`field-${row}`).split('.')
    if (!editableFields(known).some((one) => one.value === `${name}.${key}`)) continue
    values[name] = { ...values[name], [key]: form.text(`value-${row}`) }
  }
  return {
    ...(status && { status }),
    join: words(form.text('join')),
    leave: words(form.text('leave')),
    on: switched('on'),
    off: switched('off'),
    values,
    ...(form.text('change-until') === 'yes' && { validUntil: form.text('validUntil') }),
  }
}

const fieldRows = ['1', '2', '3'] as const

/** What may be the same for many: not what is one person's alone, and no lists. */
const editableFields = (known: Declared): { value: string; label: string }[] =>
  known.extensions
    .filter((extension) => extension.on)
    .flatMap((extension) =>
      Object.entries(extension.user)
        .filter(([, field]) => !field.isName && !field.readOnly && field.type !== 'list')
        .map(([key, field]) => ({
          value: `${extension.name}.${key}`,
          label: `${sectionTitle(extension)}: ${field.label}`,
        })),
    )

/** What is wrong with the edit itself is found on the first person whom it changes. */
async function problemsOfEdit(req: Request, known: Declared, edit: BulkEdit, ids: string[]): Promise<Problems> {
  const isEmpty =
    !edit.status &&
    edit.validUntil === undefined &&
    [edit.join, edit.leave, edit.on, edit.off, Object.keys(edit.values)].every((list) => list.length === 0)
  if (isEmpty) return { '': 'Nothing to change was chosen. Choose at least one thing below.' }
  const names = new Set((await allGroups(dbOf(req))).map((group) => group.name))
  const problems: Problems = {}
  for (const list of ['join', 'leave'] as const) {
    const unknown = edit[list].filter((name) => !names.has(name.toLowerCase()))
    if (unknown.length > 0) problems[list] = `There is no group ${unknown.map((name) => `“${name}”`).join(', ')}.`
  }
  if (Object.keys(problems).length > 0) return problems
  for await (const users of peopleInSlices(dbOf(req), ids)) {
    for (const user of users) {
      const turned = turn(known, edit, user)
      if (!turned) continue
      const found = await checkChange(dbOf(req), user, turned.input)
      return Object.fromEntries(Object.entries(found).map(([name, text]) => [rowOf(req, name), text]))
    }
  }
  return {}
}

/** A problem of a field stands beside the row in which the field was chosen. */
function rowOf(req: Request, name: string): string {
  const form = formOf(req)
  const row = fieldRows.find((one) => form.text(`field-${one}`) === name)
  return row ? `value-${row}` : name
}

async function renderEdit(req: Request, res: Response, ids: string[], problems?: Problems): Promise<void> {
  const db = dbOf(req)
  const known = await declared(db)
  const data = {
    ...(await selectionData(req, ids)),
    typed: formOf(req).text,
    problems: problems ?? {},
    plugins: known.plugins.filter((plugin) => plugin.on),
    fields: editableFields(known),
    fieldRows,
    statuses: [
      { value: 'enabled', label: 'Enabled' },
      { value: 'locked', label: 'Locked' },
      { value: 'disabled', label: 'Disabled' },
    ],
    switches: [
      { value: 'on', label: 'On' },
      { value: 'off', label: 'Off' },
    ],
    groups: (await allGroups(db)).map((group) => group.name),
    zoneName: zone(),
  }
  await render(req, res, 'users/edit-selected', data, { status: problems ? 422 : 200 })
}

const shownAtMost = 200

async function renderPreview(
  req: Request,
  res: Response,
  ids: string[],
  known: Declared,
  edit: BulkEdit,
  status = 200,
): Promise<void> {
  const form = formOf(req)
  const found = await turning(dbOf(req), known, edit, ids, shownAtMost)
  const names = Object.keys(req.body ?? {}).filter((name) => !['usernames', 'everyone', 'back', 'count'].includes(name))
  const data = {
    ...(await selectionData(req, ids)),
    rows: found.first,
    changes: found.ids.length,
    isAgain: status !== 200,
    typed: names.map((name) => ({ name, value: form.text(name) })),
    problems: {},
  }
  await render(req, res, 'users/preview-selected', data, { status })
}

async function renderRemove(
  req: Request,
  res: Response,
  ids: string[],
  problems: Problems = {},
  typed = '',
): Promise<void> {
  const { binDays } = await settings(dbOf(req))
  const until = new Date(Date.now() + binDays * 86_400_000).toISOString()
  const data = { ...(await selectionData(req, ids)), problems, typed, until }
  await render(req, res, 'users/remove-selected', data, { status: problems.count ? 422 : 200 })
}

/** Who is selected, to be said and to be sent again. */
async function selectionData(req: Request, ids: string[]) {
  const form = formOf(req)
  const everyone = form.text('everyone') === 'yes'
  // Where they are in the menu; these pages have no address of their own.
  const here = '/users'
  const users = await usersByIds(dbOf(req), everyone ? ids.slice(0, 12) : ids)
  const names = users.slice(0, 12).map((user) => `${user.first} ${user.last}`)
  const more = ids.length > 12 ? [`${people(ids.length - 12)} more`] : []
  return {
    here,
    total: ids.length,
    who: listed([...names, ...more]),
    back: safePath(form.text('back')),
    everyone,
    usernames: everyone ? [] : users.map((user) => user.username),
  }
}

/** A few are said at once; more get a page on which the work is watched. */
async function answer(req: Request, res: Response, job: Job): Promise<void> {
  if (!(await answerJob(req, res, job))) return
  const { refused, told } = job
  // Whoever was so already is as it was asked for.
  const good = job.done - job.refusedCount
  const sentence = good > 0 ? `${people(good)} ${told.done}.` : `Nobody was ${told.done}.`
  const more = refused.length > 3 ? [`${people(refused.length - 3)} more were refused.`] : []
  const text = [sentence, ...refused.slice(0, 3).map(({ who, reason }) => `${who}: ${reason}`), ...more].join(' ')
  await redirect(req, res, told.back, text, refused.length > 0 ? 'look' : 'good')
}
