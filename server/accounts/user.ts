import type { Knex } from 'knex'
import { changesBetween } from '../audit/audit.ts'
import { editStep } from '../audit/steps.ts'
import type { UserBody } from '../store/bodies.ts'
import { canonical } from '../store/canonical.ts'
import { groupNamesByIds } from '../store/groups.ts'
import type { Change } from '../store/write.ts'
import { refuseLastAdministrator } from './administrators.ts'

/** A person as pages and commands see one: never with a hash of a password or of a link. */
export type User = Omit<UserBody, 'password' | 'passwordHistory' | 'invitation'> & {
  id: string
  seq: number
  hasPassword: boolean
  /** Until when a first-password link opens, ISO 8601. */
  invitedUntil?: string
}

export function toUser(object: { id: string; seq: number; body: UserBody }): User {
  const { password, passwordHistory, invitation, ...rest } = object.body
  return {
    ...rest,
    id: object.id,
    seq: object.seq,
    hasPassword: password !== undefined,
    ...(invitation && { invitedUntil: invitation.until }),
  }
}

export type Kept = { id: string; seq: number; body: UserBody }

/** Puts a changed person, unless nothing differs, and says so in the audit. */
export async function keepUser(
  change: Change,
  was: Kept,
  body: UserBody,
  sentence: string,
  { receipt = shutsOut(was.body, body) } = {},
): Promise<User> {
  if (canonical(was.body) === canonical(body)) return toUser(was)
  const changes = await changesInGroups(change.trx, was.body, body)
  const now = { ...body, changed: new Date().toISOString() }
  // The help desk may have made the link, and could sign in with it as what the person becomes now.
  if (now.role !== was.body.role) delete now.invitation
  await refuseLastAdministrator(change, was.id, was.body, now)
  await change.put('user', was.id, now)
  const undo = editStep('user', was.id, was.body, now)
  change.note({
    sentence,
    object: { kind: 'user', id: was.id, name: body.username },
    changes,
    ...(undo && { undo: [undo] }),
    ...(receipt && { receipt }),
  })
  return toUser({ id: was.id, seq: change.head.seq, body: now })
}

/** Whoever was let in is not any more: by an administrator, or by the password policy. */
const shutsOut = (was: UserBody, now: UserBody): boolean =>
  (was.status === 'enabled' && now.status !== 'enabled') ||
  (now.lockedUntil !== undefined && now.lockedUntil !== was.lockedUntil)

type InGroups = { groups: string[] } | undefined

/** What differs between two bodies, with names of groups instead of ids. */
export async function changesInGroups(trx: Knex, was: InGroups, now: InGroups) {
  const differ = String(was?.groups) !== String(now?.groups)
  const names = differ
    ? await groupNamesByIds(trx, [...(was?.groups ?? []), ...(now?.groups ?? [])])
    : new Map<string, string>()
  return changesBetween(was, now, (field, value) =>
    field === 'groups'
      ? value
          .split(', ')
          .map((id) => names.get(id) ?? id)
          .sort()
          .join(', ')
      : value,
  )
}
