import type { Db } from '../store/db.ts'
import { groupNamesByIds } from '../store/groups.ts'
import type { State } from '../store/state.ts'
import type { DeclaredPlugin } from './declarations.ts'
import { inForce, policies } from './policies.ts'
import { mayNotSignIn, passwordAge, stateOf } from './sign-in.ts'
import { lockedHereUntil } from './sign-ins.ts'
import type { User } from './user.ts'

/** One check: whether it speaks for it, what was found, and where it does not, the way out. */
export type Reason = { ok: boolean; text: string; way?: string }
export type MayUse = { may: boolean; reasons: Reason[] }

const yes = (text: string): Reason => ({ ok: true, text })
const no = (text: string, way: string): Reason => ({ ok: false, text, way })

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
  const { name, title, on } = plugin
  const reasons = [
    on
      ? yes(`${title} is on in this network`)
      : no(`${title} is turned off for everyone`, 'An administrator turns it on, on its page.'),
    user.plugins.includes(name)
      ? yes(`Plugin ${title} is on`)
      : no(`Plugin ${title} is off`, 'An administrator enables it for this person.'),
    accountReason(user, now),
    ...(await lockReason(db, user, now)),
    await passwordReason(db, user, now),
  ]
  return { may: reasons.every((reason) => reason.ok), reasons }
}

const waysOut: Record<Exclude<State, 'enabled'>, string> = {
  disabled: 'Enabling the account opens it.',
  locked: 'Unlocking opens it at once.',
  expired: 'A later “Valid until” opens it.',
  waiting: 'An earlier “Valid from” opens it.',
}

function accountReason(user: User, now: Date): Reason {
  const refusal = mayNotSignIn(user, now)
  const state = stateOf(user, now)
  if (refusal && state !== 'enabled') return no(refusal, waysOut[state])
  const isBounded = user.validFrom !== undefined || user.validUntil !== undefined
  return yes(isBounded ? 'Account is enabled and valid' : 'Account is enabled')
}

async function lockReason(db: Db, user: User, now: Date): Promise<Reason[]> {
  const until = await lockedHereUntil(db, user.id, now)
  if (!until) return []
  const minute = `${until.toISOString().slice(0, 10)} ${until.toISOString().slice(11, 16)} UTC`
  const text = `Locked at this node until ${minute}, after too many wrong passwords`
  return [no(text, 'It opens by itself then, or at once with a new password.')]
}

async function passwordReason(db: Db, user: User, now: Date): Promise<Reason> {
  if (!user.hasPassword)
    return no('No password is set yet', 'Somebody sets one, or sends a link with which the person does.')
  if (user.mustChange)
    return no(
      'A new password must be set first: somebody else has set this one',
      'The person signs in to these pages once and sets it.',
    )
  const { policy } = inForce(await policies(db), user)
  const age = passwordAge(policy, user, now)
  if (age.is === 'good') return yes('A password is set')
  const day = age.on.slice(0, 10)
  if (age.is === 'old') return yes(`The password is old, and still opens until ${day}`)
  const rule = `passwords last ${policy.maxAgeDays} days, as the policy of ${await whoAsks(db, user)} says`
  return no(`The password has ended on ${day}: ${rule}`, 'The person signs in to these pages and sets a new one.')
}

/** Whose policy says how old a password may be, and through which group it reaches the person. */
async function whoAsks(db: Db, user: User): Promise<string> {
  const of = await policies(db)
  const name = inForce(of, user).from.maxAgeDays
  const asking = of.ofGroups.find((policy) => policy.name === name)
  if (!asking) return 'everyone'
  if (user.groups.includes(asking.group)) return `group ${name}`
  const names = await groupNamesByIds(db.reader, user.groups)
  const [through = ''] = user.groups.filter((id) => asking.members.has(id)).flatMap((id) => names.get(id) ?? [])
  return `group ${name}, through ${through},`
}
