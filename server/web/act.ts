import type { Request } from 'express'
import { type Act, runAct } from '../accounts/acts.ts'
import { invitedBy } from '../accounts/invitations.ts'
import { confirmPassword } from '../accounts/sign-in.ts'
import { Invalid, type Problems, Refused } from '../errors.ts'
import type { Asked, Forwarder } from '../replication/forward.ts'
import { actorOf, dbOf, masterName, nodeOf } from './node.ts'

/** The field in which somebody at a slave types the own password, for the master to go by. */
export const authorityField = 'authority'

/**
 * Does it here; on a slave the master does it in the person's name, and it is answered once this node holds it. The master
 * judges `typed`, the person's own password, itself; away, it is refused at once (Unavailable). `field` is where it was typed.
 */
export async function doAct(req: Request, act: Act, typed: string, field = authorityField): Promise<void> {
  const db = dbOf(req)
  const user = req.user as Express.User
  const { forward } = nodeOf(req)
  if (db.local.mode !== 'slave' || !forward) return runAct(db, { ...actorOf(req), id: user.id }, act)
  if (typed === '') throw new Invalid({ [field]: `Type your own password: ${masterName(db.local)} goes by it.` })
  if (!(await confirmPassword(db, user.id, typed)))
    throw new Invalid({ [field]: 'This is not your password. Look at Caps Lock.' })
  try {
    await haveDone(req, forward, { as: { person: user.id, password: typed }, address: req.ip ?? '', act })
  } catch (error) {
    if (error instanceof Refused && error.code === 'sign-in')
      throw new Invalid({ [field]: `${masterName(db.local)} does not take this password of yours. Sign in again.` })
    throw error
  }
}

/** What the master has done and this node does not hold yet is told as that, whatever page follows. */
async function haveDone(req: Request, forward: Forwarder['send'], asked: Asked): Promise<void> {
  const { isHere } = await forward(asked)
  if (!isHere) Object.assign(req.res?.locals ?? {}, { isLate: true })
}

/** The first password, with a link as authority: whoever holds it has not signed in. */
export async function doByLink(req: Request, link: string, password: string): Promise<void> {
  const db = dbOf(req)
  const { forward } = nodeOf(req)
  const act = { do: 'first-password' as const, password }
  // Here first, also on a slave: guesses do not reach the master.
  const { id, body } = await invitedBy(db, link)
  const address = req.ip ?? ''
  if (db.local.mode === 'slave' && forward) await haveDone(req, forward, { as: { link }, address, act })
  else await runAct(db, { name: body.username, via: 'web', id, role: body.role, address }, act, { link })
}

/** What is wrong with the own password, at the field of the form that it was typed in, where a page has more than one. */
export function atField({ [authorityField]: said, ...others }: Problems, field: string): Problems {
  return said ? { ...others, [field]: said } : others
}
