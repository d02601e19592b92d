import type { Knex } from 'knex'

/** A code with which one slave joins once; it does not travel. */
export type JoinCodeRow = {
  key_id: string
  /** SHA-256 of its secret, hex; the secret has 128 random bits. */
  secret_hash: string
  /** The name that the slave must have. */
  name: string
  /** ISO 8601. */
  made: string
  until: string
  used: string | null
  device_id: string | null
}

/** A new code takes the place of one for the same name that was not used; old ones go. */
export async function keepJoinCode(trx: Knex, row: JoinCodeRow, forgetBefore: string): Promise<void> {
  await trx('join_codes').where({ name: row.name, used: null }).delete()
  await trx('join_codes').where('made', '<', forgetBefore).delete()
  await trx('join_codes').insert(row)
}

export const joinCodeRow = (db: Knex, keyId: string): Promise<JoinCodeRow | undefined> =>
  db('join_codes').where({ key_id: keyId }).first()

/** Those that are good for somebody still, the next to end first. */
export const openJoinCodes = (db: Knex, now: string): Promise<JoinCodeRow[]> =>
  db('join_codes').where({ used: null }).where('until', '>', now).orderBy('until')

/** The latest for a name, used or not. */
export const latestJoinCode = (db: Knex, name: string): Promise<JoinCodeRow | undefined> =>
  db('join_codes').where({ name }).orderBy('made', 'desc').first()

/** False when it was used already, or is gone. */
export const useJoinCode = async (trx: Knex, keyId: string, used: string, deviceId: string): Promise<boolean> =>
  (await trx('join_codes').where({ key_id: keyId, used: null }).update({ used, device_id: deviceId })) === 1

export const removeJoinCodes = (trx: Knex, name: string): Promise<number> =>
  trx('join_codes').where({ name, used: null }).delete()
