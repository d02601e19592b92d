import { copyBlock } from './block.ts'
import type { Entry } from './entry.ts'
import { takeFrom } from './indexes.ts'
import { later } from './later.ts'
import { encodeMembers, type MemberList } from './member-list.ts'
import { slotOf } from './slots.ts'

/** The key of the group that everybody is in without being listed. */
export const everyone = 'everyone'

export const pluginKey = (plugin: string): string => `plugin:${plugin}`

/** What a user is a member of. Users who are in the same groups share one, and with it the encoded `memberOf`. */
export type Membership = {
  key: string
  /** The groups they were put in. */
  direct: readonly string[]
  /** Those, and every group above them. */
  groups: readonly string[]
  users: number
  version: number
  block: Buffer
}

export type Members = {
  /** Sets what a user is a member of. */
  join: (user: Entry, groups: readonly string[]) => void
  leave: (user: Entry) => void
  /** The user is called something else now. */
  renamed: (user: Entry) => void
  addGroup: (key: string, group: Entry) => void
  /** Sets which groups a group is a member of: its members are in them too, however deep. True when they are others now. */
  nest: (key: string, above: readonly string[]) => boolean
  removeGroup: (key: string, group: Entry) => void
  /** Every name has changed. */
  forget: () => void
  /** Keys of a group and of all groups that are in it, however deep. */
  below: (key: string) => Iterable<string>
  /** Keys of a group and of all groups that it is in, however deep. */
  above: (key: string) => Iterable<string>
  groupNamed: (key: string) => Entry | undefined
  groupsOf: (user: Entry) => Entry[]
  isMember: (user: Entry, group: Entry) => boolean
  usersOf: (group: Entry) => Iterable<Entry>
  countOf: (group: Entry) => number
  /** `memberOf` of a user, or `memberUid` and `member` of a group, as a block; encoded when first asked for. */
  blockOf: (entry: Entry) => Buffer | undefined
  /** The same for one entry after the other, over several turns where a group is large. */
  lister: () => Lister
}

/** `later`: ask again for the same entry in the next turn. */
export type Lister = (entry: Entry, deadline: number) => Buffer | undefined | typeof later

const rememberedLists = 2000

const memberOfSlot = slotOf('memberOf')

