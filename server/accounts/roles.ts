import type { Actor } from '../audit/actor.ts'
import { Refused } from '../errors.ts'
import type { Role } from '../store/bodies.ts'

/** What a role allows. Owning a group allows changing its members, whatever the role. */
export type Right =
  /** See accounts, groups, plugins, policies. */
  | 'read'
  /** See the audit, the fleet and the LDAP clients. */
  | 'audit'
  /** Set passwords, hand out first-password links, lock and unlock. */
  | 'passwords'
  /** Everything else. */
  | 'change'

export const roles: readonly { role: Role; title: string; may: string; rights: readonly Right[] }[] = [
  { role: 'person', title: 'Person', may: 'their own account', rights: [] },
  {
    role: 'helpdesk',
    title: 'Help desk',
    may: 'see accounts; set passwords, lock and unlock people who are no administrators',
    rights: ['read', 'passwords'],
  },
  { role: 'auditor', title: 'Auditor', may: 'see everything, change nothing', rights: ['read', 'audit'] },
  {
    role: 'administrator',
    title: 'Administrator',
    may: 'everything',
    rights: ['read', 'audit', 'passwords', 'change'],
  },
]

/** What Samba does for the administrators of a domain, which are not those of these pages. */
const ofSamba: readonly Right[] = ['read', 'passwords', 'change']

export const may = (role: Role | 'samba', right: Right): boolean =>
  role === 'samba' ? ofSamba.includes(right) : (roles.find((one) => one.role === role)?.rights.includes(right) ?? false)

export const roleTitle = (role: Role | 'samba'): string => roles.find((one) => one.role === role)?.title ?? 'Samba'

/** Throws unless the actor has the right. One without a role has the machine, and with it every right. */
export function needRight(actor: Actor, right: Right): void {
  if (actor.role !== undefined && !may(actor.role, right))
    throw new Refused(`The role ${roleTitle(actor.role)} does not allow this.`, 'role')
}

/** Help desk helps people; who could then sign in as an administrator would be one. */
export function needRightOver(actor: Actor, right: Right, target: { role: Role }): void {
  needRight(actor, right)
  if ((actor.role === 'helpdesk' || actor.role === 'samba') && target.role !== 'person')
    throw new Refused(`Only an administrator may do this for somebody with the role ${roleTitle(target.role)}.`, 'role')
}
