import { hash } from 'node:crypto'
import session, { type SessionData } from 'express-session'
import type { Db } from '../store/db.ts'
import { removeSession, saveSession, sessionById } from '../store/sessions.ts'

type Done = (error?: unknown) => void

/** A session that is left alone ends after this. */
export const idleMs = 30 * 60_000

/** Kept under the SHA-256 of the id: who reads the database cannot take over a session. */
export const keptId = (sid: string): string => hash('sha256', sid)

/** express-session over our own table. Every failure goes to the callback and nowhere else. */
export class SessionStore extends session.Store {
  readonly db: Db

  constructor(db: Db) {
    super()
    this.db = db
  }

  override get(sid: string, done: (error: unknown, session?: SessionData | null) => void): void {
    sessionById(this.db, keptId(sid)).then(
      (row) => done(null, row ? JSON.parse(row.data) : null),
      (error) => done(error),
    )
  }

  override set(sid: string, data: SessionData, done: Done = () => {}): void {
    const userId = (data as { passport?: { user?: string } }).passport?.user
    saveSession(this.db, {
      id: keptId(sid),
      user_id: userId ?? null,
      data: JSON.stringify(data),
      expires_at: (data.seenAt ?? Date.now()) + idleMs,
    }).then(() => done(), done)
  }

  override destroy(sid: string, done: Done = () => {}): void {
    removeSession(this.db, keptId(sid)).then(() => done(), done)
  }

  /** `endOldSessions` keeps the time of the last visit itself, so an unchanged session is not written. */
  override touch(_sid: string, _session: SessionData, done: Done = () => {}): void {
    done()
  }
}
