import { notNestable } from '../accounts/group-members.ts'
import { type Group, groupsInEffect, groupsPage, type ListedGroup } from '../accounts/groups.ts'
import { type ListedUser, usersPage } from '../accounts/user-lists.ts'
import type { Db } from '../store/db.ts'

/** Who could be added to a group: `no` says why one cannot be, `but` what to know of one who can. */
export type Candidates = {
  total: number
  people: (ListedUser & { no?: string; but?: string })[]
  groups: (ListedGroup & { no?: string })[]
}

const peopleAtMost = 10
const groupsAtMost = 6

export async function candidatesFor(db: Db, group: Group, search: string, mayGroups: boolean): Promise<Candidates> {
  const [users, groups, circles] = await Promise.all([
    usersPage(db, { search, size: peopleAtMost }),
    mayGroups ? groupsPage(db, { search, size: groupsAtMost }) : { rows: [], total: 0 },
    notNestable(db, group.id),
  ])
  const through = await throughOf(db, group.id, users.rows)
  return {
    total: users.total + groups.total,
    people: users.rows.map((user) => {
      if (user.groups.includes(group.id)) return { ...user, no: 'already in it' }
      const via = through.get(user.id)
      return via ? { ...user, but: `in it through ${via}` } : user
    }),
    groups: groups.rows.map((one) => {
      const no = whyNot(group, one, circles)
      return no ? { ...one, no } : one
    }),
  }
}

function whyNot(group: Group, one: ListedGroup, circles: ReadonlySet<string>): string | undefined {
  if (one.id === group.id) return 'this group'
  if (one.type === 'builtin') return 'holds everyone'
  if (one.groups?.includes(group.id)) return 'already in it'
  return circles.has(one.id) ? `would make a circle: it contains ${group.name}` : undefined
}

/** Of these people, who is in the group only through another one: id -> that group's name. */
export async function throughOf(db: Db, groupId: string, users: ListedUser[]): Promise<Map<string, string>> {
  const groups = await groupsInEffect(db, [...new Set(users.flatMap((user) => user.groups))])
  const leads = new Map<string, boolean>()
  const leadsThere = (id: string): boolean => {
    const known = leads.get(id)
    if (known !== undefined) return known
    leads.set(id, false)
    const found = (groups.get(id)?.groups ?? []).some((of) => of === groupId || leadsThere(of))
    leads.set(id, found)
    return found
  }
  const through = new Map<string, string>()
  for (const user of users) {
    if (user.groups.includes(groupId)) continue
    const via = user.groups.find(leadsThere)
    if (via) through.set(user.id, groups.get(via)?.name ?? '')
  }
  return through
}
