import type { Knex } from 'knex'

const keptMs = 24 * 3_600_000

/** Notes in the transaction of a change which request it was made for. */
export async function keepRequest(trx: Knex, id: string, now = Date.now()): Promise<void> {
  await trx('requests')
    .where('done_at', '<', new Date(now - keptMs).toISOString())
    .delete()
  await trx('requests')
    .insert({ id, done_at: new Date(now).toISOString() })
    .onConflict('id')
    .ignore()
}

export const isRequestDone = async (db: Knex, id: string): Promise<boolean> =>
  (await db('requests').where({ id }).first()) !== undefined
