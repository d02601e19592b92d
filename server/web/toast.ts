import type { Request, RequestHandler, Response } from 'express'
import { may } from '../accounts/roles.ts'
import { lastUndoable } from '../audit/audit.ts'
import { receiptAfter } from '../replication/receipts.ts'
import { actorOf, dbOf } from './node.ts'

/** Remembers where the record and the feed end before a request changes something. */
export const rememberRecord: RequestHandler = (req, res, next) => {
  if (req.method === 'POST') {
    const { audit, position } = dbOf(req)
    Object.assign(res.locals, { recordBefore: audit.rows, seqBefore: position.seq })
  }
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

/** The change that this request made, for a toast that tells how many slaves have it. */
export function seqOf(req: Request, res: Response): number | undefined {
  const { seqBefore } = res.locals
  const { seq } = dbOf(req).position
  const tells = typeof seqBefore === 'number' && seq !== seqBefore && req.user && may(req.user.role, 'read')
  return tells ? seq : undefined
}

/** The receipt of what this request did: who may look after accounts sees who has confirmed it. */
export function receiptMade(req: Request, res: Response): number | undefined {
  const { recordBefore } = res.locals
  if (typeof recordBefore !== 'number' || !req.user || !may(req.user.role, 'read')) return undefined
  return receiptAfter(dbOf(req), actorOf(req).name, recordBefore)
}
