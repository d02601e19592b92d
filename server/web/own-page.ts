import type { NextFunction, Request, Response } from 'express'
import { ownedGroups } from '../accounts/groups.ts'
import { may } from '../accounts/roles.ts'
import type { Db } from '../store/db.ts'
import { dbOf } from './node.ts'

/** Where somebody begins who looks after no accounts: with the groups that they own, or with themselves. */
export async function ownPage(db: Db, { id }: Pick<Express.User, 'id'>): Promise<string> {
  return (await ownedGroups(db, id)).length > 0 ? '/my-groups' : '/account'
}

/** Home is for those who look after accounts; the others begin with what is theirs. */
export async function toOwnPage(req: Request, res: Response, next: NextFunction): Promise<void> {
  const user = req.user as Express.User
  if (may(user.role, 'read')) return next()
  res.redirect(303, await ownPage(dbOf(req), user))
}
