import type { Actor } from '../audit/actor.ts'
import { Invalid, NotFound } from '../errors.ts'
import type { GroupBody, RemovedBody, UserBody } from '../store/bodies.ts'
import type { Db } from '../store/db.ts'
import { groupNamesByIds, groupsBelow, groupsIn, ownedGroupIds } from '../store/groups.ts'
import { memberIds } from '../store/memberships.ts'
import { objectById, objectsByIds, objectsOf } from '../store/objects.ts'
import { countRemoved, type RemovedQuery, removedBefore, removedByName, removedMatching } from '../store/removed.ts'
import { usernamesByIds } from '../store/users.ts'
import { type Change, write } from '../store/write.ts'
import { declared } from './declarations.ts'
import { aliasProblem, canonicalName, groupNameProblem, usernameProblem } from './names.ts'
import { needRight } from './roles.ts'
import { nameTaken } from './user-input.ts'
import { moveUsers } from './users.ts'

/** What lies in the recycle bin: who it was, without secrets. */
export type Binned = {
  id: string
  kind: RemovedBody['kind']
  /** Username, or the group's name. */
  name: string
  /** First and last name, or the group's description. */
  title: string
  removed: string
  until: string
  by: string
}

const toBinned = (id: string, { kind, body, removed, until, by }: RemovedBody): Binned => ({
  id,
  kind,
  removed,
  until,
  by,
  ...(kind === 'user'
    ? { name: body.username, title: `${body.first} ${body.last}` }
    : { name: body.name, title: body.description }),
})

export const countBin = (db: Db): Promise<number> => countRemoved(db.reader)

export async function binPage(db: Db, query: Partial<RemovedQuery>) {
  const size = Math.min(Math.max(query.size ?? 50, 1), 500)
  const page = Math.max(query.page ?? 1, 1)
  const { ids, total } = await removedMatching(db.reader, { ...query, size, page })
  const objects = await objectsByIds(db.reader, 'removed', ids)
  const rows = ids.flatMap((id) => objects.get(id) ?? []).map((object) => toBinned(object.id, object.body))
  return { rows, total, page, size, pages: Math.max(1, Math.ceil(total / size)) }
}

export async function binned(db: Db, id: string): Promise<Binned> {
  const object = await objectById(db.reader, 'removed', id)
  if (!object) throw new NotFound('This is not in the recycle bin any more.')
  return toBinned(id, object.body)
}

/** What was removed last under this name. */
export async function binnedByName(db: Db, kind: RemovedBody['kind'], name: string): Promise<Binned> {
  const [id] = await removedByName(db.reader, kind, canonicalName(name))
  if (!id) throw new NotFound(`There is no ${kind} “${canonicalName(name)}” in the recycle bin.`)
  return binned(db, id)
}

/**
 * Brings back what was removed, with its number, memberships, plugins and profile. `name` is for when somebody else has
 * the old one by now; an alias that somebody else has is left out, and the answer names it.
 */
export async function undelete(
  db: Db,
  actor: Actor,
  id: string,
  given: { name?: string } = {},
): Promise<{ kind: RemovedBody['kind']; name: string; left: string[] }> {
  needRight(actor, 'change')
  const known = await declared(db)
  return write(db, actor, (change) => bringBack(change, known, id, given.name))
}

/** Undelete inside a change. */
export async function bringBack(
  change: Change,
  known: Awaited<ReturnType<typeof declared>>,
  id: string,
  name?: string,
): Promise<{ kind: RemovedBody['kind']; name: string; left: string[] }> {
  const object = await change.get('removed', id)
  if (!object) throw new NotFound('This is not in the recycle bin any more.')
  const { kind, body } = object.body
  const wanted = canonicalName(name ?? (kind === 'user' ? body.username : body.name))
  await refuseName(change, kind, wanted, name !== undefined)
  await change.remove('removed', id)
  const changed = new Date().toISOString()
  const left: string[] = []
  if (kind === 'user') {
    const extensions = await freeValues(change, known, body, left)
    const groups = await notGone(change, 'group', body.groups)
    await change.put('user', id, { ...body, username: wanted, groups, extensions, changed })
  } else await change.put('group', id, { ...body, name: wanted, ...(await openLinks(change, id, body)), changed })
  const who = kind === 'user' ? `${body.first} ${body.last}` : `group ${wanted}`
  change.note({
    sentence: `Restored ${who} from the recycle bin`,
    object: { kind, id, name: wanted },
    changes: left.length > 0 ? [{ field: 'aliases', before: left.join(', ') }] : [],
    undo: [{ kind, id, added: true }],
  })
  return { kind, name: wanted, left }
}

async function refuseName(change: Change, kind: RemovedBody['kind'], name: string, isTyped: boolean): Promise<void> {
  const written = isTyped ? (kind === 'user' ? usernameProblem(name) : groupNameProblem(name)) : undefined
  const problem = written ?? (await nameTaken(change.trx, name, undefined, kind === 'user' ? 'username' : 'group name'))
  if (problem) throw new Invalid({ name: problem })
}

