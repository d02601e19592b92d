import type { Actor } from '../audit/actor.ts'
import { Invalid } from '../errors.ts'
import type { Status, UserBody } from '../store/bodies.ts'
import type { Db } from '../store/db.ts'
import { write } from '../store/write.ts'
import { needRightOver } from './roles.ts'
import { forgetFailures } from './sign-ins.ts'
import { keepUser, toUser, type User } from './user.ts'
import { fullName, needUser } from './users.ts'

const statusWords: Record<Status, string> = { enabled: 'Enabled', disabled: 'Disabled', locked: 'Locked' }

/**
 * Locks, unlocks, disables or enables. Unlocking ends a lock of the password policy as well. `from`: what the account is
 * taken for; unlocking somebody who is disabled must not let them in.
 */
export async function setStatus(db: Db, actor: Actor, id: string, status: Status, from?: Status): Promise<User> {
  const user = await write(db, actor, async (change) => {
    const object = await needUser(change, id)
    const { body } = object
    const isHelp = status !== 'disabled' && body.status !== 'disabled'
    needRightOver(actor, isHelp ? 'passwords' : 'change', body)
    if (from) refuseOtherThan(from, status, body)
    const { lockedUntil, ...open } = body
    if (body.status === status && !(status === 'enabled' && lockedUntil)) return toUser(object)
    const wasLocked = body.status === 'locked' || (body.status === 'enabled' && lockedUntil !== undefined)
    const word = wasLocked && status === 'enabled' ? 'Unlocked' : statusWords[status]
    const now = status === 'enabled' ? { ...open, status, unlocked: new Date().toISOString() } : { ...body, status }
    return keepUser(change, object, now, `${word} ${fullName(body)}`)
  })
  if (status === 'enabled') await forgetFailures(db, id)
  return user
}

const insteads: Record<Status, string> = {
  enabled: '',
  disabled: ' Enable it instead.',
  locked: ' Unlock it instead.',
}

/** Who is so already is as it was asked for; a lock by hand goes over one of the password policy. */
function refuseOtherThan(from: Status, status: Status, body: UserBody): void {
  const isLockedByPolicy = body.status === 'enabled' && (body.lockedUntil ?? '') > new Date().toISOString()
  const is = isLockedByPolicy ? 'locked' : body.status
  if (is === from || is === status || (isLockedByPolicy && from === 'enabled')) return
  const instead = status === 'enabled' ? insteads[is] : ''
  throw new Invalid({ status: `The account is ${is}, not ${from}.${instead}` })
}
