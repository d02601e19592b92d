import type { Knex } from 'knex'
import type { GroupBody } from './bodies.ts'
import { containing } from './like.ts'
import { ofWindows } from './memberships.ts'
import type { Projection } from './project.ts'
import { inSlices, insertRows } from './slices.ts'

export type GroupRow = { id: string; name: string; description: string; type: GroupBody['type']; gid_number: number }

const bodyToRow = (id: string, body: GroupBody): GroupRow => ({
  id,
  name: body.name,
  description: body.description,
  type: body.type,
  gid_number: body.gidNumber,
})

export async function projectGroups(trx: Knex, changes: Projection<'group'>[]): Promise<void> {
  if (changes.length === 0) return
  const removed = changes.filter((change) => !change.now).map((change) => change.id)
  await inSlices(removed, (ids) => trx('groups').whereIn('id', ids).delete())
  const rows = changes.flatMap(({ id, now }) => (now ? [bodyToRow(id, now)] : []))
  await insertRows(trx, 'groups', rows, ['id'])
  await projectLinks(trx, changes)
  await projectWindows(trx, changes)
}

/** Everybody with a Windows account is in this group. */
export const holdsWindows = (body: GroupBody | undefined): boolean =>
  body?.type === 'windows' && body.name === 'domain_users'

async function projectWindows(trx: Knex, changes: Projection<'group'>[]): Promise<void> {
  for (const { id, was, now } of changes) {
    if (holdsWindows(was) === holdsWindows(now)) continue
    const row = { of: id, group_id: ofWindows }
    if (now) await insertRows(trx, 'nestings', [row], ['of', 'group_id'])
    else await trx('nestings').where(row).delete()
  }
}

/** Which groups a group is in, and who owns it. */
async function projectLinks(trx: Knex, changes: Projection<'group'>[]): Promise<void> {
  const differ = changes.filter(
    ({ was, now }) => String(was?.groups) !== String(now?.groups) || String(was?.owners) !== String(now?.owners),
  )
  if (differ.length === 0) return
  const ids = differ.map(({ id }) => id)
  await inSlices(ids, (slice) => trx('nestings').whereIn('group_id', slice).delete())
  await inSlices(ids, (slice) => trx('owners').whereIn('group_id', slice).delete())
  const links = <K extends 'groups' | 'owners'>(list: K) =>
    differ.flatMap(({ id, now }) => (now?.[list] ?? []).map((other) => [id, other] as const))
  await insertRows(
    trx,
    'nestings',
    links('groups').map(([group_id, of]) => ({ of, group_id })),
  )
  await insertRows(
    trx,
    'owners',
    links('owners').map(([group_id, user_id]) => ({ user_id, group_id })),
  )
}

/** These groups and every group they are in, directly or through others. */
export const groupsAbove = (db: Knex, ids: readonly string[]): Promise<Set<string>> => reach(db, ids, 'group_id', 'of')

/** These groups and every group in them, directly or through others. */
export const groupsBelow = (db: Knex, ids: readonly string[]): Promise<Set<string>> => reach(db, ids, 'of', 'group_id')

async function reach(
  db: Knex,
  ids: readonly string[],
  from: 'of' | 'group_id',
  to: 'of' | 'group_id',
): Promise<Set<string>> {
  const found = new Set(ids)
  for (let edge = [...found]; edge.length > 0; ) {
    const next = new Set<string>()
    await inSlices(edge, async (slice) => {
      const rows: { id: string }[] = await db('nestings').whereIn(from, slice).select({ id: to })
      for (const { id } of rows) if (!found.has(id)) next.add(id)
    })
    for (const id of next) found.add(id)
    edge = [...next]
  }
  return found
}

/** Every group that is in others, with all that it is in, directly or through others. */
export async function groupsAboveEach(db: Knex): Promise<Map<string, Set<string>>> {
  const rows: { group_id: string; of: string }[] = await db('nestings').select('group_id', 'of')
  const direct = new Map<string, string[]>()
  for (const { group_id, of } of rows) direct.set(group_id, [...(direct.get(group_id) ?? []), of])
  const above = new Map<string, Set<string>>()
  for (const id of direct.keys()) {
    const reached = new Set<string>()
    const edge = [...(direct.get(id) ?? [])]
    for (let of = edge.pop(); of !== undefined; of = edge.pop()) {
      if (reached.has(of)) continue
      reached.add(of)
      edge.push(...(direct.get(of) ?? []))
    }
    above.set(id, reached)
  }
  return above
}

/** Ids of the groups that are directly in a group. */
export async function groupsIn(db: Knex, of: string): Promise<string[]> {
  const rows: { group_id: string }[] = await db('nestings').where({ of }).select('group_id')
  return rows.map(({ group_id }) => group_id)
}

/** Of these groups, those that have groups in them. */
export async function nestingGroups(db: Knex, ids: string[]): Promise<Set<string>> {
  const found = new Set<string>()
  await inSlices(ids, async (slice) => {
    const rows: { of: string }[] = await db('nestings').whereIn('of', slice).distinct('of')
    for (const { of } of rows) found.add(of)
  })
  return found
}

