import { randomUUID } from 'node:crypto'
import type { Knex } from 'knex'
import type { Actor } from '../audit/actor.ts'
import { changesBetween } from '../audit/audit.ts'
import { Invalid, NotFound, type Problems, Refused } from '../errors.ts'
import type { GroupBody, UserBody } from '../store/bodies.ts'
import { canonical } from '../store/canonical.ts'
import type { Db } from '../store/db.ts'
import {
  allGroupRows,
  countGroupRows,
  type GroupsQuery,
  groupIdByName,
  groupNamesByIds,
  groupsMatching,
} from '../store/groups.ts'
import { countMembers, memberIds } from '../store/memberships.ts'
import { ownerOfName } from '../store/names.ts'
import { objectById, objectsByIds } from '../store/objects.ts'
import { userIdByName, userIdsByName } from '../store/users.ts'
import { type Change, write } from '../store/write.ts'
import { canonicalName, groupNameProblem } from './names.ts'
import { takeNumber } from './numbers.ts'
import { countUsers, fullName, type ListedUser, listUsers, type Page } from './users.ts'

export type Group = GroupBody & { id: string; seq: number }
export type GroupInput = { name: string; description: string }

const toGroup = (object: { id: string; seq: number; body: GroupBody }): Group => ({
  ...object.body,
  id: object.id,
  seq: object.seq,
})

export async function groupByName(db: Db, name: string): Promise<Group> {
  const canonical = canonicalName(name)
  const id = await groupIdByName(db.reader, canonical)
  const object = id === undefined ? undefined : await objectById(db.reader, 'group', id)
  if (!object) throw new NotFound(`There is no group “${canonical}”.`)
  return toGroup(object)
}

export async function groupsPage(db: Db, query: GroupsQuery): Promise<Page<Group & { members: number }>> {
  const size = Math.min(Math.max(query.size ?? 50, 1), 500)
  const page = Math.max(query.page ?? 1, 1)
  const { ids, total } = await groupsMatching(db.reader, { ...query, size, page })
  const objects = await objectsByIds(db.reader, 'group', ids)
  const counts = await countMembers(db.reader, ids)
  const everyone = await countUsers(db)
  const rows = ids
    .flatMap((id) => objects.get(id) ?? [])
    .map((object) => ({
      ...toGroup(object),
      members: object.body.type === 'builtin' ? everyone : (counts.get(object.id) ?? 0),
    }))
  return { rows, total, page, size, pages: Math.max(1, Math.ceil(total / size)) }
}

const pickedAtMost = 2000

/** Groups that people can be put into, for pickers; the built-in ones hold who they hold. */
export async function allGroups(db: Db): Promise<Group[]> {
  const rows = await allGroupRows(db.reader, pickedAtMost)
  const ids = rows.filter((row) => row.type === 'normal').map((row) => row.id)
  const objects = await objectsByIds(db.reader, 'group', ids)
  return ids.flatMap((id) => objects.get(id) ?? []).map(toGroup)
}

/** Names of groups, by id; the id of one that is gone has none. */
export const groupNames = (db: Db, ids: string[]): Promise<Map<string, string>> => groupNamesByIds(db.reader, ids)

export const countGroups = (db: Db): Promise<number> => countGroupRows(db.reader)

export async function membersPage(
  db: Db,
  groupId: string,
  query: { search?: string; page?: number; size?: number },
): Promise<Page<ListedUser>> {
  const group = await objectById(db.reader, 'group', groupId)
  return listUsers(db, group?.body.type === 'builtin' ? query : { ...query, of: groupId })
}

export async function addGroup(db: Db, actor: Actor, input: GroupInput): Promise<Group> {
  return write(db, actor, async (change) => {
    const { name, description } = await checked(change, input, undefined)
    const now = new Date().toISOString()
    const body: GroupBody = {
      name: name ?? '',
      description: description ?? '',
      gidNumber: await takeNumber(change, 'gidNumber'),
      type: 'normal',
      added: now,
      changed: now,
    }
    const id = randomUUID()
    await change.put('group', id, body)
    change.note({
      sentence: `Added group ${body.name}`,
      object: { kind: 'group', id, name: body.name },
      changes: changesBetween(undefined, body),
    })
    return toGroup({ id, seq: change.head.seq, body })
  })
}

export async function changeGroup(db: Db, actor: Actor, id: string, input: Partial<GroupInput>): Promise<Group> {
  return write(db, actor, async (change) => {
    const object = await needOwnGroup(change, id)
    const values = await checked(change, input, object)
    const body = { ...object.body, ...values }
    const changes = changesBetween(object.body, body)
    if (changes.length === 0) return toGroup(object)
    const now = { ...body, changed: new Date().toISOString() }
    await change.put('group', id, now)
    change.note({ sentence: `Changed group ${now.name}`, object: { kind: 'group', id, name: now.name }, changes })
    return toGroup({ id, seq: change.head.seq, body: now })
  })
}

/** Removes a group and, in the same transaction, everyone's membership in it. */
export async function removeGroup(db: Db, actor: Actor, id: string): Promise<void> {
  await write(db, actor, async (change) => {
    const { body } = await needOwnGroup(change, id)
    let members = 0
    for await (const ids of memberIds(change.trx, id)) members += (await moveMembers(change, id, ids, false)).length
    await change.remove('group', id)
    change.note({
      sentence: `Removed group ${body.name}`,
      object: { kind: 'group', id, name: body.name },
      changes: [
        ...changesBetween(body, undefined),
        ...(members > 0 ? [{ field: 'members', before: `${members}` }] : []),
      ],
    })
  })
}

