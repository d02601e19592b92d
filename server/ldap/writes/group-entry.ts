import { declared } from '../../accounts/declarations.ts'
import { moveMembers, needRightOrOwner } from '../../accounts/group-members.ts'
import {
  changeOneGroup,
  type Group,
  insertGroup,
  keepGroup,
  needOwnGroup,
  removeGroup,
  takeOutGroup,
} from '../../accounts/groups.ts'
import { needPlugin, switchFor } from '../../accounts/plugins.ts'
import { needRight } from '../../accounts/roles.ts'
import { binUntil } from '../../accounts/settings.ts'
import { needFreeRid } from '../../samba/machines.ts'
import { groupsBelow } from '../../store/groups.ts'
import { belongings, memberIds, ofPlugin } from '../../store/memberships.ts'
import { objectsByIds } from '../../store/objects.ts'
import { userIdsByName, usernamesByIds } from '../../store/users.ts'
import { type Change, write } from '../../store/write.ts'
import { describeGroup } from '../entries/group.ts'
import type { Domain } from '../entries/windows.ts'
import type { Entry } from '../entry.ts'
import { NotDone } from '../not-done.ts'
import { resultCode } from '../wire/result.ts'
import { type NewEntry, Stale, type Writing } from '../writer.ts'
import { applyTo, type Modification, typeOf } from './changes.ts'
import { firstMembers, groupInput, isOfMembers, type Moves, memberMoves, namesIn, newGroupInput } from './group.ts'
import { refuseOtherClasses } from './person-entry.ts'
import { classesOf, type Values, valuesOf } from './values.ts'
import { isMapped, mappingOf, withoutMapping } from './windows-group.ts'

export async function addGroupEntry({ db, directory, actor }: Writing, entry: NewEntry): Promise<void> {
  needRight(actor, 'change')
  const { tree } = directory
  const { schema } = tree
  if (entry.password !== undefined) throw new NotDone(resultCode.unwillingToPerform, 'Groups have no password here.')
  const isSamba = actor.role === 'samba'
  const domain = tree.windows.domain()
  const isInWindows = domain !== undefined && isMapped(entry.classes)
  const { input, gidNumber } = newGroupInput(
    schema,
    entry.name,
    isInWindows ? withoutMapping(entry.values) : entry.values,
  )
  const usernames = firstMembers(tree, entry.values)
  const known = await declared(db)
  await write(db, actor, async (change) => {
    // Samba takes a number from elsewhere, and reads afterwards which one it is.
    const added = await insertGroup(change, known, input, isSamba ? undefined : gidNumber)
    const group = isInWindows ? await mapped(change, added, domain, new Map(), entry.values, true) : added
    if (usernames.length > 0) await moveMembers(change, group.id, group, { usernames }, true)
    const described = describeGroup(schema, group.id, group, domain)
    // groupOfNames says the same of a group that is never empty.
    const classes = entry.classes.filter((name) => !/^groupof(unique)?names$/i.test(name))
    refuseOtherClasses(schema, classes, classesOf(schema, described), 'has')
  })
}

/** Puts how a group stands in Windows. */
async function mapped(
  change: Change,
  { id, seq, ...body }: Group,
  domain: Domain,
  before: Values,
  after: Values,
  isInWindows: boolean,
): Promise<Group> {
  const windows = mappingOf(domain, body, before, after, isInWindows)
  const { windows: was, ...rest } = body
  if (windows?.rid !== undefined && windows.rid !== was?.rid) await needFreeRid(change, domain.sid, windows.rid, id)
  return keepGroup(change, { id, seq, body }, windows ? { ...rest, windows } : rest, `Changed group ${body.name}`)
}

export async function modifyGroup(
  { db, directory, actor }: Writing,
  entry: Entry,
  modifications: readonly Modification[],
  expectedSeq: number | undefined,
): Promise<void> {
  const { tree } = directory
  const { schema } = tree
  const known = await declared(db)
  const [ofMembers, others] = parted(schema, modifications)
  await write(db, actor, async (change) => {
    const object = await needOwnGroup(change, entry.id)
    await refuseChanged(change, object, expectedSeq)
    if (others.length > 0) {
      needRight(actor, 'change')
      const domain = tree.windows.domain()
      const described = describeGroup(schema, entry.id, object.body, domain)
      const before = { values: valuesOf(schema, described), classes: classesOf(schema, described) }
      const { values, classes, password } = applyTo(schema, before, others)
      if (password) throw new NotDone(resultCode.unwillingToPerform, 'Groups have no password here.')
      const input = groupInput(
        schema,
        domain ? withoutMapping(before.values) : before.values,
        domain ? withoutMapping(values) : values,
      )
      let changed = await changeOneGroup(change, known, object, input)
      if (domain) {
        const isInWindows = isMapped(classes ?? before.classes)
        changed = await mapped(change, changed, domain, before.values, values, isInWindows)
      }
      const now = describeGroup(schema, entry.id, changed, domain)
      if (classes) refuseOtherClasses(schema, classes, classesOf(schema, now), 'is')
    }
    if (ofMembers.length === 0) return
    needRightOrOwner(actor, object.body, [])
    const lists = await membersNow(change, entry.id, ofMembers, tree, schema)
    const { join, leave } = memberMoves(schema, tree, ofMembers, lists.direct, lists.all)
    if (leave.size > 0) await moveMembers(change, entry.id, object.body, { usernames: [...leave] }, false)
    if (join.size > 0) await moveMembers(change, entry.id, object.body, { usernames: [...join] }, true)
  })
}

