import type { Knex } from 'knex'
import type { Db } from './db.ts'

/** What this node saw in one hour; it does not travel. */
export type Sample = {
  /** The beginning of the hour, ISO 8601. */
  hour: string
  people: number
  /** Slaves, at the worst moment of the hour. */
  equal: number
  behind: number
  away: number
  /** The most that a slave was behind, in changes; on a slave itself, the seconds since it last held everything. */
  lag: number
}

/** Puts a sample into its hour: of two the worse one stays, and the later number of people. */
export async function keepSample(db: Db, sample: Sample): Promise<void> {
  const was: Sample | undefined = await db.writer('samples').where({ hour: sample.hour }).first()
  const isWorse = !was || sample.behind + sample.away >= was.behind + was.away
  const { equal, behind, away } = isWorse ? sample : was
  const row = { ...sample, equal, behind, away, lag: Math.max(sample.lag, was?.lag ?? 0) }
  await db.writer('samples').insert(row).onConflict('hour').merge()
}

export const samplesSince = (db: Knex, hour: string): Promise<Sample[]> =>
  db('samples').where('hour', '>=', hour).orderBy('hour')

export const trimSamples = (db: Db, before: string): Promise<number> =>
  db.writer('samples').where('hour', '<', before).delete()