export function createMembers(users: () => Map<string, Entry>, dnOf: (entry: Entry) => string): Members {
  const groups = new Map<string, Entry>()
  const usersByGroup = new Map<string, Entry[]>()
  const memberships = new Map<string, Membership>()
  const groupsAbove = new Map<string, readonly string[]>()
  const groupsBelow = new Map<string, Set<string>>()
  const numbers = new Map<string, number>()
  const keysByList = new Map<string, { key: string; direct: readonly string[] }>()
  const lists = new Map<string, Buffer>()
  // Lists that are being made, until their group changes.
  const encoding = new Map<string, MemberList>()
  const none: readonly Entry[] = []
  const noBlock = Buffer.alloc(0)
  // Moves on when a group comes, goes or is renamed: every encoded `memberOf` is worked out again when next read.
  let version = 0

  // Ids are long and a membership has many: its key is made of small numbers instead.
  function numberOf(group: string): number {
    let number = numbers.get(group)
    if (number === undefined) {
      number = numbers.size
      numbers.set(group, number)
    }
    return number
  }

  // Many people are in the same groups: what their list comes to is worked out once.
  function keyOf(keys: readonly string[]): { key: string; direct: readonly string[] } {
    const list = keys.join()
    let known = keysByList.get(list)
    if (!known) {
      const direct = [...new Set([everyone, ...keys])]
      const sorted = direct.map(numberOf).sort((a, b) => a - b)
      known = { key: sorted.join(), direct }
      if (keysByList.size >= rememberedLists) keysByList.clear()
      keysByList.set(list, known)
    }
    return known
  }

  function join(user: Entry, keys: readonly string[]): void {
    const { key, direct } = keyOf(keys)
    const before = user.membership
    if (before?.key === key) return
    let membership = memberships.get(key)
    if (!membership) {
      membership = { key, direct, groups: reach(direct), users: 0, version: -1, block: noBlock }
      memberships.set(key, membership)
    }
    membership.users++
    user.membership = membership
    if (before) drop(before)
    move(user, before?.groups ?? [], membership.groups)
  }

  /** Only lists that really change are given up: the list of everybody outlives somebody's change of groups. */
  function move(user: Entry, from: readonly string[], to: readonly string[]): void {
    for (const group of from) if (!to.includes(group)) takeOut(group, user)
    for (const group of to) if (!from.includes(group)) putIn(group, user)
  }

  /** These groups and all above them, each once, so that not even a circle would go on for ever. */
  function reach(direct: readonly string[]): readonly string[] {
    if (groupsAbove.size === 0) return direct
    const reached = new Set(direct)
    for (const group of reached) for (const above of groupsAbove.get(group) ?? []) reached.add(above)
    return reached.size === direct.length ? direct : [...reached]
  }

  /** Work for those who are members of this group, directly or from further below, and for nobody else. */
  function nest(key: string, above: readonly string[]): boolean {
    const before = groupsAbove.get(key) ?? []
    if (before.length === above.length && before.every((group) => above.includes(group))) return false
    if (above.length > 0) groupsAbove.set(key, above)
    else groupsAbove.delete(key)
    for (const group of before) groupsBelow.get(group)?.delete(key)
    for (const group of above) groupsBelow.set(group, (groupsBelow.get(group) ?? new Set()).add(key))
    const concerned = [...(key === everyone ? users().values() : (usersByGroup.get(key) ?? none))]
    const earlier = new Map<Membership, readonly string[]>()
    for (const user of concerned) {
      const { membership } = user
      if (!membership) continue
      let from = earlier.get(membership)
      if (!from) {
        from = membership.groups
        earlier.set(membership, from)
        membership.groups = reach(membership.direct)
        membership.version = -1
      }
      move(user, from, membership.groups)
    }
    return true
  }

  function leave(user: Entry): void {
    const { membership } = user
    if (!membership) return
    user.membership = undefined
    drop(membership)
    for (const group of membership.groups) takeOut(group, user)
  }

  function drop(membership: Membership): void {
    if (--membership.users === 0) memberships.delete(membership.key)
  }

  function putIn(group: string, user: Entry): void {
    giveUp(group)
    if (group === everyone) return
    const users = usersByGroup.get(group)
    if (users) users.push(user)
    else usersByGroup.set(group, [user])
  }

  function takeOut(group: string, user: Entry): void {
    giveUp(group)
    const users = usersByGroup.get(group)
    if (users && takeFrom(users, user) && users.length === 0) usersByGroup.delete(group)
  }

  function walk(from: string, step: (key: string) => Iterable<string> | undefined): Iterable<string> {
    if (!step(from)) return [from]
    const reached = new Set([from])
    for (const key of reached) for (const next of step(key) ?? []) reached.add(next)
    return reached
  }

  function groupsOf(user: Entry): Entry[] {
    const found: Entry[] = []
    for (const key of user.membership?.groups ?? []) {
      const group = groups.get(key)
      if (group) found.push(group)
    }
    return found
  }

  const usersOf = (group: Entry): Iterable<Entry> =>
    group.membersKey === everyone ? users().values() : (usersByGroup.get(group.membersKey ?? '') ?? none)

  const countOf = (group: Entry): number =>
    group.membersKey === everyone ? users().size : (usersByGroup.get(group.membersKey ?? '')?.length ?? 0)

  function blockOf(entry: Entry): Buffer | undefined {
    const block = blockOrList(entry)
    return block && 'next' in block ? block.next(Number.POSITIVE_INFINITY) : block
  }

  function lister(): Lister {
    let begun: { entry: Entry; list: MemberList } | undefined
    return (entry, deadline) => {
      const block = begun?.entry === entry ? begun.list : blockOrList(entry)
      begun = undefined
      if (!block || !('next' in block)) return block
      const whole = block.next(deadline)
      if (!whole) begun = { entry, list: block }
      return whole ?? later
    }
  }

  function blockOrList(entry: Entry): Buffer | MemberList | undefined {
    if (entry.membership) return memberOfBlock(entry, entry.membership)
    const { membersKey } = entry
    return membersKey === undefined ? undefined : (lists.get(membersKey) ?? beginList(entry, membersKey))
  }

  function beginList(group: Entry, key: string): MemberList {
    const users = [...usersOf(group)]
    const list = encodeMembers(users, Buffer.from(users[0]?.parent ? `,${dnOf(users[0].parent)}` : ''))
    encoding.set(key, list)
    return {
      next(deadline) {
        const block = list.next(deadline)
        // What has changed meanwhile is in the next one.
        if (block && encoding.get(key) === list) {
          encoding.delete(key)
          lists.set(key, block)
        }
        return block
      },
    }
  }

  function giveUp(key: string): void {
    lists.delete(key)
    encoding.delete(key)
  }

  function memberOfBlock(user: Entry, membership: Membership): Buffer {
    if (membership.version !== version) {
      membership.block = copyBlock([[memberOfSlot, groupsOf(user).map(dnOf)]])
      membership.version = version
    }
    return membership.block
  }

  return {
    join,
    leave,
    nest,
    renamed(user) {
      for (const group of user.membership?.groups ?? []) giveUp(group)
    },
    addGroup(key, group) {
      groups.set(key, group)
      version++
    },
    removeGroup(key, group) {
      if (groups.get(key) === group) groups.delete(key)
      giveUp(key)
      version++
    },
    forget() {
      version++
      lists.clear()
      encoding.clear()
    },
    below: (key) => walk(key, (each) => groupsBelow.get(each)),
    above: (key) => walk(key, (each) => groupsAbove.get(each)),
    groupNamed: (key) => groups.get(key),
    groupsOf,
    usersOf,
    countOf,
    isMember: ({ membership }, { membersKey }) =>
      membersKey !== undefined && (membership?.groups.includes(membersKey) ?? false),
    blockOf,
    lister,
  }
}
