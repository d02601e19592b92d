import type { Knex } from 'knex'

/** Empties the feed and its projections inside a transaction: the start of a full sync. Readers see the old state until it commits. */
export async function wipe(trx: Knex): Promise<void> {
  for (const table of ['objects', 'positions', 'names', 'users', 'groups', 'memberships', 'devices'])
    await trx(table).delete()
}
