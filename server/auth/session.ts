import type { Request, RequestHandler } from 'express'
import session from 'express-session'
import type { Db } from '../store/db.ts'
import { keptKey } from '../store/files.ts'
import { idleMs, SessionStore } from './session-store.ts'

declare module 'express-session' {
  interface SessionData {
    /** When a page was last asked for by a person; live parts of a page do not count. */
    seenAt: number
    signedInAt: number
    /** `passwordChanged` of the user at sign-in: a new password ends the sessions that began with the old one. */
    passwordChanged: string
    /** First run: the code was typed in this session. */
    claimedAt: number
    /** First run: set up in this session, so that its last page may show what was made. */
    setUpAt: number
    flash: Flash
    /** Where it began, for the list on the person's own page. */
    address: string
    browser: string
  }
}

/** What the next page says once. */
export type Flash = {
  text: string
  kind?: 'good' | 'look' | 'bad'
  /** Where a form takes it back. */
  undo?: string
  /** The change that it tells of, which slaves are to receive. */
  seq?: number
  /** The row of the audit whose receipt is shown with it. */
  receipt?: number
}

const minute = 60_000
export const absoluteMs = 12 * 60 * minute

/** Sessions in the store, in a cookie that ends with the browser. */
export function sessions(db: Db, secure: boolean): RequestHandler {
  return session({
    name: cookieName(db, secure),
    // The id itself has 192 random bits; the signature only spares the store from made-up ones.
    secret: keptKey(db.dir, 'cookie.key').toString('hex'),
    store: new SessionStore(db),
    resave: false,
    saveUninitialized: false,
    cookie: { httpOnly: true, sameSite: 'lax', secure, path: '/' },
  })
}

/**
 * Writes the session now. express-session writes it while it ends the answer, and a browser may follow a redirect before
 * that is done; so whoever changes a session and redirects waits for this.
 */
export const saved = (req: Request): Promise<void> =>
  new Promise((resolve, reject) => req.session.save((error) => (error ? reject(error) : resolve())))

/**
 * Named after the node: cookies know no ports, and two nodes on one host (a demo, a test) would sign each other's people
 * out. The `__Host-` prefix needs Secure, so plain HTTP on loopback goes without it.
 */
export const cookieName = (db: Db, secure: boolean): string => `${secure ? '__Host-' : ''}session-${db.local.deviceId}`

/**
 * Ends what was left alone for half an hour or lasts for half a day; and what is to begin yet, for a clock that was turned back
 * must make no session longer. Writes at most once a minute.
 */
export const endOldSessions: RequestHandler = (req, _res, next) => {
  const now = Date.now()
  const { seenAt, signedInAt } = req.session
  const isOver = (at: number | undefined, ms: number) => at && (now - at > ms || at - now > minute)
  const over = isOver(seenAt, idleMs) || isOver(signedInAt, absoluteMs)
  if (over) return req.session.regenerate(next)
  if (seenAt && now - seenAt > minute && req.query.live === undefined) req.session.seenAt = now
  next()
}
