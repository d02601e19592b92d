import { randomUUID } from 'node:crypto'
import { setImmediate as others } from 'node:timers/promises'
import type { Actor } from '../audit/actor.ts'
import { messageOf } from '../errors.ts'
import type { Db } from '../store/db.ts'
import { whyNoChange } from '../store/local.ts'
import { needRight } from './roles.ts'

/** How far work is that goes on in the background. */
export type Progress = {
  id: string
  total: number
  done: number
  state: 'running' | 'done' | 'stopped' | 'failed'
  error?: string
  /** ISO 8601. */
  startedAt: string
  endedAt?: string
}

export type Refusal = { who: string; reason: string }

/** What one slice of the work did. */
export type Slice = { done: number; changed: number; refused: Refusal[] }

/** How a page tells of a job, and where it was asked for. */
export type Told = { doing: string; done: string; of: 'person' | 'change'; back: string }

/** One edit of many people, or one undo, live: whoever looks at it sees how far it is. */
export type Job = Progress & {
  by: string
  told: Told
  /** What it did stands in the audit under this, and is undone together. */
  batch: string
  /** The batch that it takes back. */
  undoes?: string
  changed: number
  /** How many were refused; `refused` names the first thousand of them. */
  refusedCount: number
  refused: Refusal[]
  /** Who began it has seen how it ended. */
  isSeen: boolean
}

export const newProgress = (total: number): Progress => ({
  id: randomUUID(),
  total,
  done: 0,
  state: 'running',
  startedAt: new Date().toISOString(),
})

/** Does the work of a job, and keeps how it ended; what broke it off is answered too. */
export async function runToEnd(job: Progress, work: () => Promise<void>): Promise<unknown> {
  try {
    await work()
    if (job.state === 'running') job.state = 'done'
    return undefined
  } catch (error) {
    job.state = 'failed'
    job.error = messageOf(error)
    return error
  } finally {
    job.endedAt = new Date().toISOString()
  }
}

/** A job that was stopped is so until what it had begun is finished. */
export const isUnderWay = (job: Progress): boolean => job.endedAt === undefined

/** What is under way is finished; nothing new is begun. */
export function stop(job: Progress): void {
  if (job.state === 'running') job.state = 'stopped'
}

/** Forgets the oldest that have ended. */
export function keepLatest(kept: Map<string, { job: Progress }>, most = 20): void {
  for (const [id, { job }] of kept) {
    if (kept.size <= most) break
    if (!isUnderWay(job)) kept.delete(id)
  }
}

type Kept = { job: Job; end: Promise<unknown> }
const kept = new WeakMap<Db, Map<string, Kept>>()

const mostRefusedKept = 1000

/** Begins work that is done in slices, each of which may commit; between them it can be stopped. */
export function startJob(
  db: Db,
  actor: Actor,
  given: { total: number; told: Told; undoes?: string },
  work: (actor: Actor) => AsyncIterable<Slice>,
): Job {
  needRight(actor, 'change')
  const why = whyNoChange(db.local)
  if (why) throw why
  const job: Job = {
    ...newProgress(given.total),
    by: actor.name,
    told: given.told,
    batch: randomUUID(),
    ...(given.undoes && { undoes: given.undoes }),
    changed: 0,
    refusedCount: 0,
    refused: [],
    isSeen: false,
  }
  const end = runToEnd(job, async () => {
    for await (const slice of work({ ...actor, batch: job.batch })) {
      add(job, slice)
      if (job.state !== 'running') return
      if (db.isClosing) return stop(job)
      await others()
    }
  })
  const mine = kept.get(db) ?? new Map<string, Kept>()
  kept.set(db, mine.set(job.id, { job, end }))
  keepLatest(mine)
  return job
}

function add(job: Job, { done, changed, refused }: Slice): void {
  job.done += done
  job.changed += changed
  job.refusedCount += refused.length
  job.refused.push(...refused.slice(0, Math.max(0, mostRefusedKept - job.refused.length)))
}

export const jobById = (db: Db, id: string): Job | undefined => kept.get(db)?.get(id)?.job

const jobs = (db: Db): Job[] => [...(kept.get(db)?.values() ?? [])].map(({ job }) => job)

/** What somebody is told of everywhere: all that is under way, and how their own ended until they have looked. */
export const jobsToTell = (db: Db, name: string): Job[] =>
  jobs(db).filter((job) => isUnderWay(job) || (job.by === name && !job.isSeen))

/** A job that is under way on a batch: makes it, or takes it back. */
export const jobOnBatch = (db: Db, batch: string): Job | undefined =>
  jobs(db).find((job) => isUnderWay(job) && (job.batch === batch || job.undoes === batch))

/** Waits for the end of a short job, which nobody needs to look at any more. Throws what broke it off. */
export async function answered(db: Db, job: Job): Promise<Job> {
  const failure = await kept.get(db)?.get(job.id)?.end
  kept.get(db)?.delete(job.id)
  if (failure !== undefined) throw failure
  return job
}
