import type { NextFunction, Request, Response } from 'express'
import { policies } from '../accounts/policies.ts'
import { may } from '../accounts/roles.ts'
import { newPasswordPath } from '../auth/guards.ts'
import { countWrongTry, refuseWhenUsedUp } from '../auth/rate-limits.ts'
import { cookieName, saved } from '../auth/session.ts'
import { Unavailable } from '../errors.ts'
import type { Db } from '../store/db.ts'
import { browserWords } from './browser-words.ts'
import { asked, formOf } from './form.ts'
import { dbOf, nodeOf } from './node.ts'
import { ownPage } from './own-page.ts'
import { render } from './render.ts'
import { count } from './say.ts'

type SignedIn = Express.User | false | undefined

export async function showSignIn(req: Request, res: Response): Promise<void> {
  if (req.user) return res.redirect(303, '/')
  await render(req, res, 'sign-in/show', { next: safePath(asked(req, 'next')), hasEnded: asked(req, 'ended') !== '' })
}

export async function signIn(req: Request, res: Response, next: NextFunction): Promise<void> {
  const { limits, log } = nodeOf(req)
  const form = formOf(req)
  const [username, to] = [form.text('username').trim(), safePath(form.text('next'))]
  const [name, address] = [username.toLowerCase().slice(0, 128), req.ip ?? '']
  const again = (status: number, problem: string, advice?: string) =>
    render(req, res, 'sign-in/show', { username, next: to, problem, advice }, { status })
  try {
    await refuseWhenUsedUp(limits.address, address)
    const user = username && form.text('password') ? await authenticate(req, res) : undefined
    if (user) return await begin(req, res, user, to)
    await countWrongTry(limits.address, address)
    log.info({ username: name, address }, 'sign-in refused')
    await again(422, 'Username and password do not match.', await adviceOf(dbOf(req)))
  } catch (error) {
    if (!(error instanceof Unavailable)) return next(error)
    res.set('Retry-After', String(error.retryAfterSeconds))
    await again(429, error.message)
  }
}

/** The same for every name: what the default policy says. */
async function adviceOf(db: Db): Promise<string> {
  const { lockAfter, lockMinutes } = (await policies(db)).first.policy
  if (lockAfter === 0) return 'Look at Caps Lock.'
  const until = lockMinutes > 0 ? `has to wait ${count(lockMinutes, 'minute')}` : 'is locked until somebody unlocks it'
  return `Look at Caps Lock. After ${count(lockAfter, 'wrong password')} an account ${until}.`
}

export function signOut(req: Request, res: Response, next: NextFunction): void {
  req.session.destroy((error) => {
    if (error) return next(error)
    const { db, secure } = nodeOf(req)
    res.clearCookie(cookieName(db, secure), { path: '/', secure }).redirect(303, '/login')
  })
}

/** Passport asks the store; nothing is signed in yet. */
const authenticate = (req: Request, res: Response): Promise<SignedIn> =>
  new Promise((resolve, reject) => {
    const done = (error: unknown, user?: SignedIn) => (error ? reject(error) : resolve(user))
    nodeOf(req).signIn.authenticate('local', { session: false }, done)(req, res, reject)
  })

/** A new session id, so that one planted before the sign-in is worth nothing. */
export async function begin(req: Request, res: Response, user: Express.User, to: string): Promise<void> {
  const { setUpAt, claimedAt } = req.session
  await new Promise<void>((resolve, reject) => req.logIn(user, (error) => (error ? reject(error) : resolve())))
  const now = Date.now()
  Object.assign(req.session, {
    signedInAt: now,
    seenAt: now,
    passwordChanged: user.passwordChanged ?? '',
    address: req.ip ?? '',
    browser: browserWords(req.get('User-Agent') ?? ''),
  })
  if (setUpAt) Object.assign(req.session, { setUpAt, claimedAt })
  await saved(req)
  res.redirect(303, await beginAt(dbOf(req), user, to))
}

/** To where they wanted; who looks after no accounts to what is their own, as other pages would only refuse. */
function beginAt(db: Db, user: Express.User, to: string): Promise<string> | string {
  if (user.mustSetPassword !== undefined) return newPasswordPath
  return may(user.role, 'read') || /^\/(account|my-groups)(\/|$)/.test(to) ? to : ownPage(db, user)
}

/** A path of this node and nothing else: `//host` and `/\host` would leave it. */
export const safePath = (path: string): string =>
  /^\/(?![/\\])[\x21-\x7e]*$/.test(path) && !path.includes('\\') && !path.startsWith('/login') ? path : '/'
