import type { Request, Response } from 'express'
import type { SessionData } from 'express-session'
import { absoluteMs } from '../auth/session.ts'
import { idleMs, keptId } from '../auth/session-store.ts'
import { removeSessionsOf, sessionsOf } from '../store/sessions.ts'
import { formOf } from './form.ts'
import { dbOf } from './node.ts'
import { redirect } from './render.ts'

export type OwnSession = {
  id: string
  isThis: boolean
  since: string
  lastSeen: string
  address: string
  browser: string
}

/** Where the person in front of this page is signed in at this node; this browser first, then the latest. */
export async function ownSessions(req: Request): Promise<OwnSession[]> {
  const user = req.user as Express.User
  const here = keptId(req.sessionID)
  const rows = await sessionsOf(dbOf(req), user.id)
  return rows
    .map((row) => ({ id: row.id, data: JSON.parse(row.data) as Partial<SessionData> }))
    .filter(({ data }) => isOpen(data, user))
    .map(({ id, data }) => ({
      id,
      isThis: id === here,
      since: new Date(data.signedInAt ?? 0).toISOString(),
      lastSeen: new Date(data.seenAt ?? 0).toISOString(),
      address: data.address ?? '',
      browser: data.browser ?? 'A program',
    }))
    .sort((a, b) => Number(b.isThis) - Number(a.isThis) || (a.lastSeen < b.lastSeen ? 1 : -1))
}

/** What the next request of a session would find (auth/session.ts, auth/passport.ts). */
function isOpen({ seenAt = 0, signedInAt = 0, passwordChanged }: Partial<SessionData>, user: Express.User): boolean {
  const now = Date.now()
  const isYoung = now - seenAt <= idleMs && now - signedInAt <= absoluteMs
  return isYoung && passwordChanged === (user.passwordChanged ?? '')
}

/** Signs out one session, or all but this one. Nobody can name a session that is not theirs. */
export async function endSessions(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const user = req.user as Express.User
  const id = formOf(req).text('id')
  const here = keptId(req.sessionID)
  if (id === here) return redirect(req, res, '/account#sessions', 'To end this session, sign out.', 'look')
  await removeSessionsOf(db, user.id, id ? { id } : { besides: here })
  await redirect(
    req,
    res,
    '/account#sessions',
    id ? 'That session is signed out.' : 'Every other session is signed out.',
  )
}
