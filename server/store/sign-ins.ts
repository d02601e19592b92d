import type { Knex } from 'knex'
import { inSlices, insertRows } from './slices.ts'

/** What this node saw of somebody's sign-ins; it does not travel. Moments are ISO 8601. */
export type SignInRow = {
  user_id: string
  failures: number
  first_failure: string | null
  last_failure: string | null
  locked_until: string | null
  last_good: string | null
  last_door: string | null
}

export type Failures = Omit<SignInRow, 'last_good' | 'last_door'>
export type DayRow = { day: string; good: number; refused: number }

/** People with wrong tries or a lock: few, whatever the size of the cluster. */
export const failuresKept = (db: Knex): Promise<SignInRow[]> =>
  db('sign_ins').where('failures', '>', 0).orWhereNotNull('locked_until')

export const signInRow = (db: Knex, userId: string): Promise<SignInRow | undefined> =>
  db('sign_ins').where({ user_id: userId }).first()

/** When each of these people last signed in at this node; who never did is not in it. */
export async function lastSignIns(db: Knex, userIds: string[]): Promise<Map<string, string>> {
  const last = new Map<string, string>()
  await inSlices(userIds, async (slice) => {
    const rows: Pick<SignInRow, 'user_id' | 'last_good'>[] = await db('sign_ins')
      .whereIn('user_id', slice)
      .whereNotNull('last_good')
      .select('user_id', 'last_good')
    for (const row of rows) last.set(row.user_id, row.last_good as string)
  })
  return last
}

/** Keeps what changed; of a good sign-in and of failures only their own columns. */
export async function keepSignIns(
  db: Knex,
  changed: { failures: Failures[]; good: Pick<SignInRow, 'user_id' | 'last_good' | 'last_door'>[]; days: DayRow[] },
): Promise<void> {
  await db.transaction(async (trx) => {
    await insertRows(trx, 'sign_ins', changed.failures, ['user_id'])
    const good = changed.good.map((row) => ({ failures: 0, ...row }))
    for (let at = 0; at < good.length; at += 100)
      await trx('sign_ins')
        .insert(good.slice(at, at + 100))
        .onConflict('user_id')
        .merge(['last_good', 'last_door'])
    for (const { day, good, refused } of changed.days)
      await trx('sign_in_days')
        .insert({ day, good, refused })
        .onConflict('day')
        .merge({
          good: trx.raw('sign_in_days.good + ?', [good]),
          refused: trx.raw('sign_in_days.refused + ?', [refused]),
        })
  })
}

export const daysOfSignIns = (db: Knex, from: string): Promise<DayRow[]> =>
  db('sign_in_days').where('day', '>=', from).orderBy('day')
