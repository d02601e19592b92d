import type { Request } from 'express'
import { type Group, groupByName, groupsByIds } from '../accounts/groups.ts'
import type { User } from '../accounts/user.ts'
import { userById, userByUsername } from '../accounts/users.ts'
import { NotFound } from '../errors.ts'
import { formOf, part } from './form.ts'
import { dbOf } from './node.ts'

// A name may change, and go to somebody else, while a page is open: its forms carry the id of whom they mean.

export async function userMeant(req: Request): Promise<User> {
  const [db, id, username] = [dbOf(req), formOf(req).text('id'), part(req, 'username')]
  if (id === '') return userByUsername(db, username)
  const user = await userById(db, id)
  if (!user) throw new NotFound(`Whoever was “${username}” when this page was opened does not exist any more.`)
  return user
}

export async function groupMeant(req: Request): Promise<Group> {
  const [db, id, name] = [dbOf(req), formOf(req).text('id'), part(req, 'name')]
  if (id === '') return groupByName(db, name)
  const [group] = await groupsByIds(db, [id])
  if (!group) throw new NotFound(`What was group “${name}” when this page was opened does not exist any more.`)
  return group
}
