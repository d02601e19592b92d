import type { Knex } from 'knex'
import { inSlices, insertRows } from './slices.ts'

/** Unique names of users and groups alike: one canonical name has one owner. */
export async function ownerOfName(trx: Knex, name: string): Promise<string | undefined> {
  const row: { owner: string } | undefined = await trx('names').where({ name }).first('owner')
  return row?.owner
}

/**
 * Frees the names that these users and groups have in their tables: call it before those are written anew. Names are
 * freed before they are taken, for two people may swap theirs in one answer of the master.
 */
export async function freeNames(trx: Knex, owners: string[]): Promise<void> {
  await inSlices(owners, (slice) =>
    trx('names')
      .whereIn('name', trx('users').whereIn('id', slice).select('username'))
      .orWhereIn('name', trx('groups').whereIn('id', slice).select('name'))
      .delete(),
  )
}

export async function takeNames(trx: Knex, names: { name: string; owner: string }[]): Promise<void> {
  await insertRows(trx, 'names', names)
}
