import { messageOf } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Db } from '../store/db.ts'
import { readPosition } from '../store/position.ts'
import { wrongProjections } from '../store/projection-check.ts'
import { projectAgain } from '../store/wipe.ts'
import { countAll } from './digest.ts'
import { workerOf } from './serving.ts'

/** What a scrub found: everything that is kept here, read and hashed anew. */
export type Scrub = {
  /** ISO 8601, and the change that the store stood at. */
  at: string
  seq: number
  objects: number
  /** Rows that are not as they were written. */
  damaged: number
  /** What is kept adds up to the state hash of the position. */
  isProven: boolean
  /** Tables beside the feed that were wrong; they were made anew from it. */
  mended: string[]
}

const found = new WeakMap<Db, Scrub>()

/** The last scrub of this process. */
export const lastScrub = (db: Db): Scrub | undefined => found.get(db)

const under = new WeakMap<Db, Promise<Scrub>>()

/**
 * Reads everything that is kept and compares it with what was once counted in, so that a byte that has changed by itself is
 * found before anybody needs it. A slave then fetches what differs from its master; a master can only say so.
 */
export function scrub(db: Db, log?: Log): Promise<Scrub> {
  const known = under.get(db)
  if (known) return known
  const run = scrubOnce(db, log).finally(() => under.delete(db))
  under.set(db, run)
  return run
}

async function scrubOnce(db: Db, log: Log | undefined): Promise<Scrub> {
  const { mended, ...counted } = await counting(db)
  const result: Scrub = { at: new Date().toISOString(), ...counted, mended }
  found.set(db, result)
  if (mended.length > 0) {
    log?.error({ tables: mended }, 'tables did not hold what the feed says; they are made anew from it')
    await projectAgain(db.writer)
    for (const listener of db.listeners) listener('all')
  }
  if (result.isProven && result.damaged === 0) return result
  log?.error(
    { damaged: result.damaged, seq: result.seq },
    db.local.mode === 'slave'
      ? 'what is kept here is not what arrived; what differs is fetched from the master'
      : 'what is kept here is not what was written: restore a backup, or promote a slave',
  )
  workerOf(db)?.mend()
  return result
}

async function counting(db: Db) {
  const trx = await db.reader.transaction()
  try {
    const { seq, hash, objects } = await readPosition(trx)
    const counted = await countAll(trx)
    const mended: string[] = await wrongProjections(trx)
    const damaged = [...counted.damaged.values()].reduce((sum, rows) => sum + rows, 0)
    const isProven = counted.hash === hash && counted.objects === objects
    return { seq, objects: counted.objects, damaged, isProven, mended }
  } catch (error) {
    throw new Error(`scrub: ${messageOf(error).split(' - ').at(-1)}`, { cause: error })
  } finally {
    await trx.rollback().catch(() => {})
  }
}
