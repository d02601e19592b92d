import type { Request, RequestHandler } from 'express'
import { ownedGroups } from '../accounts/groups.ts'
import { may, type Right, roleTitle } from '../accounts/roles.ts'
import { Refused } from '../errors.ts'
import type { Db } from '../store/db.ts'
import { whyNoChange } from '../store/local.ts'

export const isAdmin = (req: Request): boolean => req.user?.role === 'administrator'

/** Where somebody goes who may do nothing else before a new password is set. */
export const newPasswordPath = '/account/new-password'

/** Everyone who came in with a password, also those whose only way leads to a new one. */
export const cameIn: RequestHandler = (req, res, next) => {
  if (req.user) return next()
  const query = new URLSearchParams()
  const page = pageOf(req)
  // An address too long for a header is not worth coming back to.
  if (page && page !== '/' && page.length <= 2000) query.set('next', page)
  if (req.method !== 'GET') query.set('ended', '1')
  sendTo(req, res, '/login', query.size > 0 ? `?${query}` : '')
}

/** The page to come back to: for a form or a part of a page, the one that it stands on. */
function pageOf(req: Request): string | undefined {
  if (req.get('HX-Request') !== 'true' && req.method === 'GET') return req.originalUrl
  const at = req.get('HX-Current-URL') ?? req.get('Referer') ?? ''
  if (!URL.canParse(at)) return undefined
  const { pathname, search } = new URL(at)
  return pathname + search
}

/** Everyone with an account whose password is good. */
export const signedIn: RequestHandler = (req, res, next) => {
  if (!req.user) return cameIn(req, res, next)
  if (req.user.mustSetPassword === undefined) return next()
  sendTo(req, res, newPasswordPath)
}

/** A redirect would put a page inside whatever part of one asked. */
function sendTo(req: Request, res: Parameters<RequestHandler>[1], path: string, query = ''): void {
  if (req.get('HX-Request') === 'true')
    return void res
      .status(401)
      .set('HX-Redirect', path + query)
      .end()
  res.redirect(303, path + query)
}

const withRight = (right: Right): RequestHandler[] => [
  signedIn,
  (req, _res, next) => {
    const role = req.user?.role ?? 'person'
    next(may(role, right) ? undefined : refusal(role, right))
  },
]

const needs: Record<Right, string> = {
  read: 'This page is for those who look after accounts.',
  audit: 'This page is for auditors and administrators.',
  passwords: 'This is for the help desk and administrators.',
  change: 'This page is for administrators.',
}

const refusal = (role: Parameters<typeof may>[0], right: Right): Refused =>
  new Refused(
    role === 'person'
      ? `${needs[right]} What is yours is under Your account.`
      : `${needs[right]} Your role is ${roleTitle(role)}.`,
    'role',
  )

/** Whoever may see accounts. */
export const reads = withRight('read')
/** Whoever may see the record and the fleet. */
export const audits = withRight('audit')
/** Whoever may set passwords and unlock. */
const helps = withRight('passwords')
/** Administrators only. */
export const admin = withRight('change')

/** For what changes accounts: on a slave it is answered with the master's name, whatever the page showed. */
const notOnSlave: RequestHandler = (req, _res, next) => {
  const { local }: Db = req.app.locals.node.db
  next(local.mode && whyNoChange(local))
}

/** For what a slave has its master do. */
export const orForwarded: RequestHandler = (req, res, next) => {
  const { db, forward } = req.app.locals.node
  if (db.local.mode === 'slave' && forward) next()
  else notOnSlave(req, res, next)
}

/** Administrators, on a node that may change accounts. */
export const adminChanges: RequestHandler[] = [...admin, notOnSlave]

/** Help desk and administrators, also at a slave, whose master does it. */
export const helpsAnywhere: RequestHandler[] = [...helps, orForwarded]

/** Whoever has the right, and whoever owns the group that the path names. */
const ownsGroupOr = (right: Right): RequestHandler[] => [
  signedIn,
  async (req, _res, next) => {
    const user = req.user as Express.User
    if (may(user.role, right)) return next()
    const owned = await ownedGroups(req.app.locals.node.db, user.id)
    if (owned.some(({ name }) => name === req.params.name)) return next()
    next(new Refused('You do not own this group. Its owners and administrators may change its members.', 'role'))
  },
]

/** Administrators, and owners of the group. */
export const ownsGroup = ownsGroupOr('change')
/** Whoever may see accounts, and owners of the group. */
export const readsGroup = ownsGroupOr('read')

/** Whoever typed the one-time code in this session. */
export const claimed: RequestHandler = (req, res, next) => {
  if (req.session.claimedAt) return next()
  if (req.get('HX-Request') === 'true') return void res.status(401).set('HX-Redirect', '/setup').end()
  res.redirect(303, '/setup')
}

/** Setting up happens once. */
export const notSetUp: RequestHandler = (req, res, next) => {
  const { local }: Db = req.app.locals.node.db
  if (!local.mode) return next()
  res.redirect(303, req.session.setUpAt ? '/setup/done' : '/')
}