/** The group of a plugin: its members are the people for whom it is on. */
export async function modifyPlugin(
  { db, directory, actor }: Writing,
  entry: Entry,
  modifications: readonly Modification[],
  expectedSeq: number | undefined,
): Promise<void> {
  const { tree } = directory
  const { schema } = tree
  needRight(actor, 'change')
  const [ofMembers, others] = parted(schema, modifications)
  if (others.length > 0)
    throw new NotDone(resultCode.unwillingToPerform, 'Of the group of a plugin, its members can be changed.')
  const name = entry.membersKey!.slice('plugin:'.length)
  const plugin = await needPlugin(db, name)
  await write(db, actor, async (change) => {
    await refuseChanged(change, { id: entry.id, seq: 0 }, expectedSeq)
    const all = await usersNow(change, [ofPlugin(name)], ofMembers, tree, schema)
    const moves: Moves = memberMoves(schema, tree, ofMembers, all, all)
    if (moves.leave.size > 0) await switchFor(change, plugin, [...moves.leave], false)
    if (moves.join.size > 0) await switchFor(change, plugin, [...moves.join], true)
  })
}

function parted(
  schema: Writing['directory']['tree']['schema'],
  modifications: readonly Modification[],
): [ofMembers: Modification[], others: Modification[]] {
  const isOf = ({ attribute }: Modification): boolean => isOfMembers(typeOf(schema, attribute))
  return [modifications.filter(isOf), modifications.filter((each) => !isOf(each))]
}

/** Whether the whole list has to be known, or only how those stand who are named. */
const concernsAll = ({ kind, values }: Modification): boolean =>
  kind === 'replace' || (kind === 'delete' && values.length === 0)

async function membersNow(
  change: Change,
  groupId: string,
  modifications: readonly Modification[],
  tree: Writing['directory']['tree'],
  schema: Writing['directory']['tree']['schema'],
): Promise<{ direct: Set<string>; all: Set<string> }> {
  const direct = await usersNow(change, [groupId], modifications, tree, schema)
  const below = await groupsBelow(change.trx, [groupId])
  return { direct, all: below.size > 1 ? await usersNow(change, [...below], modifications, tree, schema) : direct }
}

/** Usernames of who is in one of these, of those whom the modifications are about. */
async function usersNow(
  change: Change,
  of: readonly string[],
  modifications: readonly Modification[],
  tree: Writing['directory']['tree'],
  schema: Writing['directory']['tree']['schema'],
): Promise<Set<string>> {
  if (modifications.some(concernsAll)) {
    const usernames = new Set<string>()
    for (const each of of)
      for await (const ids of memberIds(change.trx, each))
        for (const username of (await usernamesByIds(change.trx, ids)).values()) usernames.add(username)
    return usernames
  }
  const named = namesIn(schema, tree, modifications)
  const ids = await userIdsByName(change.trx, named)
  const people = await objectsByIds(change.trx, 'user', [...ids.values()])
  const isIn = (belongs: readonly string[]): boolean => belongs.some((each) => of.includes(each))
  return new Set([...people.values()].flatMap(({ body }) => (isIn(belongings(body)) ? [body.username] : [])))
}

export async function renameGroup(
  { db, actor }: Writing,
  entry: Entry,
  name: string,
  expectedSeq: number | undefined,
): Promise<void> {
  needRight(actor, 'change')
  const known = await declared(db)
  await write(db, actor, async (change) => {
    const object = await needOwnGroup(change, entry.id)
    await refuseChanged(change, object, expectedSeq)
    await changeOneGroup(change, known, object, { name })
  })
}

export async function removeGroupEntry(
  { db, actor }: Writing,
  entry: Entry,
  expectedSeq: number | undefined,
): Promise<void> {
  if (expectedSeq === undefined) return removeGroup(db, actor, entry.id)
  needRight(actor, 'change')
  const until = await binUntil(db)
  await write(db, actor, async (change) => {
    await refuseChanged(change, await needOwnGroup(change, entry.id), expectedSeq)
    await takeOutGroup(change, entry.id, until)
  })
}

/** Who is in a group, or in one that is in it, is kept with the people: their lists have revisions instead. */
async function refuseChanged(
  { trx }: Change,
  { id, seq }: { id: string; seq: number },
  seen: number | undefined,
): Promise<void> {
  if (seen === undefined) return
  const revisions = await objectsByIds(trx, 'revision', [...(await groupsBelow(trx, [id]))])
  if ([seq, ...[...revisions.values()].map((each) => each.seq)].some((each) => each > seen))
    throw new Stale('changed meanwhile')
}
