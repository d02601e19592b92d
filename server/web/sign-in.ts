import type { NextFunction, Request, Response } from 'express'
import { isAdmin } from '../auth/guards.ts'
import { countWrongTry, refuseWhenUsedUp, wrongTriesAllowed } from '../auth/rate-limits.ts'
import { cookieName, saved } from '../auth/session.ts'
import { Unavailable } from '../errors.ts'
import { asked, formOf } from './form.ts'
import { nodeOf } from './node.ts'
import { render } from './render.ts'

type SignedIn = Express.User | false | undefined

export async function showSignIn(req: Request, res: Response): Promise<void> {
  if (req.user) return res.redirect(303, '/')
  await render(req, res, 'sign-in/show', { next: safePath(asked(req, 'next')) })
}

export async function signIn(req: Request, res: Response, next: NextFunction): Promise<void> {
  const { limits, log } = nodeOf(req)
  const form = formOf(req)
  const [username, to] = [form.text('username').trim(), safePath(form.text('next'))]
  const [name, address] = [username.toLowerCase().slice(0, 128), req.ip ?? '']
  const again = (status: number, problem: string, advice?: string) =>
    render(req, res, 'sign-in/show', { username, next: to, problem, advice }, { status })
  try {
    await refuseWhenUsedUp(limits.name, name)
    await refuseWhenUsedUp(limits.address, address)
    const user = username && form.text('password') ? await authenticate(req, res) : undefined
    if (user) return await begin(req, res, user, to)
    await Promise.all([countWrongTry(limits.name, name), countWrongTry(limits.address, address)])
    log.info({ username: name, address }, 'sign-in refused')
    const advice = `Look at Caps Lock. After ${wrongTriesAllowed} wrong tries this name has to wait ten minutes.`
    await again(422, 'Username and password do not match.', advice)
  } catch (error) {
    if (!(error instanceof Unavailable)) return next(error)
    res.set('Retry-After', String(error.retryAfterSeconds))
    await again(429, error.message)
  }
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
  Object.assign(req.session, { signedInAt: now, seenAt: now, passwordChanged: user.passwordChanged ?? '' })
  if (setUpAt) Object.assign(req.session, { setUpAt, claimedAt })
  await saved(req)
  res.redirect(303, isAdmin(req) ? to : '/account')
}

/** A path of this node and nothing else: `//host` and `/\host` would leave it. */
export const safePath = (path: string): string =>
  /^\/(?![/\\])[\x21-\x7e]*$/.test(path) && !path.includes('\\') && !path.startsWith('/login') ? path : '/'
