import { randomUUID } from 'node:crypto'
import type { Actor } from '../audit/actor.ts'
import { editStep } from '../audit/steps.ts'
import { Invalid } from '../errors.ts'
import type { GroupBody, UserBody } from '../store/bodies.ts'
import type { Db } from '../store/db.ts'
import { groupIdByName, groupsAbove, groupsBelow, groupsIn } from '../store/groups.ts'
import { objectById } from '../store/objects.ts'
import { type Change, write } from '../store/write.ts'
import { declared } from './declarations.ts'
import {
  editGroup,
  type Group,
  type GroupInput,
  groupsByIds,
  type KeptGroup,
  type ListedGroup,
  needOwnGroup,
} from './groups.ts'
import { canonicalName } from './names.ts'
import { needRight } from './roles.ts'
import { type ListedUser, listUsers, type Page } from './user-lists.ts'
import { fullName, listed, moveUsers, needUsers } from './users.ts'

/** The people who are directly in a group. */
export async function membersPage(
  db: Db,
  groupId: string,
  query: { search?: string; page?: number; size?: number },
): Promise<Page<ListedUser>> {
  const group = await objectById(db.reader, 'group', groupId)
  return listUsers(db, group?.body.type === 'builtin' ? query : { ...query, of: groupId })
}

/** The groups that are directly in a group, by name. */
export async function nestedGroups(db: Db, groupId: string): Promise<ListedGroup[]> {
  const groups = await groupsByIds(db, await groupsIn(db.reader, groupId))
  return groups.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** People by username, groups by name. */
export type Members = { usernames?: readonly string[]; groups?: readonly string[] }

export const addMembers = async (
  db: Db,
  actor: Actor,
  groupId: string,
  members: Members,
): Promise<{ added: string[] }> => ({ added: await changeMembers(db, actor, groupId, members, {}) })

export const removeMembers = async (
  db: Db,
  actor: Actor,
  groupId: string,
  members: Members,
): Promise<{ removed: string[] }> => ({ removed: await changeMembers(db, actor, groupId, {}, members) })

/** Adds and removes in one change, as a page with pending changes saves them; the names of all that moved. */
export async function changeMembers(
  db: Db,
  actor: Actor,
  groupId: string,
  join: Members,
  leave: Members,
): Promise<string[]> {
  return write(db, inOneBatch(actor, [join, leave]), async (change) => {
    const { body: group } = await needOwnGroup(change, groupId)
    needRightOrOwner(actor, group, [...(join.groups ?? []), ...(leave.groups ?? [])])
    return joinAndLeave(change, groupId, group, join, leave)
  })
}

/** A group's own fields and who is in it, in one change: all of it or nothing. */
export async function changeGroupAndMembers(
  db: Db,
  actor: Actor,
  groupId: string,
  given: { input: Partial<GroupInput>; join: Members; leave: Members; expectedSeq?: number | undefined },
): Promise<Group> {
  needRight(actor, 'change')
  const known = await declared(db)
  return write(db, inOneBatch(actor, [given.join, given.leave], 1), async (change) => {
    const group = await editGroup(change, known, groupId, given.input, given.expectedSeq)
    const { body } = await needOwnGroup(change, groupId)
    await joinAndLeave(change, groupId, body, given.join, given.leave)
    return group
  })
}

const joinAndLeave = async (
  change: Change,
  groupId: string,
  group: GroupBody,
  join: Members,
  leave: Members,
): Promise<string[]> => [
  ...(await moveMembers(change, groupId, group, join, true)),
  ...(await moveMembers(change, groupId, group, leave, false)),
]

/** What becomes several rows of the audit, one for all people and one for each group, is undone together. */
function inOneBatch(actor: Actor, moves: Members[], others = 0): Actor {
  const rows = moves.reduce(
    (sum, { usernames = [], groups = [] }) => sum + Math.min(usernames.length, 1) + groups.length,
    0,
  )
  return rows > 0 && rows + others > 1 && !actor.batch ? { ...actor, batch: randomUUID() } : actor
}

/** Owners add and remove people. A group brings whoever is in it, now and later, and is for administrators. */
export function needRightOrOwner(actor: Actor, group: GroupBody, groups: readonly string[]): void {
  if (actor.id !== undefined && group.owners?.includes(actor.id) && groups.length === 0) return
  needRight(actor, 'change')
}

/** Puts people and groups into a group, or takes them out, inside a change; the names of those that moved. */
export async function moveMembers(
  change: Change,
  groupId: string,
  group: GroupBody,
  members: Members,
  join: boolean,
): Promise<string[]> {
  const people = await movePeople(change, groupId, group, members.usernames ?? [], join)
  const groups: string[] = []
  for (const name of members.groups ?? []) {
    const moved = await nest(change, groupId, group, name, join)
    if (moved) groups.push(moved)
  }
  return [...people, ...groups]
}

async function movePeople(
  change: Change,
  groupId: string,
  group: GroupBody,
  usernames: readonly string[],
  join: boolean,
): Promise<string[]> {
  const ids = await needUsers(change, usernames, 'members')
  const moved: { id: string; body: UserBody }[] = []
  for (let at = 0; at < ids.length; at += 400)
    moved.push(...(await moveUsers(change, ids.slice(at, at + 400), (body) => withGroup(body, groupId, join))))
  const [first] = moved
  if (!first) return []
  const names = moved.map(({ body }) => body.username)
  const who = moved.length === 1 ? fullName(first.body) : `${moved.length} people`
  change.note({
    sentence: join ? `Added ${who} to group ${group.name}` : `Removed ${who} from group ${group.name}`,
    object: { kind: 'group', id: groupId, name: group.name },
    changes: [{ field: 'members', [join ? 'after' : 'before']: listed(names) }],
    undo: [{ list: 'groups', name: groupId, ids: moved.map(({ id }) => id), joined: join }],
  })
  return names
}

/** The body in or out of a group; undefined when it is so already. */
export function withGroup<B extends { groups?: string[] }>(body: B, groupId: string, join: boolean): B | undefined {
  const groups = body.groups ?? []
  if (groups.includes(groupId) === join) return undefined
  return { ...body, groups: join ? [...groups, groupId].sort() : groups.filter((id) => id !== groupId) }
}

/** Puts a group into this one, or takes it out. */
async function nest(
  change: Change,
  groupId: string,
  group: GroupBody,
  name: string,
  join: boolean,
): Promise<string | undefined> {
  const member = await needGroup(change, name)
  const problem = join ? await circle(change, groupId, group, member) : undefined
  if (problem) throw new Invalid({ members: problem })
  const now = withGroup(member.body, groupId, join)
  if (!now) return undefined
  const { id, body } = member
  await change.put('group', id, { ...now, changed: new Date().toISOString() })
  const undo = editStep('group', id, body, now)
  change.note({
    sentence: join
      ? `Added group ${body.name} to group ${group.name}`
      : `Removed group ${body.name} from group ${group.name}`,
    object: { kind: 'group', id: groupId, name: group.name },
    changes: [{ field: 'groups', [join ? 'after' : 'before']: body.name }],
    ...(undo && { undo: [undo] }),
  })
  return body.name
}

/** Why a group cannot be put into another, or undefined. */
async function circle(
  change: Change,
  groupId: string,
  group: GroupBody,
  member: KeptGroup,
): Promise<string | undefined> {
  if (member.body.type === 'builtin') return `Group ${member.body.name} holds everyone and cannot be a member.`
  if (member.id === groupId) return `Group ${group.name} cannot be a member of itself.`
  const below = await groupsBelow(change.trx, [member.id])
  return below.has(groupId)
    ? `Group ${member.body.name} cannot be put into ${group.name}: ${group.name} is in ${member.body.name} already, and that would be a circle.`
    : undefined
}

/** Why these groups cannot be put into a group, by id: for a picker that says so beforehand. */
export async function notNestable(db: Db, groupId: string): Promise<Set<string>> {
  return groupsAbove(db.reader, [groupId])
}

async function needGroup(change: Change, name: string): Promise<KeptGroup> {
  const canonical = canonicalName(name)
  const id = await groupIdByName(change.trx, canonical)
  const object = id === undefined ? undefined : await change.get('group', id)
  if (!object) throw new Invalid({ members: `There is no group “${canonical}”.` })
  return object
}
