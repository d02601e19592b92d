import type { Request, RequestHandler } from 'express'
import { ReadOnly, Refused } from '../errors.ts'
import type { Db } from '../store/db.ts'
import { masterName } from '../web/node.ts'

export const isAdmin = (req: Request): boolean => req.user?.role === 'administrator'

/** Everyone with an account. */
export const signedIn: RequestHandler = (req, res, next) => {
  if (req.user) return next()
  // A redirect would put the sign-in form inside whatever part of the page asked.
  if (req.get('HX-Request') === 'true') return void res.status(401).set('HX-Redirect', '/login').end()
  const next_ = req.method === 'GET' && req.originalUrl !== '/' ? `?next=${encodeURIComponent(req.originalUrl)}` : ''
  res.redirect(303, `/login${next_}`)
}

/** Administrators only. */
export const admin: RequestHandler[] = [
  signedIn,
  (req, _res, next) =>
    next(
      isAdmin(req)
        ? undefined
        : new Refused('This page is for administrators. Your own account is under Account.', 'role'),
    ),
]

/** For what changes accounts: on a slave it is answered with the master's name, whatever the page showed. */
export const notOnSlave: RequestHandler = (req, _res, next) => {
  const { local }: Db = req.app.locals.node.db
  next(local.mode === 'slave' ? new ReadOnly(masterName(local)) : undefined)
}

/** Administrators, on a node that may change accounts. */
export const adminChanges: RequestHandler[] = [...admin, notOnSlave]

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
