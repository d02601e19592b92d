import { isBuiltin, ridOfGroup, sidOfGroup } from '../../samba/sids.ts'
import type { GroupBody, GroupInWindows } from '../../store/bodies.ts'
import { attribute } from '../attribute-types.ts'
import type { Domain } from '../entries/windows.ts'
import { NotDone } from '../not-done.ts'
import { resultCode } from '../wire/result.ts'
import type { Values } from './values.ts'
import { ridOf } from './windows.ts'

const sid = attribute('sambaSID')
const groupType = attribute('sambaGroupType')
const displayName = attribute('displayName')
const members = attribute('sambaSIDList')
const types = new Set([sid, groupType, displayName, members])

export const isMapped = (classes: readonly string[]): boolean =>
  classes.some((name) => name.toLowerCase() === 'sambagroupmapping')

/** The values that are no business of Windows. */
export const withoutMapping = (values: Values): Values => new Map([...values].filter(([type]) => !types.has(type)))

/** How a group stands in Windows when its entry has these values; undefined: as it follows from the group. */
export function mappingOf(
  domain: Domain,
  group: Pick<GroupBody, 'windows' | 'gidNumber' | 'type'>,
  before: Values,
  after: Values,
  isInWindows: boolean,
): GroupInWindows | undefined {
  const now: GroupInWindows = { ...group.windows }
  if (!isInWindows) now.isUnmapped = true
  else {
    delete now.isUnmapped
    const [wanted] = after.get(sid) ?? []
    if (wanted === undefined) throw new NotDone(resultCode.objectClassViolation, 'sambaGroupMapping asks for sambaSID.')
    if (wanted.toUpperCase() !== sidOfGroup(domain.sid, group)) now.rid = newRid(domain, group, wanted)
    if (has(before, displayName) !== has(after, displayName)) {
      delete now.displayName
      if (has(after, displayName)) now.displayName = has(after, displayName)!
    }
    const list = after.get(members) ?? []
    if (String(before.get(members) ?? []) !== String(list)) now.members = list.map((each) => each.toUpperCase()).sort()
  }
  return Object.keys(now).length > 0 ? now : undefined
}

const has = (values: Values, type: typeof displayName): string | undefined => values.get(type)?.[0]

function newRid(domain: Domain, group: Pick<GroupBody, 'windows' | 'gidNumber' | 'type'>, wanted: string): number {
  if (group.type === 'windows')
    throw new NotDone(
      resultCode.unwillingToPerform,
      `This group is known to every Windows computer by ${isBuiltin(group) ? 'S-1-5-32' : domain.sid}-${ridOfGroup(group)}.`,
    )
  return ridOf(domain, wanted)
}