export const addMembers = async (
  db: Db,
  actor: Actor,
  groupId: string,
  usernames: string[],
): Promise<{ added: string[] }> => ({
  added: await changeMembers(db, actor, groupId, usernames, true),
})

export const removeMembers = async (
  db: Db,
  actor: Actor,
  groupId: string,
  usernames: string[],
): Promise<{ removed: string[] }> => ({ removed: await changeMembers(db, actor, groupId, usernames, false) })

async function changeMembers(
  db: Db,
  actor: Actor,
  groupId: string,
  usernames: string[],
  join: boolean,
): Promise<string[]> {
  return write(db, actor, async (change) => {
    const { body: group } = await needOwnGroup(change, groupId)
    const ids = await needUsers(change, usernames, 'members')
    const moved: UserBody[] = []
    for (let at = 0; at < ids.length; at += 400)
      moved.push(...(await moveMembers(change, groupId, ids.slice(at, at + 400), join)))
    if (moved.length === 0) return []
    const names = moved.map((body) => body.username)
    const who = moved.length === 1 && moved[0] ? fullName(moved[0]) : `${moved.length} people`
    change.note({
      sentence: join ? `Added ${who} to group ${group.name}` : `Removed ${who} from group ${group.name}`,
      object: { kind: 'group', id: groupId, name: group.name },
      changes: [{ field: 'members', [join ? 'after' : 'before']: listed(names) }],
    })
    return names
  })
}

/** A list for the audit: long ones are cut, with their number. */
export const listed = (names: string[]): string =>
  names.length <= 50 ? names.join(', ') : `${names.slice(0, 50).join(', ')} and ${names.length - 50} more`

/** Ids of the people named, or a problem that names who is not there. */
export async function needUsers(change: Change, usernames: string[], field: string): Promise<string[]> {
  const names = [...new Set(usernames.map(canonicalName))]
  const ids = await userIdsByName(change.trx, names)
  const unknown = names.filter((name) => !ids.has(name))
  if (unknown.length > 0)
    throw new Invalid({ [field]: `There is no user ${unknown.map((name) => `“${name}”`).join(', ')}.` })
  return [...ids.values()]
}

async function moveMembers(change: Change, groupId: string, userIds: string[], join: boolean): Promise<UserBody[]> {
  return moveUsers(change, userIds, (body) => {
    if (body.groups.includes(groupId) === join) return undefined
    const groups = join ? [...body.groups, groupId].sort() : body.groups.filter((id) => id !== groupId)
    return { ...body, groups }
  })
}

/** Changes many people at once; `turn` gives the new body, or undefined to leave somebody alone. Returns who was changed. */
export async function moveUsers(
  change: Change,
  userIds: string[],
  turn: (body: UserBody) => UserBody | undefined,
): Promise<UserBody[]> {
  const objects = await objectsByIds(change.trx, 'user', userIds)
  const now = new Date().toISOString()
  const moved = [...objects.values()].flatMap(({ id, body }) => {
    const turned = turn(body)
    return turned ? [{ id, body: { ...turned, changed: now } }] : []
  })
  await change.move(moved.map(({ id, body }) => ({ kind: 'user', id, body: canonical(body) })))
  return moved.map(({ body }) => body)
}

type Kept = { id: string; seq: number; body: GroupBody }

async function needOwnGroup(change: Change, id: string): Promise<Kept> {
  const object = await objectById(change.trx, 'group', id)
  if (!object) throw new NotFound('This group does not exist any more.')
  if (object.body.type === 'builtin')
    throw new Refused(`Group ${object.body.name} is built in: it holds everyone and cannot be changed.`, 'builtin')
  return object
}

async function checked(
  change: Change,
  input: Partial<GroupInput>,
  was: Kept | undefined,
): Promise<Partial<GroupInput>> {
  const { values, problems } = await judged(change.trx, input, was)
  if (Object.keys(problems).length > 0) throw new Invalid(problems)
  return values
}

async function judged(
  trx: Knex,
  input: Partial<GroupInput>,
  was: Kept | undefined,
): Promise<{ values: Partial<GroupInput>; problems: Problems }> {
  const problems: Problems = {}
  const values: Partial<GroupInput> = {}
  if (input.name !== undefined || !was) {
    values.name = canonicalName(input.name ?? '')
    const problem = values.name === was?.body.name ? undefined : await nameTaken(trx, values.name, was?.id)
    if (problem) problems.name = problem
  }
  if (input.description !== undefined || !was) {
    values.description = (input.description ?? '').normalize('NFC').trim()
    if (values.description.length > 200) problems.description = 'Description must not be longer than 200 characters.'
    else if (/\p{Cc}/u.test(values.description))
      problems.description = 'Description must be one line without control characters.'
  }
  return { values, problems }
}

async function nameTaken(trx: Knex, name: string, self: string | undefined): Promise<string | undefined> {
  const problem = groupNameProblem(name)
  if (problem) return problem
  const owner = await ownerOfName(trx, name)
  if (owner === undefined || owner === self) return undefined
  const isUser = (await userIdByName(trx, name)) !== undefined
  return `A ${isUser ? 'user' : 'group'} named “${name}” already exists. Choose another group name.`
}
