import type { Db } from '../store/db.ts'
import { groupNamesByIds, groupRowsByName, groupsBelow } from '../store/groups.ts'
import { ofPlugin } from '../store/memberships.ts'
import { objectsByIds } from '../store/objects.ts'
import { peopleMatching, stateCounts } from '../store/people.ts'
import type { State } from '../store/state.ts'
import {
  foldedNames,
  type Mark,
  type UsersQuery as StoredQuery,
  userIdsFrom,
  usernamesByIds,
  usersEnding,
} from '../store/users.ts'
import { canonicalName } from './names.ts'
import { toUser, type User } from './user.ts'

export type UsersQuery = Omit<StoredQuery, 'of' | 'alsoOf'> & {
  group?: string
  /** Only who is in the group itself, not through others. */
  direct?: boolean
  plugin?: string
}
export type ListedUser = User & { groupNames: string[] }
export type Page<T> = { rows: T[]; total: number; page: number; pages: number; size: number }

export async function usersPage(db: Db, query: UsersQuery): Promise<Page<ListedUser>> {
  return listUsers(db, await storedQuery(db, query))
}

async function storedQuery(db: Db, { group: name, direct, plugin, ...query }: UsersQuery): Promise<StoredQuery> {
  const also = plugin === undefined ? {} : { alsoOf: ofPlugin(plugin) }
  if (name === undefined) return { ...query, ...also }
  const [group] = await groupRowsByName(db.reader, [canonicalName(name)])
  // Everyone is in the one group that lists nobody.
  if (group?.type === 'builtin') return { ...query, ...also }
  if (!group || direct) return { ...query, ...also, of: group ? [group.id] : [] }
  // In effect: also through the groups that are in it.
  return { ...query, ...also, of: [...(await groupsBelow(db.reader, [group.id]))] }
}

/** The names that people are found by, folded as in a search: less to read than the people themselves. */
export async function namesMatching(db: Db, query: UsersQuery): Promise<{ id: string; names: string[] }[]> {
  const { ids } = await peopleMatching(db, await storedQuery(db, query))
  return foldedNames(db.reader, ids)
}

/** Ids of everybody whom a list shows, at most `most` of them, and how many there are. */
export const idsMatching = async (db: Db, query: UsersQuery, most: number): Promise<{ ids: string[]; total: number }> =>
  peopleMatching(db, { ...(await storedQuery(db, query)), page: 1, size: most })

/** A page of people with the names of their groups: three queries, whatever its size. */
export async function listUsers(db: Db, query: StoredQuery): Promise<Page<ListedUser>> {
  const size = Math.min(Math.max(query.size ?? 50, 1), 500)
  const page = Math.max(query.page ?? 1, 1)
  const { ids, total } = await peopleMatching(db, { ...query, size, page })
  return { rows: await usersByIds(db, ids), total, page, size, pages: Math.max(1, Math.ceil(total / size)) }
}

export async function usersByIds(db: Db, ids: string[]): Promise<ListedUser[]> {
  const objects = await objectsByIds(db.reader, 'user', ids)
  const users = ids.flatMap((id) => objects.get(id) ?? []).map(toUser)
  const names = await groupNamesByIds(
    db.reader,
    users.flatMap((user) => user.groups),
  )
  return users.map((user) => ({ ...user, groupNames: user.groups.flatMap((id) => names.get(id) ?? []).sort() }))
}

/** The next people after a mark, however many there are. */
export async function usersFrom(
  db: Db,
  query: UsersQuery,
  after: Mark | undefined,
  limit: number,
): Promise<{ rows: ListedUser[]; next?: Mark }> {
  const { ids, next } = await userIdsFrom(db.reader, await storedQuery(db, query), after, limit)
  return { rows: await usersByIds(db, ids), next }
}

/** Usernames, by id; the id of somebody who is gone has none. */
export const usernames = (db: Db, ids: readonly string[]): Promise<Map<string, string>> =>
  usernamesByIds(db.reader, ids)

export const statusCounts = (db: Db): Promise<Record<State, number>> => stateCounts(db)

const dayMs = 86_400_000

/** Accounts that end within some days. */
export const endingWithin = (db: Db, days: number, limit = 3) =>
  usersEnding(db.reader, new Date().toISOString(), new Date(Date.now() + days * dayMs).toISOString(), limit)