export async function ownedGroupIds(db: Knex, userId: string): Promise<string[]> {
  const rows: { group_id: string }[] = await db('owners').where({ user_id: userId }).select('group_id')
  return rows.map(({ group_id }) => group_id)
}

export type GroupsQuery = {
  search?: string
  type?: GroupBody['type'] | undefined
  sort?: 'name' | 'number' | 'members'
  order?: 'asc' | 'desc'
  page?: number
  size?: number
}

/** `members`: how many people each group has; only a list in that order needs it. */
export async function groupsMatching(
  db: Knex,
  query: GroupsQuery,
  members: ReadonlyMap<string, number> = new Map(),
): Promise<{ ids: string[]; total: number }> {
  const order = query.order === 'desc' ? 'desc' : 'asc'
  const rows = matchingGroups(db, query).select('id', 'type')
  const found: Pick<GroupRow, 'id' | 'type'>[] = await (query.sort === 'members'
    ? rows.orderBy('name')
    : rows.orderBy(sortedBy[query.sort ?? 'name'], order))
  if (query.sort === 'members') sortByMembers(found, members, order)
  const size = query.size ?? 50
  const offset = ((query.page ?? 1) - 1) * size
  return { ids: found.slice(offset, offset + size).map((row) => row.id), total: found.length }
}

function sortByMembers(
  groups: Pick<GroupRow, 'id' | 'type'>[],
  members: ReadonlyMap<string, number>,
  order: 'asc' | 'desc',
): void {
  // The built-in group holds everyone without being listed.
  const count = ({ id, type }: Pick<GroupRow, 'id' | 'type'>) =>
    type === 'builtin' ? Number.MAX_SAFE_INTEGER : (members.get(id) ?? 0)
  groups.sort((a, b) => (order === 'asc' ? count(a) - count(b) : count(b) - count(a)))
}

const sortedBy = {
  name: 'name',
  number: 'gid_number',
  members: '(select count(*) from memberships m where m."of" = groups.id)',
} as const

function matchingGroups(db: Knex, query: GroupsQuery) {
  const rows = db('groups')
  if (query.type) rows.where({ type: query.type })
  if (query.search) {
    const part = containing(query.search.toLowerCase())
    rows.where((either) =>
      either.whereRaw("name like ? escape '\\'", [part]).orWhereRaw("lower(description) like ? escape '\\'", [part]),
    )
  }
  return rows
}

/** Where a list stands: the value it is sorted by, and the name. */
export type GroupMark = readonly [string | number, string]

/** The next groups after a mark, in the order of the query. */
export async function groupIdsFrom(
  db: Knex,
  query: GroupsQuery,
  after: GroupMark | undefined,
  limit: number,
): Promise<{ ids: string[]; next?: GroupMark }> {
  const by = sortedBy[query.sort ?? 'name']
  const order = query.order ?? 'asc'
  const rows = matchingGroups(db, query)
  if (after) rows.whereRaw(`(${by}, name) ${order === 'asc' ? '>' : '<'} (?, ?)`, [...after])
  const found: { id: string; name: string; at: string | number }[] = await rows
    .orderByRaw(`${by} ${order === 'asc' ? 'asc' : 'desc'}, name ${order === 'asc' ? 'asc' : 'desc'}`)
    .limit(limit + 1)
    .select('groups.id', 'name', db.raw(`${by} as at`))
  const last = found.length > limit ? found[limit - 1] : undefined
  return { ids: found.slice(0, limit).map((row) => row.id), ...(last && { next: [last.at, last.name] as const }) }
}

export async function groupIdByName(db: Knex, name: string): Promise<string | undefined> {
  const row: { id: string } | undefined = await db('groups').where({ name }).first('id')
  return row?.id
}

export async function groupRowsByName(db: Knex, names: string[]): Promise<GroupRow[]> {
  return names.length === 0 ? [] : db('groups').whereIn('name', names)
}

export async function groupNamesByIds(db: Knex, ids: Iterable<string>): Promise<Map<string, string>> {
  const names = new Map<string, string>()
  await inSlices([...new Set(ids)], async (slice) => {
    const rows: GroupRow[] = await db('groups').whereIn('id', slice).select('id', 'name')
    for (const row of rows) names.set(row.id, row.name)
  })
  return names
}

export async function allGroupRows(db: Knex, limit: number): Promise<GroupRow[]> {
  return db('groups').orderBy('name').limit(limit)
}

export async function countGroupRows(db: Knex): Promise<number> {
  const [row] = await db('groups').count({ n: '*' })
  return Number(row?.n ?? 0)
}

export async function groupIdByNumber(db: Knex, gidNumber: number): Promise<string | undefined> {
  const row: { id: string } | undefined = await db('groups').where({ gid_number: gidNumber }).first('id')
  return row?.id
}
