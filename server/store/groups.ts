import type { Knex } from 'knex'
import type { GroupBody } from './bodies.ts'
import { containing } from './like.ts'
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
}

export type GroupsQuery = {
  search?: string
  sort?: 'name' | 'number' | 'members'
  order?: 'asc' | 'desc'
  page?: number
  size?: number
}

export async function groupsMatching(db: Knex, query: GroupsQuery): Promise<{ ids: string[]; total: number }> {
  const matching = () => {
    const rows = db('groups')
    if (query.search) {
      const part = containing(query.search.toLowerCase())
      rows.where((either) =>
        either.whereRaw("name like ? escape '\\'", [part]).orWhereRaw("lower(description) like ? escape '\\'", [part]),
      )
    }
    return rows
  }
  const [counted] = await matching().count({ n: '*' })
  const order = query.order ?? 'asc'
  const rows = matching().select('groups.id')
  if (query.sort === 'number') rows.orderBy('gid_number', order)
  else if (query.sort === 'members')
    rows.orderByRaw(
      `(select count(*) from memberships m where m."of" = groups.id) ${order === 'asc' ? 'asc' : 'desc'}, name`,
    )
  else rows.orderBy('name', order)
  const size = query.size ?? 50
  const found: { id: string }[] = await rows.limit(size).offset(((query.page ?? 1) - 1) * size)
  return { ids: found.map((row) => row.id), total: Number(counted?.n ?? 0) }
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
