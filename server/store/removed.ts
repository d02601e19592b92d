import type { Knex } from 'knex'
import type { RemovedBody } from './bodies.ts'
import { containing } from './like.ts'
import type { Projection } from './project.ts'
import { inSlices, insertRows } from './slices.ts'
import { fold } from './users.ts'

type Row = { id: string; kind: RemovedBody['kind']; name: string; search: string; removed: string; until: string }

export const removedToRow = (id: string, removed: RemovedBody): Row => {
  const [name, search] =
    removed.kind === 'user'
      ? [removed.body.username, `${removed.body.first} ${removed.body.last} ${removed.body.username}`]
      : [removed.body.name, `${removed.body.name} ${removed.body.description}`]
  return { id, kind: removed.kind, name, search: fold(search), removed: removed.removed, until: removed.until }
}

export async function projectRemoved(trx: Knex, changes: Projection<'removed'>[]): Promise<void> {
  if (changes.length === 0) return
  const gone = changes.filter((change) => !change.now).map((change) => change.id)
  await inSlices(gone, (ids) => trx('removed').whereIn('id', ids).delete())
  const rows = changes.flatMap(({ id, now }) => (now ? [removedToRow(id, now)] : []))
  await insertRows(trx, 'removed', rows, ['id'])
}

export async function countRemoved(db: Knex): Promise<number> {
  const [counted] = await db('removed').count({ n: '*' })
  return Number(counted?.n ?? 0)
}

export type RemovedQuery = { search?: string; kind?: RemovedBody['kind']; page: number; size: number }

export async function removedMatching(db: Knex, query: RemovedQuery): Promise<{ ids: string[]; total: number }> {
  const matching = () => {
    const rows = db('removed')
    if (query.kind) rows.where({ kind: query.kind })
    if (query.search) rows.whereRaw("search like ? escape '\\'", [containing(fold(query.search))])
    return rows
  }
  const [counted] = await matching().count({ n: '*' })
  const found: { id: string }[] = await matching()
    .orderBy('removed', 'desc')
    .orderBy('id')
    .limit(query.size)
    .offset((query.page - 1) * query.size)
    .select('id')
  return { ids: found.map(({ id }) => id), total: Number(counted?.n ?? 0) }
}

/** Ids of what was removed under this name, the latest first. */
export async function removedByName(db: Knex, kind: RemovedBody['kind'], name: string): Promise<string[]> {
  const rows: { id: string }[] = await db('removed').where({ kind, name }).orderBy('removed', 'desc').select('id')
  return rows.map(({ id }) => id)
}

/** Ids of what has been in the bin for long enough. */
export async function removedBefore(db: Knex, moment: string, limit: number): Promise<string[]> {
  const rows: { id: string }[] = await db('removed').where('until', '<=', moment).limit(limit).select('id')
  return rows.map(({ id }) => id)
}
