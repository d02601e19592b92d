import type { Db } from './db.ts'
import { isFaultOfDisk } from './disk.ts'

export type SessionRow = { id: string; user_id: string | null; data: string; expires_at: number }

/** What the disk of a node would not take, by id; undefined: removed. Nobody is to be shut out by a full disk, or kept in. */
const unwritten = new WeakMap<Db, Map<string, SessionRow | undefined>>()
const unwrittenAtMost = 10_000

/** `id` is the SHA-256 of the session id: who reads the database cannot take a session over. */
export async function sessionById(db: Db, id: string): Promise<SessionRow | undefined> {
  const kept = unwritten.get(db)
  const row: SessionRow | undefined = kept?.has(id) ? kept.get(id) : await db.reader('sessions').where({ id }).first()
  return row && Number(row.expires_at) > Date.now() ? row : undefined
}

export const saveSession = (db: Db, row: SessionRow): Promise<void> => put(db, row.id, row)

export const removeSession = (db: Db, id: string): Promise<void> => put(db, id, undefined)

async function put(db: Db, id: string, row: SessionRow | undefined): Promise<void> {
  try {
    if (row) await db.writer('sessions').insert(row).onConflict('id').merge()
    else await db.writer('sessions').where({ id }).delete()
    unwritten.get(db)?.delete(id)
  } catch (error) {
    if (!isFaultOfDisk(error)) throw error
    const kept = unwritten.get(db) ?? new Map()
    unwritten.set(db, kept)
    kept.delete(id)
    if (kept.size >= unwrittenAtMost) kept.delete(kept.keys().next().value as string)
    kept.set(id, row)
  }
}

/** The open sessions of a person. */
export async function sessionsOf(db: Db, userId: string): Promise<SessionRow[]> {
  const kept = unwritten.get(db) ?? new Map<string, SessionRow | undefined>()
  const written: SessionRow[] = await db.reader('sessions').where({ user_id: userId })
  const rows = [...written.filter(({ id }) => !kept.has(id)), ...kept.values()]
  return rows.filter((row) => row?.user_id === userId && Number(row.expires_at) > Date.now()) as SessionRow[]
}

/** Ends one session of a person, or all but one. */
export async function removeSessionsOf(
  db: Db,
  userId: string,
  which: { id: string } | { besides: string },
): Promise<void> {
  for (const { id } of await sessionsOf(db, userId))
    if ('id' in which ? id === which.id : id !== which.besides) await removeSession(db, id)
}

/** Also writes down what the disk would not take before. */
export async function removeExpiredSessions(db: Db): Promise<void> {
  await db.writer('sessions').where('expires_at', '<', Date.now()).delete()
  for (const [id, row] of unwritten.get(db) ?? [])
    await put(db, id, row && row.expires_at > Date.now() ? row : undefined)
}
