import type { Db } from './db.ts'

export type SessionRow = { id: string; user_id: string | null; data: string; expires_at: number }

/** `id` is the SHA-256 of the session id: who reads the database cannot take a session over. */
export async function sessionById(db: Db, id: string): Promise<SessionRow | undefined> {
  const row: SessionRow | undefined = await db.reader('sessions').where({ id }).first()
  return row && Number(row.expires_at) > Date.now() ? row : undefined
}

export async function saveSession(db: Db, row: SessionRow): Promise<void> {
  await db.writer('sessions').insert(row).onConflict('id').merge()
}

export async function removeSession(db: Db, id: string): Promise<void> {
  await db.writer('sessions').where({ id }).delete()
}

/** The open sessions of a person. */
export const sessionsOf = (db: Db, userId: string): Promise<SessionRow[]> =>
  db.reader('sessions').where({ user_id: userId }).where('expires_at', '>', Date.now())

/** Ends one session of a person, or all but one. */
export async function removeSessionsOf(
  db: Db,
  userId: string,
  which: { id: string } | { besides: string },
): Promise<void> {
  const rows = db.writer('sessions').where({ user_id: userId })
  await ('id' in which ? rows.where({ id: which.id }) : rows.whereNot({ id: which.besides })).delete()
}

export async function removeExpiredSessions(db: Db): Promise<void> {
  await db.writer('sessions').where('expires_at', '<', Date.now()).delete()
}
