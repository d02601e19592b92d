import { randomUUID } from 'node:crypto'
import type { Request } from 'express'
import type { ImportOptions } from '../accounts/import.ts'
import type { Table } from '../accounts/table.ts'
import { NotFound } from '../errors.ts'
import { keptFor } from './kept-for.ts'

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

const drafts = keptFor<Draft>(60 * 60_000)

/** Keeps it for an hour, instead of the one that the same person had before. */
export function keepDraft(req: Request, given: Pick<Draft, 'file' | 'from' | 'table'>): Draft {
  const draft: Draft = { ...given, id: randomUUID(), options: {} }
  drafts.set(req, draft)
  return draft
}

export function needDraft(req: Request, id: string): Draft {
  const draft = drafts.get(req)
  if (draft?.id !== id) throw new NotFound('This file is no longer here. Choose it again on the page Import.')
  return draft
}

/** The source that a dry run was made of, while it is here. */
export function draftOfJob(req: Request, job: string): Draft | undefined {
  const draft = drafts.get(req)
  return draft?.job === job ? draft : undefined
}

export const dropDraft = (req: Request): void => drafts.drop(req)
