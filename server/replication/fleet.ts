import type { Db } from '../store/db.ts'
import { type Fleet, writeLocal } from '../store/local.ts'
import { askMaster, type Connection, readJson } from './connection.ts'
import { contactsOf } from './contact.ts'

/** Where each slave stands, as a master tells them: the one that is to take its place knows who has more. */
export function ownFleet(db: Db): Fleet {
  const heard = [...(contactsOf(db)?.all.values() ?? [])]
  return {
    at: new Date().toISOString(),
    devices: heard.map(({ deviceId, seq, lastContact }) => ({ deviceId, seq, lastContact })),
  }
}

/** Each minute; where there are more than a hundred it is less often, for the list is long and all ask for it. */
const everyMs = (db: Db): number => Math.max(60_000, (db.local.fleet?.devices.length ?? 0) * 600)
const patienceMs = 5000
const mostBytes = 8 * 1024 * 1024
const asked = new WeakMap<Db, number>()

/** Asks for it now and then, and keeps it: when it is needed the master is gone. One of an earlier version does not tell. */
export async function keepFleet(db: Db, connection: Connection): Promise<void> {
  const last = asked.get(db)
  if (last !== undefined && performance.now() - last < everyMs(db)) return
  asked.set(db, performance.now())
  try {
    const answer = await askMaster(connection, '/v1/fleet', { signal: AbortSignal.timeout(patienceMs) })
    await writeLocal(db.writer, db.local, { fleet: await readJson<Fleet>(answer, mostBytes) })
  } catch {
    // What this node was told before stays.
  }
}
