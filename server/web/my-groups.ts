import type { Request, Response } from 'express'
import { ownedGroups } from '../accounts/groups.ts'
import { dbOf } from './node.ts'
import { render } from './render.ts'
import { changesForPeople } from './rights.ts'

/** The groups whose members this person may change. */
export async function showMyGroups(req: Request, res: Response): Promise<void> {
  const groups = req.user ? await ownedGroups(dbOf(req), req.user.id) : []
  await render(req, res, 'my-groups/index', { groups, mayMembers: changesForPeople(req) })
}
