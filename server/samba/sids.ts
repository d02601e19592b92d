import type { GroupBody, MachineBody, UserBody } from '../store/bodies.ts'
import { groupIdByNumber } from '../store/groups.ts'
import { ownerOf, ridKey, sidKey } from '../store/taken.ts'
import { userIdByNumber } from '../store/users.ts'
import type { Change } from '../store/write.ts'

/** S-1-5-21-A-B-C */
export const isDomainSid = (sid: string): boolean =>
  /^S-1-5-21(-\d{1,10}){3}$/.test(sid) &&
  sid
    .split('-')
    .slice(4)
    .every((part) => Number(part) < 2 ** 32)

/** Windows groups have numbers of their own: windows-groups.ts. */
const windowsNumbers = 1_000_000
const firstBuiltin = 544
const builtin = 'S-1-5-32'

export const ridOfUser = ({ windows, uidNumber }: Pick<UserBody, 'windows' | 'uidNumber'>): number =>
  windows?.rid ?? uidNumber

export const ridOfMachine = ({ rid }: Pick<MachineBody, 'rid'>): number | undefined => rid

type Grouped = Pick<GroupBody, 'windows' | 'gidNumber' | 'type'>

export const ridOfGroup = ({ windows, gidNumber, type }: Grouped): number =>
  windows?.rid ?? (type === 'windows' ? gidNumber - windowsNumbers : gidNumber)

/** Groups that every Windows computer has of its own, as Administrators: their SID is in no domain. */
export const isBuiltin = (group: Grouped): boolean => group.type === 'windows' && ridOfGroup(group) >= firstBuiltin

export const sidOfGroup = (domain: string, group: Grouped): string =>
  `${isBuiltin(group) ? builtin : domain}-${ridOfGroup(group)}`

/** Which groups of the domain are in the built-in ones from the beginning. */
const firstMembers: Record<number, number[]> = { 544: [512], 545: [513], 546: [514] }

/** SIDs of the members of a local group. */
export const membersOf = (domain: string, group: Grouped): string[] =>
  group.windows?.members ??
  (isBuiltin(group) ? (firstMembers[ridOfGroup(group)] ?? []).map((rid) => `${domain}-${rid}`) : [])

/** What Windows shows of the groups that it knows; others go by their name. */
const titles: Record<number, string> = {
  512: 'Domain Admins',
  513: 'Domain Users',
  514: 'Domain Guests',
  515: 'Domain Computers',
  544: 'Administrators',
  545: 'Users',
  546: 'Guests',
  547: 'Power Users',
  548: 'Account Operators',
  549: 'Server Operators',
  550: 'Print Operators',
  551: 'Backup Operators',
}

export const titleOf = (group: Grouped): string | undefined =>
  group.windows?.displayName ?? (group.type === 'windows' ? titles[ridOfGroup(group)] : undefined)

/** The RID of a SID of this domain. */
export function ridIn(domain: string, sid: string): number | undefined {
  if (!sid.toUpperCase().startsWith(`${domain}-`)) return undefined
  const rest = sid.slice(domain.length + 1)
  return /^[1-9]\d{0,9}$/.test(rest) && Number(rest) < 2 ** 32 ? Number(rest) : undefined
}

/** Who has this SID: a person, a group, a computer, or an entry of Samba's own. Two of one make Samba refuse both. */
export async function ownerOfSid(
  { trx }: Pick<Change, 'trx'>,
  domain: string,
  sid: string,
): Promise<string | undefined> {
  const kept = await ownerOf(trx, sidKey(sid))
  if (kept) return kept
  if (sid.startsWith(`${builtin}-`)) return groupIdByNumber(trx, windowsNumbers + Number(sid.slice(builtin.length + 1)))
  const rid = ridIn(domain, sid)
  if (rid === undefined) return undefined
  return (
    (await ownerOf(trx, ridKey(rid))) ??
    (await userIdByNumber(trx, rid)) ??
    (await groupIdByNumber(trx, rid)) ??
    (rid < 1000 ? groupIdByNumber(trx, windowsNumbers + rid) : undefined)
  )
}
