import { randomUUID } from 'node:crypto'
import type { Actor } from '../audit/actor.ts'
import { changesBetween } from '../audit/audit.ts'
import { editStep } from '../audit/steps.ts'
import { Invalid, NotFound, type Problems, Refused } from '../errors.ts'
import { hidden } from '../extensions/field.ts'
import type { GroupBody } from '../store/bodies.ts'
import type { Db } from '../store/db.ts'
import {
  allGroupRows,
  countGroupRows,
  type GroupMark,
  type GroupRow,
  type GroupsQuery,
  groupIdByName,
  groupIdsFrom,
  groupNamesByIds,
  groupsAbove,
  groupsMatching,
  nestingGroups,
  ownedGroupIds,
} from '../store/groups.ts'
import { countMembers } from '../store/memberships.ts'
import { objectById, objectsByIds } from '../store/objects.ts'
import { memberCounts } from '../store/people.ts'
import { usernamesByIds } from '../store/users.ts'
import { type Change, write } from '../store/write.ts'
import { type Declared, declared } from './declarations.ts'
import { canonicalName, groupNameProblem } from './names.ts'
import { takeNumber } from './numbers.ts'
import { needRight } from './roles.ts'
import { binUntil } from './settings.ts'
import { groupFields, judgeExtensions, nameTaken } from './user-input.ts'
import type { Page } from './user-lists.ts'
import { countUsers, needUsers } from './users.ts'

export type Group = GroupBody & { id: string; seq: number }
export type GroupInput = {
  name: string
  description: string
  /** Usernames of people who may change its members; the whole list. */
  owners?: string[]
  /** extension -> field -> typed text, of the fields that groups have. */
  extensions?: Record<string, Record<string, string>>
}

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

/** `members`: everybody who is in it, also through other groups; `direct`: people; `nested`: whether groups are in it. */
export type ListedGroup = Group & { members: number; direct: number; nested: boolean }

export async function groupsPage(db: Db, query: GroupsQuery): Promise<Page<ListedGroup>> {
  const size = Math.min(Math.max(query.size ?? 50, 1), 500)
  const page = Math.max(query.page ?? 1, 1)
  const { inEffect } = await memberCounts(db)
  const { ids, total } = await groupsMatching(db.reader, { ...query, size, page }, inEffect)
  return { rows: await groupsByIds(db, ids), total, page, size, pages: Math.max(1, Math.ceil(total / size)) }
}

/** The next groups after a mark. */
export async function groupsFrom(
  db: Db,
  query: GroupsQuery,
  after: GroupMark | undefined,
  limit: number,
): Promise<{ rows: ListedGroup[]; next?: GroupMark }> {
  const { ids, next } = await groupIdsFrom(db.reader, query, after, limit)
  return { rows: await groupsByIds(db, ids), next }
}

/** Groups with their counts, in the order of the ids. */
export async function groupsByIds(db: Db, ids: string[]): Promise<ListedGroup[]> {
  const [objects, counts, nesting, everyone] = await Promise.all([
    objectsByIds(db.reader, 'group', ids),
    memberCounts(db),
    nestingGroups(db.reader, ids),
    countUsers(db),
  ])
  return ids
    .flatMap((id) => objects.get(id) ?? [])
    .map((object) => {
      const isEveryone = object.body.type === 'builtin'
      const direct = isEveryone ? everyone : (counts.direct.get(object.id) ?? 0)
      const members = isEveryone ? everyone : (counts.inEffect.get(object.id) ?? 0)
      return { ...toGroup(object), members, direct, nested: nesting.has(object.id) }
    })
}

const pickedAtMost = 2000

/** Groups that people can be put into, for pickers; the built-in ones hold who they hold. */
export async function allGroups(db: Db): Promise<GroupRow[]> {
  return (await allGroupRows(db.reader, pickedAtMost)).filter((row) => row.type !== 'builtin')
}

/** Names of groups, by id; the id of one that is gone has none. */
export const groupNames = (db: Db, ids: string[]): Promise<Map<string, string>> => groupNamesByIds(db.reader, ids)

export const countGroups = (db: Db): Promise<number> => countGroupRows(db.reader)

