import type { Request, RequestHandler, Response } from 'express'
import { may } from '../accounts/roles.ts'
import { lastUndoable } from '../audit/audit.ts'
import { actorOf, dbOf } from './node.ts'

/** Remembers where the record ends before a request changes something. */
export const rememberRecord: RequestHandler = (req, res, next) => {
  if (req.method === 'POST') res.locals.recordBefore = dbOf(req).audit.rows
  next()
}

/** Where what this request did can be undone, for its toast: one row, or one batch. */
export async function undoOf(req: Request, res: Response): Promise<string | undefined> {
  const { recordBefore } = res.locals
  if (typeof recordBefore !== 'number' || !req.user || !may(req.user.role, 'change')) return undefined
  const db = dbOf(req)
  if (db.audit.rows === recordBefore) return undefined
  const rows = await lastUndoable(db, actorOf(req).name, recordBefore)
  const [row] = rows
  if (!row) return undefined
  if (rows.length === 1) return `/audit/${row.id}/undo`
  return row.batch && rows.every((other) => other.batch === row.batch) ? `/audit/batch/${row.batch}/undo` : undefined
}
