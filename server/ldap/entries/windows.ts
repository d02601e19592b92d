import { attributesOf, opaque } from '../../samba/account.ts'
import { formatFlags } from '../../samba/flags.ts'
import type { KeptEntry } from '../../samba/kept.ts'
import { sambaPolicies } from '../../samba/policies.ts'
import { isBuiltin, membersOf, sidOfGroup, titleOf } from '../../samba/sids.ts'
import type { GroupBody, MachineBody, PolicyBody, UserBody, WindowsBody } from '../../store/bodies.ts'
import { holdsWindows } from '../../store/groups.ts'
import { ofWindows } from '../../store/memberships.ts'
import { hasWindows } from '../../store/nt-hashes.ts'
import type { Line } from '../block.ts'
import { escapeValue } from '../dn.ts'
import type { Described } from '../entry.ts'
import { groupClasses, userClasses } from '../schema-classes.ts'
import { slotOf } from '../slots.ts'
import { operationalLines } from './times.ts'

/** The Windows domain while Windows Networking is on: what entries say of it. */
export type Domain = { name: string; sid: string }

const windowsUserClasses = [...userClasses, 'sambaSamAccount']
const windowsGroupClasses = [...groupClasses, 'sambaGroupMapping']
const lineOf = ([name, value]: readonly [string, string]): Line => [slotOf(name), [value]]

/** What a person's entry has besides, with a Windows account. */
export function personInWindows(
  body: UserBody,
  domain: Domain | undefined,
  hash: string | undefined,
  now: number,
): { classes: readonly string[]; lines: Line[]; memberOf: string[] } | undefined {
  if (!domain || !hasWindows(body)) return undefined
  const lines = attributesOf(body, domain.sid, hash, new Date(now)).map(lineOf)
  return { classes: windowsUserClasses, lines, memberOf: [ofWindows] }
}

const groupSlot = {
  sid: slotOf('sambaSID'),
  type: slotOf('sambaGroupType'),
  members: slotOf('sambaSIDList'),
  displayName: slotOf('displayName'),
}

/** A group of the domain, and a local one: what sambaGroupType has for them. */
const groupType = { ofDomain: '2', local: '4' } as const

/** The same for a group; Windows knows all that it is not told to leave out. */
export function groupInWindows(
  body: GroupBody,
  domain: Domain | undefined,
): { classes: readonly string[]; lines: Line[]; holds?: string } | undefined {
  if (!domain || body.windows?.isUnmapped) return undefined
  const { sid } = domain
  const title = titleOf(body)
  const members = membersOf(sid, body)
  return {
    classes: windowsGroupClasses,
    lines: [
      [groupSlot.sid, [sidOfGroup(sid, body)]],
      [groupSlot.type, [isBuiltin(body) ? groupType.local : groupType.ofDomain]],
      [groupSlot.displayName, title ? [title] : []],
      [groupSlot.members, members],
    ],
    ...(holdsWindows(body) && { holds: ofWindows }),
  }
}

export function describeDomain(id: string, body: WindowsBody, policy: PolicyBody): Described {
  const { name, sid, nextRid, settings } = body
  return {
    kind: 'windows',
    rdn: `sambaDomainName=${escapeValue(name)}`,
    classes: ['top', 'sambaDomain'],
    lines: [
      ['sambaDomainName', name] as const,
      ['sambaSID', sid] as const,
      ['sambaAlgorithmicRidBase', '1000'] as const,
      ['sambaNextRid', String(nextRid)] as const,
      ...Object.entries(sambaPolicies(policy, settings)).map(([rule, value]) => [rule, String(value)] as const),
    ]
      .map(lineOf)
      .concat(operationalLines(id, body.added, body.changed)),
  }
}

/** Members of Domain Computers. */
const computersNumber = '1000515'

export function describeMachine(
  id: string,
  body: MachineBody,
  domain: Domain | undefined,
  hash: string | undefined,
): Described {
  const { name, uidNumber, rid, flags, displayName, description, passwordChanged, attributes = {} } = body
  const inDomain: [string, string | undefined][] =
    domain && rid !== undefined
      ? [
          ['sambaSID', `${domain.sid}-${rid}`],
          ['sambaPrimaryGroupSID', `${domain.sid}-515`],
          ['displayName', displayName],
          ['sambaAcctFlags', formatFlags(flags)],
          ['sambaPwdLastSet', passwordChanged && String(Math.floor(Date.parse(passwordChanged) / 1000))],
          ['sambaNTPassword', hash],
          ['sambaBadPasswordCount', '0'],
          ['sambaBadPasswordTime', '0'],
          ...opaque.map((each): [string, string | undefined] => [each, attributes[each]]),
        ]
      : []
  const all: [string, string | undefined][] = [
    ['uid', name],
    ['cn', name],
    ['uidNumber', String(uidNumber)],
    ['gidNumber', computersNumber],
    ['homeDirectory', '/dev/null'],
    ['loginShell', '/sbin/nologin'],
    ['description', description],
    ...inDomain,
  ]
  return {
    kind: 'machine',
    rdn: `uid=${escapeValue(name)}`,
    classes: ['top', 'account', 'posixAccount', ...(inDomain.length > 0 ? ['sambaSamAccount'] : [])],
    lines: [
      ...all.flatMap(([each, value]): Line[] => (value === undefined ? [] : [[slotOf(each), [value]]])),
      ...operationalLines(id, body.added, body.changed),
    ],
  }
}

/** An entry that Samba keeps for itself, as it wrote it. */
export const describeKept = (id: string, body: KeptEntry): Described => ({
  kind: 'kept',
  rdn: body.rdn,
  classes: body.classes.some((name) => name.toLowerCase() === 'top') ? body.classes : ['top', ...body.classes],
  lines: [
    ...Object.entries(body.values).map(([name, values]): Line => [slotOf(name), values]),
    ...operationalLines(id, body.added, body.changed),
  ],
})
