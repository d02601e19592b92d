import { randomUUID } from 'node:crypto'
import type { Actor } from '../audit/actor.ts'
import { Invalid, NotFound, Refused } from '../errors.ts'
import { type AuditRow, auditById, auditOfBatch, batchCounts } from '../store/audit.ts'
import type { Db } from '../store/db.ts'
import { type Change, write } from '../store/write.ts'
import { declaredIn } from './declarations.ts'
import { importJob } from './import.ts'
import { isUnderWay, type Job, jobOnBatch, type Slice, startJob, type Told } from './jobs.ts'
import { needRight } from './roles.ts'
import { binUntil } from './settings.ts'
import { undoStep } from './undo-steps.ts'

/**
 * Takes one change of the audit back, as a new change: what was edited gets its old values, who was added goes to the bin, who
 * was removed comes back. Refused with the reason when something of it was changed since.
 */
export async function undoChange(db: Db, actor: Actor, auditId: number): Promise<void> {
  needRight(actor, 'change')
  const row = await auditById(db.reader, auditId)
  if (!row) throw new NotFound('There is no such change in the audit.')
  if (!row.undo?.length) throw new Refused('This change cannot be undone.', 'not-undoable')
  const until = await binUntil(db)
  await write(db, actor, (change) => undoRow(change, until, row))
}

export type UndoneBatch = { undone: number; refused: { sentence: string; reason: string }[] }

/**
 * Takes everything of one import or bulk edit back, the last first, a few hundred changes in a transaction. What somebody
 * changed since is left as it is, and named. The undo is a batch of its own.
 */
export async function undoBatch(db: Db, actor: Actor, batch: string): Promise<UndoneBatch> {
  needRight(actor, 'change')
  refuseUnfinished(db, batch)
  const done: UndoneBatch = { undone: 0, refused: [] }
  for await (const { changed, refused } of undoSlices(db, { ...actor, batch: randomUUID() }, batch)) {
    done.undone += changed
    done.refused.push(...refused.map(({ who, reason }) => ({ sentence: who, reason })))
  }
  if (done.undone + done.refused.length === 0) throw nothingLeft()
  return done
}

/** The same in the background, for whoever wants to watch it. */
export async function startUndoBatch(db: Db, actor: Actor, batch: string, told: Told): Promise<Job> {
  needRight(actor, 'change')
  const { undoable } = await batchCounts(db.reader, batch)
  if (undoable === 0) throw nothingLeft()
  refuseUnfinished(db, batch)
  return startJob(db, actor, { total: undoable, told, undoes: batch }, (actor) => undoSlices(db, actor, batch))
}

const nothingLeft = () => new NotFound('There is nothing of this left to undo.')

function refuseUnfinished(db: Db, batch: string): void {
  const from = importJob(batch)
  if (jobOnBatch(db, batch) || (from && isUnderWay(from)))
    throw new Refused('This is still under way. Wait for its end, or stop it first.', 'running')
}

const rowsAtOnce = 200

async function* undoSlices(db: Db, actor: Actor, batch: string): AsyncGenerator<Slice> {
  const until = await binUntil(db)
  const next = (before: number) => auditOfBatch(db.reader, batch, before, rowsAtOnce)
  for (let rows = await next(Number.MAX_SAFE_INTEGER); rows.length > 0; rows = await next(rows.at(-1)?.id ?? 0)) {
    const here = rows
    yield await write(db, actor, (change) => undoRows(change, until, here))
  }
}

async function undoRows(change: Change, until: string, rows: AuditRow[]): Promise<Slice> {
  const slice: Slice = { done: rows.length, changed: 0, refused: [] }
  for (const row of rows) {
    try {
      await undoRow(change, until, row)
      slice.changed++
    } catch (error) {
      if (!(error instanceof Invalid || error instanceof NotFound || error instanceof Refused)) throw error
      slice.refused.push({ who: row.sentence, reason: error.message })
    }
  }
  return slice
}

/** Every step checks before it changes anything, so that a refusal leaves nothing half undone. */
async function undoRow(change: Change, until: string, row: AuditRow): Promise<void> {
  // Whoever asked first may have been faster.
  if ((await auditById(change.trx, row.id))?.undoneBy !== undefined)
    throw new Refused('This change is undone already.', 'undone')
  let notes = 0
  const note: Change['note'] = (one) => {
    notes++
    change.note({ ...one, undoes: row.id })
  }
  const undo = { change: { ...change, note }, known: await declaredIn(change.trx), until, row }
  for (const step of [...(row.undo ?? [])].reverse()) await undoStep(undo, step)
  if (notes === 0) throw new Refused('Not undone: everything is as it was before already.', 'undone')
}
