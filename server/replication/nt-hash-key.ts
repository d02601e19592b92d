import type { Db } from '../store/db.ts'
import { ntHashKey, takeNtHashKey } from '../store/nt-hashes.ts'
import { askMaster, type Connection, MasterRefused, readJson } from './connection.ts'

const refused = new WeakSet<Db>()

/** A slave that joined before there was a key for NT hashes asks for it; what is held already is read again with it. */
export async function fetchNtHashKey(db: Db, connection: Connection): Promise<void> {
  if (refused.has(db) || ntHashKey(db.dir)) return
  try {
    const { body } = await askMaster(connection, '/v1/nt-hash-key')
    const { key } = await readJson<{ key: string }>(body)
    takeNtHashKey(db.dir, key)
  } catch (error) {
    // A master of an earlier version has none. Asked again when this node starts anew.
    if (!(error instanceof MasterRefused) || error.status !== 404) throw error
    refused.add(db)
    return
  }
  for (const listener of db.listeners) listener('all')
}
