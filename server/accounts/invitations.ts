import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Actor } from '../audit/actor.ts'
import { Invalid, NotFound, Refused } from '../errors.ts'
import type { UserBody } from '../store/bodies.ts'
import type { Db } from '../store/db.ts'
import { objectById } from '../store/objects.ts'
import { type Change, write } from '../store/write.ts'
import { hashPassword } from './passwords.ts'
import { judgePassword, keptPassword, policyOf } from './policies.ts'
import { needRightOver } from './roles.ts'
import { settings } from './settings.ts'
import { mayNotSignIn, stateOf } from './sign-in.ts'
import { keepUser } from './user.ts'
import { fullName } from './users.ts'

/** A link with which a person sets a first password, shown this once. */
export type Invitation = { path: string; secret: string; until: string }

/** Where it opens: a page of this node. */
export const invitationPath = (secret: string): string => `/welcome/${secret}`

/** Makes a single-use link for a person. */
export async function inviteUser(db: Db, actor: Actor, id: string): Promise<Invitation> {
  const secret = invitationSecret(id)
  const until = await openInvitation(db, actor, id, invitationHash(secret))
  return { path: invitationPath(secret), secret, until }
}

/**
 * The link with the secret of this hash opens from now on, until the moment that is given back. One that was made before is
 * dead; the password they have stays until it is used.
 */
export async function openInvitation(db: Db, actor: Actor, id: string, tokenHash: string): Promise<string> {
  const { invitationHours } = await settings(db)
  const until = new Date(Date.now() + invitationHours * 3_600_000).toISOString()
  await write(db, actor, async (change) => {
    const object = await change.get('user', id)
    if (!object) throw new NotFound('This person does not exist any more.')
    needRightOver(actor, 'passwords', object.body)
    const reason = closedReason(object.body)
    if (reason) throw new Refused(`${reason} A link would not open anything.`, 'account')
    await change.put('user', id, { ...object.body, invitation: { tokenHash, until } })
    change.note({
      sentence: `Made a first-password link for ${fullName(object.body)}`,
      object: { kind: 'user', id, name: object.body.username },
      changes: [{ field: 'link ends', after: until }],
    })
  })
  return until
}

/** Makes the link of a person worthless. */
export async function removeInvitation(db: Db, actor: Actor, id: string): Promise<void> {
  await write(db, actor, async (change) => {
    const object = await change.get('user', id)
    if (!object?.body.invitation) return
    needRightOver(actor, 'passwords', object.body)
    const { invitation, ...body } = object.body
    await change.put('user', id, body)
    change.note({
      sentence: `Took back the first-password link of ${fullName(body)}`,
      object: { kind: 'user', id, name: body.username },
      changes: [{ field: 'link ends', before: invitation.until }],
    })
  })
}

export type Invited = { id: string; body: UserBody; until: string }

/** Whom a link is for. Refused says why it opens nothing: used, replaced, ended, or not one of ours. */
export async function invitedBy(db: Db, secret: string): Promise<Invited> {
  const id = idIn(secret)
  const object = id === undefined ? undefined : await objectById(db.reader, 'user', id)
  return { id: id ?? '', ...opened(object?.body, secret) }
}

/** The person sets the password; the link is dead from then on. */
export async function acceptInvitation(
  db: Db,
  secret: string,
  password: string,
  from: Pick<Actor, 'address' | 'request'> = {},
): Promise<UserBody> {
  const { id, body } = await invitedBy(db, secret)
  // Somebody who has the link may set one, however young the last one is.
  const problem = await judgePassword(db, db.reader, password, { ...body, mustChange: true }, { by: 'self' })
  if (problem) throw new Invalid({ password: problem })
  const [hashed, policy] = await Promise.all([hashPassword(password), policyOf(db, body)])
  const actor: Actor = { ...from, name: body.username, via: 'web', id, role: body.role }
  await write(db, actor, (change) =>
    takeUp(change, id, secret, (now) => keptPassword(now, hashed, { by: 'self', policy })),
  )
  return body
}

async function takeUp(change: Change, id: string, secret: string, turn: (body: UserBody) => UserBody): Promise<void> {
  const object = await change.get('user', id)
  // Twice at once: the second finds it used.
  const { body } = opened(object?.body, secret)
  if (object) await keepUser(change, object, turn(body), 'Set the own password with a first-password link')
}

function opened(body: UserBody | undefined, secret: string): { body: UserBody; until: string } {
  const kept = Buffer.from(body?.invitation?.tokenHash ?? ''.padStart(64, '0'), 'hex')
  if (!timingSafeEqual(kept, Buffer.from(invitationHash(secret), 'hex')) || !body?.invitation)
    throw new Refused('This link was used already, or a newer one has taken its place.', 'link-used')
  const { until } = body.invitation
  if (until <= new Date().toISOString()) throw new Refused('The time of this link is over.', 'link-ended')
  const reason = closedReason(body)
  if (reason) throw new Refused(reason, 'account')
  return { body, until }
}

/** Wrong passwords and a begin in the future are no reason: setting a password is what mends, or prepares. */
function closedReason(body: UserBody): string | undefined {
  const isOpen = stateOf(body) === 'waiting' || (body.status === 'enabled' && stateOf(body) === 'locked')
  const reason = isOpen ? undefined : mayNotSignIn(body)
  return reason && `${reason}.`
}

// The id stands in front, so that nobody has to be looked for; the secret behind it has 192 random bits.
const idLetters = 22

/** The secret of a new link: only its hash goes to other nodes and is kept. */
export const invitationSecret = (id: string): string =>
  Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url') + randomBytes(24).toString('base64url')

function idIn(secret: string): string | undefined {
  if (!/^[A-Za-z0-9_-]{54}$/.test(secret)) return undefined
  const hex = Buffer.from(secret.slice(0, idLetters), 'base64url').toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

export const invitationHash = (secret: string): string => hash('sha256', secret)