/** Every group that holds one of these, directly or through others, with the groups it holds on the way: id -> group. */
export async function groupsInEffect(db: Db, ids: string[]): Promise<Map<string, Group>> {
  const objects = await objectsByIds(db.reader, 'group', [...(await groupsAbove(db.reader, ids))])
  return new Map([...objects].map(([id, object]) => [id, toGroup(object)]))
}

/** Owners' usernames, sorted. */
export async function ownerNames(db: Db, group: Pick<GroupBody, 'owners'>): Promise<string[]> {
  return [...(await usernamesByIds(db.reader, group.owners ?? [])).values()].sort()
}

export const ownsGroup = async (db: Db, userId: string, groupId: string): Promise<boolean> =>
  (await ownedGroupIds(db.reader, userId)).includes(groupId)

export const ownedGroups = async (db: Db, userId: string): Promise<ListedGroup[]> =>
  (await groupsByIds(db, await ownedGroupIds(db.reader, userId))).sort((a, b) => (a.name < b.name ? -1 : 1))

export async function addGroup(db: Db, actor: Actor, input: GroupInput): Promise<Group> {
  needRight(actor, 'change')
  const known = await declared(db)
  return write(db, actor, (change) => insertGroup(change, known, input))
}

/** Adds a group inside a change; `gidNumber`: one that is asked for. */
export async function insertGroup(
  change: Change,
  known: Declared,
  input: GroupInput,
  gidNumber?: number,
): Promise<Group> {
  const values = await checked(change, known, input, undefined)
  const now = new Date().toISOString()
  const body: GroupBody = {
    name: '',
    description: '',
    gidNumber: await takeNumber(change, 'gidNumber', gidNumber),
    type: 'normal',
    ...values,
    added: now,
    changed: now,
  }
  const id = randomUUID()
  await change.put('group', id, body)
  change.note({
    sentence: `Added group ${body.name}`,
    object: { kind: 'group', id, name: body.name },
    changes: await groupChanges(change, undefined, body),
    undo: [{ kind: 'group', id, added: true }],
  })
  return toGroup({ id, seq: change.head.seq, body })
}

export async function changeGroup(
  db: Db,
  actor: Actor,
  id: string,
  input: Partial<GroupInput>,
  expectedSeq?: number,
): Promise<Group> {
  needRight(actor, 'change')
  const known = await declared(db)
  return write(db, actor, (change) => editGroup(change, known, id, input, expectedSeq))
}

/** Changes a group inside a change, unless somebody else was first. */
export async function editGroup(
  change: Change,
  known: Declared,
  id: string,
  input: Partial<GroupInput>,
  expectedSeq?: number,
): Promise<Group> {
  const object = await needOwnGroup(change, id)
  if (expectedSeq !== undefined && object.seq !== expectedSeq)
    throw new Invalid({ '': `Not saved: someone else changed group ${object.body.name} first.` })
  return changeOneGroup(change, known, object, input)
}

/** The change of one group inside a transaction. */
export async function changeOneGroup(
  change: Change,
  known: Declared,
  object: KeptGroup,
  input: Partial<GroupInput>,
): Promise<Group> {
  const isRenamed = input.name !== undefined && canonicalName(input.name) !== object.body.name
  if (object.body.type === 'windows' && isRenamed)
    throw new Invalid({ name: `Group ${object.body.name} is part of Windows Networking and keeps its name.` })
  const values = await checked(change, known, input, object)
  return keepGroup(change, object, { ...object.body, ...values }, `Changed group ${values.name ?? object.body.name}`)
}

/** Puts a changed group, unless nothing differs, and says so in the audit. */
export async function keepGroup(change: Change, was: KeptGroup, body: GroupBody, sentence: string): Promise<Group> {
  const undo = editStep('group', was.id, was.body, body)
  if (!undo) return toGroup(was)
  const now = { ...body, changed: new Date().toISOString() }
  await change.put('group', was.id, now)
  change.note({
    sentence,
    object: { kind: 'group', id: was.id, name: now.name },
    changes: await groupChanges(change, was.body, now),
    undo: [undo],
  })
  return toGroup({ id: was.id, seq: change.head.seq, body: now })
}

/**
 * To the recycle bin. Its members keep its id, so that undelete brings them back and a group of 20,000 goes with one small
 * change; every reader passes over ids of groups that are not there.
 */
