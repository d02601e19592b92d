import type { Knex } from 'knex'
import { insertRows } from './slices.ts'

/** When and from where this node last saw a client; it does not travel. Moments are ISO 8601. */
export type UseRow = { client_id: string; last_used: string; address: string }

/** Something that a client asked this node for and did not get. */
export type MissRow = {
  client_id: string
  kind: string
  what: string
  times: number
  first_seen: string
  last_seen: string
}

export const useRows = (db: Knex): Promise<UseRow[]> => db('client_uses').select()

export const missRows = (db: Knex): Promise<MissRow[]> => db('client_misses').select()

/** `misses`: all rows of each client that has other ones now. What is kept of clients that are none of `live` goes. */
export async function keepClientUses(
  db: Knex,
  live: readonly string[],
  changed: { uses: UseRow[]; misses: Map<string, MissRow[]> },
): Promise<void> {
  await db.transaction(async (trx) => {
    await insertRows(trx, 'client_uses', changed.uses, ['client_id'])
    await trx('client_misses')
      .whereIn('client_id', [...changed.misses.keys()])
      .delete()
    await insertRows(trx, 'client_misses', [...changed.misses.values()].flat())
    for (const table of ['client_uses', 'client_misses'])
      await trx(table)
        .whereNotIn('client_id', [...live])
        .delete()
  })
}

export const removeMisses = (db: Knex, clientId: string): Promise<number> =>
  db('client_misses').where({ client_id: clientId }).delete()
