import type { Db } from '../store/db.ts'
import type { DeclaredPlugin } from './declarations.ts'
import { policyOf } from './policies.ts'
import { mayNotSignIn, passwordAge } from './sign-in.ts'
import { lockedHereUntil } from './sign-ins.ts'
import type { User } from './users.ts'

export type Reason = { ok: boolean; text: string }
export type MayUse = { may: boolean; reasons: Reason[] }

/**
 * May this person use the service now, and why or why not. It is the decision of every door (`decide` in sign-in.ts), one
 * check a line, with the plugin before it.
 */
export async function mayUse(
  db: Db,
  user: User,
  plugin: Pick<DeclaredPlugin, 'name' | 'title' | 'on'>,
  now = new Date(),
): Promise<MayUse> {
  const reasons = [
    {
      ok: plugin.on,
      text: plugin.on ? `${plugin.title} is on in this network` : `${plugin.title} is turned off for everyone`,
    },
    user.plugins.includes(plugin.name)
      ? { ok: true, text: `Plugin ${plugin.title} is on` }
      : { ok: false, text: `Plugin ${plugin.title} is off` },
    accountReason(user, now),
    ...(await lockReason(db, user, now)),
    ...(await passwordReasons(db, user, now)),
  ]
  return { may: reasons.every((reason) => reason.ok), reasons }
}

function accountReason(user: User, now: Date): Reason {
  const refusal = mayNotSignIn(user, now)
  if (refusal) return { ok: false, text: refusal }
  const isBounded = user.validFrom !== undefined || user.validUntil !== undefined
  return { ok: true, text: isBounded ? 'Account is enabled and valid' : 'Account is enabled' }
}

async function lockReason(db: Db, user: User, now: Date): Promise<Reason[]> {
  const until = await lockedHereUntil(db, user.id, now)
  if (!until) return []
  const minute = `${until.toISOString().slice(0, 10)} ${until.toISOString().slice(11, 16)} UTC`
  return [{ ok: false, text: `Locked at this node until ${minute}, after too many wrong passwords` }]
}

async function passwordReasons(db: Db, user: User, now: Date): Promise<Reason[]> {
  if (!user.hasPassword) return [{ ok: false, text: 'No password is set yet' }]
  if (user.mustChange) return [{ ok: false, text: 'A new password must be set first: somebody else has set this one' }]
  const age = passwordAge(await policyOf(db, user), user, now)
  if (age.is === 'ended') return [{ ok: false, text: `The password has ended on ${age.on.slice(0, 10)}` }]
  if (age.is === 'old') return [{ ok: true, text: `The password is old, and still opens until ${age.on.slice(0, 10)}` }]
  return [{ ok: true, text: 'A password is set' }]
}