export async function removeGroup(db: Db, actor: Actor, id: string, expectedSeq?: number): Promise<void> {
  needRight(actor, 'change')
  const until = await binUntil(db)
  await write(db, actor, async (change) => {
    const { seq, body } = await needOwnGroup(change, id)
    if (expectedSeq !== undefined && seq !== expectedSeq)
      throw new Invalid({ '': `Not removed: someone else changed group ${body.name} first.` })
    await takeOutGroup(change, id, until)
  })
}

/** Puts a group into the bin inside a change. */
export async function takeOutGroup(change: Change, id: string, until: string): Promise<void> {
  const { body } = await needOwnGroup(change, id)
  if (body.type === 'windows')
    throw new Refused(`Group ${body.name} is part of Windows Networking and cannot be removed.`, 'windows')
  const members = (await countMembers(change.trx, [id])).get(id) ?? 0
  await change.remove('group', id)
  const removed = { removed: new Date().toISOString(), until, by: change.actor.name }
  await change.put('removed', id, { ...removed, kind: 'group', body })
  change.note({
    sentence: `Removed group ${body.name}`,
    object: { kind: 'group', id, name: body.name },
    changes: [
      ...(await groupChanges(change, body, undefined)),
      ...(members > 0 ? [{ field: 'members', before: `${members}` }] : []),
    ],
    undo: [{ kind: 'group', id, removed: true }],
  })
}

export type KeptGroup = { id: string; seq: number; body: GroupBody }

/** A group that can be changed here. */
export async function needOwnGroup(change: Change, id: string): Promise<KeptGroup> {
  const object = await change.get('group', id)
  if (!object) throw new NotFound('This group does not exist any more.')
  if (object.body.type === 'builtin')
    throw new Refused(`Group ${object.body.name} is built in: it holds everyone and cannot be changed.`, 'builtin')
  return object
}

type GroupValues = Partial<Pick<GroupBody, 'name' | 'description' | 'owners' | 'extensions'>>

async function checked(
  change: Change,
  known: Declared,
  input: Partial<GroupInput>,
  was: KeptGroup | undefined,
): Promise<GroupValues> {
  const problems: Problems = {}
  const values: GroupValues = {}
  if (input.name !== undefined || !was) {
    values.name = canonicalName(input.name ?? '')
    const problem =
      values.name === was?.body.name
        ? undefined
        : (groupNameProblem(values.name) ?? (await nameTaken(change.trx, values.name, was?.id, 'group name')))
    if (problem) problems.name = problem
  }
  if (input.description !== undefined || !was) {
    values.description = (input.description ?? '').normalize('NFC').trim()
    if (values.description.length > 200) problems.description = 'Description must not be longer than 200 characters.'
    else if (hidden.test(values.description))
      problems.description = 'Description must be one line without control characters.'
  }
  if (input.owners !== undefined) {
    try {
      const named = await needUsers(change, input.owners, 'owners')
      values.owners = [...new Set([...named, ...(await awayOwners(change, was?.body.owners ?? []))])].sort()
    } catch (error) {
      if (!(error instanceof Invalid)) throw error
      Object.assign(problems, error.problems)
    }
  }
  if (input.extensions !== undefined)
    values.extensions = judgeExtensions(
      known,
      input.extensions,
      was?.body.extensions ?? {},
      !was,
      groupFields,
      problems,
    )
  if (Object.keys(problems).length > 0) throw new Invalid(problems)
  return values
}

/** Owners in the recycle bin have no name to be typed; who comes back owns the group again. */
async function awayOwners(change: Change, before: string[]): Promise<string[]> {
  const here = await usernamesByIds(change.trx, before)
  return before.filter((id) => !here.has(id))
}

/** What differs, with names instead of ids. */
async function groupChanges(change: Change, was: GroupBody | undefined, now: GroupBody | undefined) {
  const ids = (list: 'owners' | 'groups') => [...(was?.[list] ?? []), ...(now?.[list] ?? [])]
  const [owners, groups] = await Promise.all([
    usernamesByIds(change.trx, ids('owners')),
    groupNamesByIds(change.trx, ids('groups')),
  ])
  const named = (names: Map<string, string>, value: string) =>
    value
      .split(', ')
      .map((id) => names.get(id) ?? id)
      .sort()
      .join(', ')
  return changesBetween(was, now, (field, value) =>
    field === 'owners' ? named(owners, value) : field === 'groups' ? named(groups, value) : value,
  )
}
