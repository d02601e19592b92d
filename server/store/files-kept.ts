import type { Knex } from 'knex'
import type { FileBody } from './file-bodies.ts'
import { objectsByIds } from './objects.ts'
import type { Projection } from './project.ts'
import { inSlices, insertRows } from './slices.ts'

type FileRow = { id: string; set_id: string; path: string; for: string | null; sha256: string }

export const fileToRow = (id: string, body: FileBody): FileRow => ({
  id,
  set_id: body.set,
  path: body.path,
  for: body.for ?? null,
  sha256: body.sha256,
})

export async function projectFiles(trx: Knex, changes: Projection<'file'>[]): Promise<void> {
  if (changes.length === 0) return
  const removed = changes.filter((change) => !change.now).map((change) => change.id)
  await inSlices(removed, (ids) => trx('files').whereIn('id', ids).delete())
  const rows = changes.flatMap(({ id, now }) => (now ? [fileToRow(id, now)] : []))
  await insertRows(trx, 'files', rows, ['id'])
}

export type KeptFile = FileBody & { id: string; seq: number }

/** The files of a set, by path. */
export async function filesOf(db: Knex, setId: string): Promise<KeptFile[]> {
  const rows: { id: string }[] = await db('files').where({ set_id: setId }).orderBy('path').select('id')
  const ids = rows.map(({ id }) => id)
  const found = await objectsByIds(db, 'file', ids)
  return ids.flatMap((id) => {
    const object = found.get(id)
    return object ? [{ ...object.body, id, seq: object.seq }] : []
  })
}

export async function countFiles(db: Knex): Promise<Map<string, number>> {
  const rows: { set_id: string; n: number }[] = await db('files').groupBy('set_id').select('set_id').count({ n: '*' })
  return new Map(rows.map(({ set_id, n }) => [set_id, Number(n)]))
}

/** In which sets a blob is what a file holds now, and for whom alone. */
export async function usesOf(db: Knex, sha256: string): Promise<{ set: string; for: string | null }[]> {
  return db('files').where({ sha256 }).select({ set: 'set_id', for: 'for' })
}
