import type { Request, Response } from 'express'
import { answered, isUnderWay, type Job, jobById, stop } from '../accounts/jobs.ts'
import { batchCounts } from '../audit/audit.ts'
import { NotFound } from '../errors.ts'
import { part } from './form.ts'
import { actorOf, dbOf } from './node.ts'
import { asksForPart, redirect, render } from './render.ts'

/** So many are done while the browser waits. */
const fewEnough = 300

/** The end of a short job; a long one is answered here with the page on which it is watched. */
export async function answerJob(req: Request, res: Response, job: Job): Promise<Job | undefined> {
  if (job.total <= fewEnough) return answered(dbOf(req), job)
  res.redirect(303, `/jobs/${job.id}`)
  return undefined
}

function jobOf(req: Request): Job {
  const job = jobById(dbOf(req), part(req, 'id'))
  if (!job) throw new NotFound('This work is no longer known. The record says what it changed.')
  return job
}

export async function showJob(req: Request, res: Response): Promise<void> {
  const job = jobOf(req)
  const running = isUnderWay(job)
  // With scripts off the page asks again by itself while the work goes on.
  if (running && !asksForPart(req)) res.set('Refresh', '5')
  if (!running && job.by === actorOf(req).name) job.isSeen = true
  const mayUndo = !running && (await batchCounts(dbOf(req), job.batch)).undoable > 0
  await render(req, res, 'jobs/show', { job, running, mayUndo }, { part: 'jobs/_job' })
}

export async function stopJob(req: Request, res: Response): Promise<void> {
  const job = jobOf(req)
  stop(job)
  await redirect(req, res, `/jobs/${job.id}`)
}
