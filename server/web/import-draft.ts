import { randomUUID } from 'node:crypto'
import type { ImportOptions } from '../accounts/import.ts'
import type { Table } from '../accounts/table.ts'
import { NotFound } from '../errors.ts'
import type { Db } from '../store/db.ts'

/** A source that was read and waits to be imported. In memory only, for it may hold passwords. */
export type Draft = {
  id: string
  file: string
  from: 'file' | 'directory'
  table: Table
  options: ImportOptions
  /** The dry run that was made of it last. */
  job?: string
}

const drafts = new WeakMap<Db, { draft: Draft; timer: NodeJS.Timeout }>()
const keptMs = 60 * 60_000

/** Keeps it for an hour, instead of the one before. */
export function keepDraft(db: Db, given: Pick<Draft, 'file' | 'from' | 'table'>): Draft {
  const draft: Draft = { ...given, id: randomUUID(), options: {} }
  dropDraft(db)
  drafts.set(db, { draft, timer: setTimeout(() => drafts.delete(db), keptMs).unref() })
  return draft
}

export function needDraft(db: Db, id: string): Draft {
  const draft = drafts.get(db)?.draft
  if (draft?.id !== id) throw new NotFound('This file is no longer here. Choose it again on the page Import.')
  return draft
}

/** The source that a dry run was made of, while it is here. */
export function draftOfJob(db: Db, job: string): Draft | undefined {
  const draft = drafts.get(db)?.draft
  return draft?.job === job ? draft : undefined
}

export function dropDraft(db: Db): void {
  clearTimeout(drafts.get(db)?.timer)
  drafts.delete(db)
}
