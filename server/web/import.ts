import type { Request, Response } from 'express'
import { type ImportJob, importJob, latestImport, startImport, stopImport } from '../accounts/import.ts'
import { Invalid, NotFound } from '../errors.ts'
import type { Db } from '../store/db.ts'
import { part, problemsOf } from './form.ts'
import { actorOf, dbOf } from './node.ts'
import { redirect, render } from './render.ts'
import { receiveFile } from './upload.ts'

const maxBytes = 20 * 1024 * 1024

type Waiting = { job: string; file: string; text: Buffer }

/** The file that was checked last and waits to be imported, in memory only: it may hold passwords. */
const waiting = new WeakMap<Db, Waiting>()

export async function showImport(req: Request, res: Response): Promise<void> {
  await render(req, res, 'import/index', { latest: latestImport(), problems: {} })
}

/** Takes the file and tries it out; nothing is changed by that. */
export async function checkImport(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  try {
    const { file, text } = await receiveFile(req, 'file', maxBytes)
    if (text.length === 0) throw new Invalid({ file: 'Choose a CSV file first.' })
    const job = await startImport(db, actorOf(req), { file, text, dryRun: true })
    waiting.set(db, { job: job.id, file, text })
    res.redirect(303, `/import/${job.id}`)
  } catch (error) {
    await render(req, res, 'import/index', { latest: latestImport(), problems: problemsOf(error) }, { status: 422 })
  }
}

function jobOf(req: Request): ImportJob {
  const job = importJob(part(req, 'id'))
  if (!job) throw new NotFound('This import is no longer known. The record says what it changed.')
  return job
}

export async function showImportJob(req: Request, res: Response): Promise<void> {
  const job = jobOf(req)
  // With scripts off the page asks again by itself while the work goes on.
  if (job.state === 'running' && req.get('HX-Request') !== 'true') res.set('Refresh', '5')
  const mayBegin = job.dryRun && job.state === 'done' && waiting.get(dbOf(req))?.job === job.id
  await render(req, res, 'import/show', { job, mayBegin }, { part: 'import/_job' })
}

export async function beginImport(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const file = waiting.get(db)
  if (file?.job !== jobOf(req).id)
    return redirect(req, res, '/import', 'The file is no longer here. Choose it again.', 'look')
  const job = await startImport(db, actorOf(req), { file: file.file, text: file.text, dryRun: false })
  waiting.delete(db)
  res.redirect(303, `/import/${job.id}`)
}

export async function stopRunningImport(req: Request, res: Response): Promise<void> {
  const job = jobOf(req)
  stopImport(job.id)
  await redirect(req, res, `/import/${job.id}`)
}
