import type { Request, Response } from 'express'
import { groupNames } from '../accounts/groups.ts'
import { jobOnBatch, type Told } from '../accounts/jobs.ts'
import { startUndoBatch, undoChange } from '../accounts/undo.ts'
import { userById } from '../accounts/users.ts'
import { type AuditRow, auditRow, batchCounts } from '../audit/audit.ts'
import { Invalid, messageOf, NotFound, Refused } from '../errors.ts'
import type { UndoStep } from '../store/audit.ts'
import type { Db } from '../store/db.ts'
import { fieldNames, piecesOf } from './audit-fields.ts'
import { formOf, part } from './form.ts'
import { answerJob } from './jobs.ts'
import { actorOf, dbOf } from './node.ts'
import { redirect, render } from './render.ts'
import { count, people } from './say.ts'
import { safePath } from './sign-in.ts'

export async function askUndo(req: Request, res: Response): Promise<void> {
  await showUndo(req, res, await auditRow(dbOf(req), Number(part(req, 'id'))))
}

async function showUndo(req: Request, res: Response, row: AuditRow, problem?: string): Promise<void> {
  const isEdit = row.undo?.some((step) => 'was' in step)
  const data = {
    row,
    problem: problem ?? (row.undoneBy === undefined ? undefined : 'It is undone already.'),
    title: 'Undo this change',
    what: row.undo?.length ? row.undo.flatMap((step) => effectOf(step, row)) : ['This cannot be undone.'],
    changes: isEdit ? row.changes.map(turned) : [],
    fieldName: await fieldNames(dbOf(req)),
    piecesOf,
    possible: row.undoable && !problem,
    action: `/audit/${row.id}/undo`,
    back: `/audit?before=${row.id + 1}#row-${row.id}`,
  }
  await render(req, res, 'audit/undo', data, { status: problem ? 422 : 200 })
}

const turned = ({ field, before, after }: AuditRow['changes'][number]) =>
  before === undefined && /never shown/.test(after ?? '')
    ? { field, after }
    : { field, ...(after !== undefined && { before: after }), ...(before !== undefined && { after: before }) }

/** What undo does for one step, as a sentence. */
function effectOf(step: UndoStep, row: AuditRow): string[] {
  const name = row.object?.name ?? 'it'
  if ('list' in step) {
    const many = people(step.ids.length)
    const [what, verb] = step.list === 'plugins' ? ['plugin', 'lose'] : ['group', 'leave']
    return [
      step.joined
        ? `${many} ${step.ids.length === 1 ? `${verb}s` : verb} ${what} ${name}.`
        : `${many} ${step.ids.length === 1 ? 'comes' : 'come'} back to ${what} ${name}.`,
    ]
  }
  if ('added' in step)
    return step.kind === 'user'
      ? [`${name} goes to the recycle bin and can no longer sign in, on any node.`]
      : step.kind === 'group'
        ? [`Group ${name} goes to the recycle bin. Its members keep their accounts.`]
        : [
            `${nameOf(step.kind, name)} is ${step.kind === 'policy' && name === 'everyone' ? 'again what it was at first' : 'removed'}.`,
          ]
  if ('removed' in step)
    return step.kind === 'user'
      ? [`${name} comes back from the recycle bin, with groups, plugins and profile.`]
      : step.kind === 'group'
        ? [`Group ${name} comes back from the recycle bin, with its members.`]
        : [`${nameOf(step.kind, name)} comes back as it was.`]
  return []
}

/** The record has the group's name for its policy. */
const nameOf = (kind: string, name: string): string =>
  kind !== 'policy' ? name : `The password policy of ${name === 'everyone' ? 'everyone' : `group ${name}`}`

export async function saveUndo(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const row = await auditRow(db, Number(part(req, 'id')))
  // A toast says on which page it was.
  const from = formOf(req).text('back')
  try {
    await undoChange(db, actorOf(req), row.id)
  } catch (error) {
    if (!isProblem(error)) throw error
    return from
      ? redirect(req, res, safePath(from), messageOf(error), 'bad')
      : showUndo(req, res, row, messageOf(error))
  }
  const to = /^\/(users|groups)\/./.test(from) ? await homeOf(db, row) : from ? safePath(from) : '/audit'
  await redirect(req, res, to, `Undone: ${row.sentence}.`)
}

const isProblem = (error: unknown): boolean =>
  error instanceof Invalid || error instanceof Refused || error instanceof NotFound

export async function askUndoBatch(req: Request, res: Response): Promise<void> {
  await showUndoBatch(req, res, part(req, 'batch'))
}

async function showUndoBatch(req: Request, res: Response, batch: string, problem?: string): Promise<void> {
  const { rows, undoable } = await batchCounts(dbOf(req), batch)
  if (rows === 0) throw new NotFound('There is no such batch in the record.')
  const data = {
    problem,
    title: `Undo ${count(undoable, 'change')}`,
    what: [
      `This batch made ${count(rows, 'change')}; ${undoable === rows ? 'all' : undoable} of them can be undone.`,
      'People and groups that it added go to the recycle bin; fields that it changed get their old values back.',
      'What somebody changed again since stays as it is, and is named afterwards.',
    ],
    changes: [],
    possible: undoable > 0 && !problem,
    action: `/audit/batch/${encodeURIComponent(batch)}/undo`,
    back: `/audit?batch=${encodeURIComponent(batch)}`,
  }
  await render(req, res, 'audit/undo', data, { status: problem ? 422 : 200 })
}

export async function saveUndoBatch(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const batch = part(req, 'batch')
  const page = `/audit?batch=${encodeURIComponent(batch)}`
  const underWay = jobOnBatch(db, batch)
  if (underWay) return res.redirect(303, `/jobs/${underWay.id}`)
  const from = formOf(req).text('back')
  const back = from ? safePath(from) : page
  try {
    const told: Told = { doing: 'Undoing', done: 'undone', of: 'change', back }
    const job = await startUndoBatch(db, actorOf(req), batch, told)
    if (!(await answerJob(req, res, job))) return
    const { changed: undone, refused } = job
    if (refused.length > 0) return await render(req, res, 'audit/undone', { undone, refused, back: page })
    await redirect(req, res, back, `${count(undone, 'change')} undone.`)
  } catch (error) {
    if (!isProblem(error)) throw error
    await showUndoBatch(req, res, batch, messageOf(error))
  }
}

/** Where a person or group is now: undo may have renamed it, or moved it to the bin. */
async function homeOf(db: Db, { object }: AuditRow): Promise<string> {
  if (object?.kind === 'user') {
    const user = await userById(db, object.id)
    return user ? `/users/${encodeURIComponent(user.username)}` : '/users'
  }
  if (object?.kind === 'group') {
    const name = (await groupNames(db, [object.id])).get(object.id)
    return name === undefined ? '/groups' : `/groups/${encodeURIComponent(name)}`
  }
  return '/audit'
}
