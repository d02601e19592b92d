import type { Request, Response } from 'express'
import { columnsOf } from '../accounts/columns.ts'
import { csvTemplate } from '../accounts/csv.ts'
import { maxBytes } from '../accounts/csv-file.ts'
import { declared } from '../accounts/declarations.ts'
import {
  type ImportJob,
  importedRows,
  importJob,
  importJobs,
  type Outcome,
  readTable,
  startImport,
  stopImport,
  takeNewPasswords,
} from '../accounts/import.ts'
import { exportLdif } from '../accounts/ldif-export.ts'
import { mapColumns } from '../accounts/mapping.ts'
import { Invalid, NotFound } from '../errors.ts'
import { asked, askedOne, askedPage, pageSize, part, problemsOf } from './form.ts'
import { draftOfJob, dropDraft, keepDraft } from './import-draft.ts'
import { actorOf, dbOf } from './node.ts'
import { redirect, render } from './render.ts'
import { sendText } from './stream.ts'
import { receiveFile } from './upload.ts'

export async function showImport(req: Request, res: Response): Promise<void> {
  await render(req, res, 'import/index', { jobs: importJobs().slice(0, 8), problems: {} })
}

/** Takes the file and looks at it; nothing is changed by that. */
export async function checkImport(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  try {
    const { file, text } = await receiveFile(req, 'file', maxBytes)
    if (text.length === 0) throw new Invalid({ file: 'Choose a CSV or LDIF file first.' })
    const table = await readTable(db, file, text)
    const known = await declared(db)
    // A file that names one column twice cannot be read, whatever is chosen on the next page.
    mapColumns(table, known, columnsOf(known), undefined, [])
    const draft = keepDraft(req, { file, table, from: 'file' })
    res.redirect(303, `/import/columns/${draft.id}`)
  } catch (error) {
    const problems = problemsOf(error)
    await render(req, res, 'import/index', { jobs: importJobs().slice(0, 8), problems }, { status: 422 })
  }
}

function jobOf(req: Request): ImportJob {
  const job = importJob(part(req, 'id'))
  if (!job) throw new NotFound('This import is no longer known. The record says what it changed.')
  return job
}

const outcomes = ['refused', 'changed', 'added', 'unchanged'] as const

export async function showImportJob(req: Request, res: Response): Promise<void> {
  const job = jobOf(req)
  // With scripts off the page asks again by itself while the work goes on.
  if (job.state === 'running' && req.get('HX-Request') !== 'true') res.set('Refresh', '5')
  const counts = countsOf(job)
  const show = askedOne(req, 'show', outcomes) ?? outcomes.find((outcome) => counts[outcome] > 0) ?? 'added'
  const draft = job.dryRun ? draftOfJob(req, job.id) : undefined
  await render(
    req,
    res,
    'import/show',
    {
      job,
      counts,
      outcomes,
      show,
      list: importedRows(job.id, show, { page: askedPage(req), size: pageSize }),
      draft,
      mayBegin: draft !== undefined && job.state === 'done',
      hasPasswords:
        draft && (draft.options.newPasswords || Object.values(draft.options.mapping ?? {}).includes('core.password')),
      isLive: asked(req, 'live') !== '',
    },
    { part: 'import/_job' },
  )
}

const countsOf = (job: ImportJob): Record<Outcome, number> => ({
  refused: job.refusedRows,
  changed: job.changed,
  added: job.added,
  unchanged: job.unchanged,
})

/** Imports what was tried out last, as it was tried out. */
export async function beginImport(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const draft = draftOfJob(req, jobOf(req).id)
  if (!draft) return redirect(req, res, '/import', 'The file is no longer here. Choose it again.', 'look')
  const { file, table, options } = draft
  const job = await startImport(db, actorOf(req), { file, table, ...options, dryRun: false })
  dropDraft(req)
  res.redirect(303, `/import/${job.id}`)
}

export async function stopRunningImport(req: Request, res: Response): Promise<void> {
  const job = jobOf(req)
  stopImport(job.id)
  await redirect(req, res, `/import/${job.id}`)
}

/** The passwords that an import made, once; after that nobody has them but who took the file. */
export async function takePasswords(req: Request, res: Response): Promise<void> {
  const job = jobOf(req)
  const text = takeNewPasswords(job.id)
  if (text === undefined)
    return redirect(
      req,
      res,
      `/import/${job.id}`,
      'These passwords were fetched already, or the import still runs.',
      'look',
    )
  res.set('Cache-Control', 'no-store').type('csv').attachment('first-passwords.csv').send(text)
}

/** An empty file with the columns of what is turned on here, and one person as an example. */
export async function sendTemplate(req: Request, res: Response): Promise<void> {
  res
    .type('csv')
    .attachment('people.csv')
    .send(await csvTemplate(dbOf(req)))
}

/** People and groups as LDIF, as the LDAP server shows them. */
export async function exportAllLdif(req: Request, res: Response): Promise<void> {
  res.attachment('accounts.ldif').type('text/plain')
  await sendText(res, exportLdif(dbOf(req)))
}