/** Aliases that others took meanwhile are theirs. */
async function freeValues(
  change: Change,
  known: Awaited<ReturnType<typeof declared>>,
  body: UserBody,
  left: string[],
): Promise<UserBody['extensions']> {
  const extensions = structuredClone(body.extensions)
  for (const { name, user } of known.extensions) {
    for (const [key, field] of Object.entries(user)) {
      const value = extensions[name]?.[key]
      if (!field.isName || value === undefined) continue
      const free: string[] = []
      for (const text of field.values(value as never)) {
        const taken = canonicalName(text)
        const isTaken = aliasProblem(taken) ?? (await nameTaken(change.trx, taken, undefined, 'alias'))
        if (isTaken) left.push(text)
        else free.push(text)
      }
      const values = extensions[name] as Record<string, unknown>
      if (free.length === 0) delete values[key]
      else values[key] = Array.isArray(value) ? free : free[0]
    }
  }
  return extensions
}

/** The groups that a restored group was in may be in it by now: such a link would close a circle, and is left out. */
async function openLinks(change: Change, id: string, body: GroupBody): Promise<Pick<GroupBody, 'groups' | 'owners'>> {
  const [below, groups, owners] = await Promise.all([
    groupsBelow(change.trx, [id]),
    notGone(change, 'group', body.groups ?? []),
    notGone(change, 'user', body.owners ?? []),
  ])
  return {
    ...(body.groups && { groups: groups.filter((of) => !below.has(of)) }),
    ...(body.owners && { owners }),
  }
}

/** Of these ids, those of what is there, or in the bin and may come back. */
export async function notGone(change: Change, kind: Binned['kind'], ids: readonly string[]): Promise<string[]> {
  const names = kind === 'user' ? usernamesByIds : groupNamesByIds
  const [here, away] = [await names(change.trx, ids), await objectsByIds(change.trx, 'removed', ids)]
  return ids.filter((id) => here.has(id) || away.has(id))
}

/** Changes people who lie in the bin; `turn` gives the new body, or undefined to leave one alone. Returns who was changed. */
export async function turnRemoved(
  change: Change,
  ids: readonly string[],
  turn: (body: UserBody) => UserBody | undefined,
): Promise<string[]> {
  const turned: string[] = []
  for (const { id, body: removed } of (await objectsByIds(change.trx, 'removed', ids)).values()) {
    const body = removed.kind === 'user' ? turn(removed.body) : undefined
    if (removed.kind !== 'user' || !body) continue
    await change.put('removed', id, { ...removed, body })
    turned.push(id)
  }
  return turned
}

/** Takes it out of the bin for good. Its number is never given again. */
export async function purge(db: Db, actor: Actor, id: string): Promise<void> {
  needRight(actor, 'change')
  await write(db, actor, (change) => purgeOne(change, id))
}

const purgedAtOnce = 200

/** Empties the bin of what has been in it long enough; the number of what went. */
export async function purgeExpired(db: Db, actor: Actor, now = new Date()): Promise<number> {
  for (let gone = 0; ; ) {
    const ids = await removedBefore(db.reader, now.toISOString(), purgedAtOnce)
    if (ids.length === 0) return gone
    await write(db, actor, async (change) => {
      for (const id of ids) await purgeOne(change, id)
    })
    gone += ids.length
  }
}

async function purgeOne(change: Change, id: string): Promise<void> {
  const object = await change.get('removed', id)
  if (!object) throw new NotFound('This is not in the recycle bin any more.')
  const { kind, name, title } = toBinned(id, object.body)
  await change.remove('removed', id)
  if (kind === 'group') await forgetGroup(change, id)
  else await forgetOwner(change, id)
  change.note({
    sentence: `Removed ${kind === 'user' ? title : `group ${name}`} for good`,
    object: { kind, id, name },
  })
}

/** Whoever was in the group keeps its id for the day it comes back; now it never will. */
async function forgetGroup(change: Change, id: string): Promise<void> {
  const without = (groups: string[]) => groups.filter((of) => of !== id)
  for (const policy of await objectsOf(change.trx, 'policy'))
    if (policy.body.group === id) await change.remove('policy', policy.id)
  for (const profile of await objectsOf(change.trx, 'profile'))
    if (profile.body.groups.includes(id))
      await change.put('profile', profile.id, { ...profile.body, groups: without(profile.body.groups) })
  const inside = await objectsByIds(change.trx, 'group', await groupsIn(change.trx, id))
  for (const group of inside.values())
    await change.put('group', group.id, { ...group.body, groups: without(group.body.groups ?? []) })
  for await (const ids of memberIds(change.trx, id))
    await moveUsers(change, ids, (body) => ({ ...body, groups: without(body.groups) }))
}

async function forgetOwner(change: Change, id: string): Promise<void> {
  const owned = await objectsByIds(change.trx, 'group', await ownedGroupIds(change.trx, id))
  for (const group of owned.values())
    await change.put('group', group.id, {
      ...group.body,
      owners: (group.body.owners ?? []).filter((owner) => owner !== id),
    })
}
