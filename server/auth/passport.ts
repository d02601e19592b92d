import type { RequestHandler } from 'express'
import { Passport } from 'passport'
import { Strategy } from 'passport-local'
import { type SignedIn, signIn, stillSignedIn } from '../accounts/sign-in.ts'
import { Refused } from '../errors.ts'
import type { Db } from '../store/db.ts'

declare global {
  namespace Express {
    interface User extends SignedIn {}
  }
}

export type SignIn = ReturnType<typeof passportFor>

/** Passport with one strategy: username and password of this cluster. */
export function passportFor(db: Db) {
  const passport = new Passport()
  passport.use(
    new Strategy((username, password, done) => {
      signIn(db, username, password).then(
        (user) => done(null, user),
        (error) => (error instanceof Refused ? done(null, false, { message: error.message }) : done(error)),
      )
    }),
  )
  passport.serializeUser((user, done) => done(null, (user as SignedIn).id))
  passport.deserializeUser((id: string, done) => {
    stillSignedIn(db, id).then(
      (user) => done(null, user ?? false),
      (error) => done(error),
    )
  })
  return passport
}

/** A session that began with an older password is nobody's any more. */
export const endAfterNewPassword: RequestHandler = (req, _res, next) => {
  if (req.user && req.session.passwordChanged !== (req.user.passwordChanged ?? '')) {
    req.user = undefined
    return req.session.regenerate(next)
  }
  next()
}
