import type { Request, Response } from 'express'
import { groupNames } from '../accounts/groups.ts'
import { canonicalName } from '../accounts/names.ts'
import { userById } from '../accounts/users.ts'
import { auditPage } from '../audit/audit.ts'
import { NotFound } from '../errors.ts'
import type { Db } from '../store/db.ts'
import { dbOf } from './node.ts'
import { redirect } from './render.ts'

/** Shows what the address names; who is called otherwise by now is found where they are. */
export async function orRenamed(
  req: Request,
  res: Response,
  kind: 'user' | 'group',
  name: string,
  show: () => Promise<void>,
): Promise<void> {
  try {
    await show()
  } catch (error) {
    const now = error instanceof NotFound ? await nameNow(dbOf(req), kind, canonicalName(name)) : undefined
    if (now === undefined) throw error
    await redirect(
      req,
      res,
      `/${kind}s/${encodeURIComponent(now)}`,
      `“${canonicalName(name)}” is called ${now} now.`,
      'look',
    )
  }
}

/** The record of this node knows every name that somebody had. */
async function nameNow(db: Db, kind: 'user' | 'group', name: string): Promise<string | undefined> {
  const { rows } = await auditPage(db, { kind, search: name, size: 50 })
  for (const { object } of rows) {
    if (object?.name !== name) continue
    const now =
      kind === 'user' ? (await userById(db, object.id))?.username : (await groupNames(db, [object.id])).get(object.id)
    if (now !== undefined) return now
  }
  return undefined
}
