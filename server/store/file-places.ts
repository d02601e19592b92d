import type { Knex } from 'knex'
import { insertRows } from './slices.ts'

export type Edits = 'restore' | 'report'

/** Where a set lies on this node. It never travels: no other node has a say in what is written where. */
export type Place = {
  setId: string
  setName: string
  dir: string
  /** The file system it was on when it was named. */
  volume?: string
  edits: Edits
  /** What is done here after a change: `nothing`, `reload-samba`, `reload-nslcd`, `unit:NAME`. */
  afterwards: string
  /** Files have changed here since that last succeeded. */
  isOwed: boolean
}

type PlaceRow = {
  set_id: string
  set_name: string
  dir: string
  volume: string | null
  edits: Edits
  afterwards: string
  owed: boolean | 0 | 1
}

const rowToPlace = (row: PlaceRow): Place => ({
  setId: row.set_id,
  setName: row.set_name,
  dir: row.dir,
  ...(row.volume !== null && { volume: row.volume }),
  edits: row.edits,
  afterwards: row.afterwards,
  isOwed: Boolean(row.owed),
})

export const places = async (db: Knex): Promise<Place[]> =>
  (await db('file_places').orderBy('set_name')).map((row: PlaceRow) => rowToPlace(row))

export async function placeOf(db: Knex, setId: string): Promise<Place | undefined> {
  const row: PlaceRow | undefined = await db('file_places').where({ set_id: setId }).first()
  return row && rowToPlace(row)
}

export async function keepPlace(db: Knex, place: Place): Promise<void> {
  const { setId, setName, dir, volume, edits, afterwards, isOwed } = place
  const row: Omit<PlaceRow, 'owed'> = {
    set_id: setId,
    set_name: setName,
    dir,
    volume: volume ?? null,
    edits,
    afterwards,
  }
  // Files may have changed since the place was read: what is owed to one that is there already is not written over.
  await db('file_places')
    .insert({ ...row, owed: isOwed })
    .onConflict('set_id')
    .merge(row)
}

export async function keepOwed(db: Knex, setId: string, owed: boolean): Promise<void> {
  await db('file_places').where({ set_id: setId }).update({ owed })
}

/** What lies there stays; this node only no longer looks after it. */
export async function removePlace(db: Knex, setId: string): Promise<void> {
  await db('file_places').where({ set_id: setId }).delete()
  await forgetAllSeen(db, setId)
}

export async function forgetAllSeen(db: Knex, setId: string): Promise<void> {
  await db('file_seen').where({ set_id: setId }).delete()
}

/** What one set has left in a directory belongs to another from now on. */
export async function giveSeen(db: Knex, from: string, to: string): Promise<void> {
  await db('file_seen').where({ set_id: from }).update({ set_id: to })
}

/** How this node left a file: which blob it holds, what is in it (another hash where the blob was sealed), and its marks on the disk. */
export type Seen = { sha256: string; content: string; mode: number; size: number; mtime: string; inode: string }

type SeenRow = Seen & { set_id: string; path: string }

export async function seenIn(db: Knex, setId: string): Promise<Map<string, Seen>> {
  const rows: SeenRow[] = await db('file_seen').where({ set_id: setId })
  return new Map(rows.map(({ path, set_id: _, size, ...seen }) => [path, { ...seen, size: Number(size) }]))
}

export async function keepSeen(db: Knex, setId: string, seen: Iterable<[string, Seen]>): Promise<void> {
  const rows = Array.from(seen, ([path, one]): SeenRow => ({ ...one, set_id: setId, path }))
  if (rows.length === 0) return
  await db.transaction((trx) => insertRows(trx, 'file_seen', rows, ['set_id', 'path']))
}

export async function forgetSeen(db: Knex, setId: string, paths: string[]): Promise<void> {
  for (let at = 0; at < paths.length; at += 250)
    await db('file_seen')
      .where({ set_id: setId })
      .whereIn('path', paths.slice(at, at + 250))
      .delete()
}
