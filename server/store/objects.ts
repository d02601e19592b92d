import type { Knex } from 'knex'
import { type Bodies, type Changed, isKnownKind, type Kind } from './bodies.ts'
import type { Db } from './db.ts'
import type { Head } from './head.ts'
import { noteHashes } from './nt-hashes.ts'
import { countIn, objectDigest } from './position.ts'
import { type Projected, project, unproject } from './project.ts'
import { noteLists } from './revisions.ts'
import { insertRows } from './slices.ts'

/** One object on its way into the feed. `body` is canonical JSON, undefined when it is removed. */
export type Move = {
  kind: string
  id: string
  body: string | undefined
  /** Given by the master; here, on the master, the next one is taken. */
  seq?: number
  /** `body` as a value, when it was read already. */
  value?: object
}

const tellAtMost = 2000

/** An object as it is kept. */
export type Row = {
  seq: number
  kind: string
  id: string
  deleted: boolean | number
  body: string | null
  digest: Buffer | null
}

/** A row of a live object that no longer fits its digest: its bytes were changed by something else than this program. */
export class Damaged extends Error {}

/** Is a row as it was written? One that is not is read by nobody: better nobody than somebody with another's password. */
const isSound = ({ kind, id, deleted, body, digest }: Row): boolean =>
  deleted ? digest === null : body !== null && digest !== null && objectDigest(kind, id, body).equals(digest)

/** Moves objects in the feed and in the projections, on master and slave alike, and keeps the state hash. */
export async function moveObjects(trx: Knex, head: Head, moves: Move[]): Promise<void> {
  if (moves.length === 0) return
  const old = head.fresh ? new Map<string, Row>() : await liveRows(trx, head, moves)
  const rows: Row[] = []
  const projected: Projected[] = []
  const changed: Changed[] = []
  const damaged: Move[] = []
  for (const move of moves) {
    const { kind, id, body, seq, value } = move
    const row = old.get(`${kind}\0${id}`)
    const isDamaged = row !== undefined && !isSound(row)
    if (isDamaged && seq !== undefined && !head.mends) throw new Damaged(`the row of ${kind} ${id} is damaged here`)
    const was = isDamaged ? undefined : (row?.body ?? undefined)
    if (isDamaged) damaged.push(move)
    if (seq === undefined && was === body && !isDamaged) continue
    // What was counted in, whatever the row has become since.
    if (row?.digest) countIn(head.state, -1, row.digest)
    const digest = body === undefined ? null : objectDigest(kind, id, body)
    if (digest) countIn(head.state, 1, digest)
    head.objects += (body === undefined ? 0 : 1) - (row === undefined ? 0 : 1)
    const at = seq ?? head.seq + 1
    if (at > head.seq) head.seq = at
    rows.push({ seq: at, kind, id, deleted: body === undefined, body: body ?? null, digest })
    if (!isKnownKind(kind)) continue
    const now = body === undefined ? undefined : (value ?? JSON.parse(body))
    projected.push({ kind, id, was: was === undefined ? undefined : JSON.parse(was), now })
    changed.push({ kind, id, seq: at, body: now })
  }
  // What a damaged row says of itself before is not believed: whatever was made of it goes.
  await unproject(trx, damaged)
  // A slave gets revisions as they are on the master.
  if (moves.some(({ seq }) => seq === undefined)) {
    noteLists(head.lists, projected)
    noteHashes(head.hashes, projected)
  }
  // SQLite works on its own thread: what is in memory is brought up to date meanwhile.
  const written = insertRows(trx, 'objects', rows, ['kind', 'id']).then(() =>
    project(trx, projected, head.namesFreed, head.late),
  )
  await Promise.all([written, remember(head, changed, rows)])
}

async function remember(head: Head, changed: Changed[], rows: Row[]): Promise<void> {
  if (head.refill) await head.refill.add(changed)
  if (head.many) return
  head.changes.push(...changed)
  head.moved.push(...rows.map(rowToFeed))
  if (head.moved.length > tellAtMost) {
    head.many = true
    head.changes = []
    head.moved = []
  }
}

async function liveRows(trx: Knex, head: Head, moves: Move[]): Promise<Map<string, Row>> {
  const found = new Map<string, Row>()
  for (const [kind, ofKind] of groupByKind(moves)) {
    const asked: string[] = []
    for (const { id } of ofKind) {
      const name = `${kind}\0${id}`
      const known = head.known.get(name)
      if (known) found.set(name, known)
      else asked.push(id)
      head.known.delete(name)
    }
    if (asked.length === 0) continue
    const rows: Row[] = await trx('objects').where({ kind, deleted: false }).whereIn('id', asked)
    for (const row of rows) found.set(`${kind}\0${row.id}`, row)
  }
  return found
}

function groupByKind(moves: Move[]): Map<string, Move[]> {
  const groups = new Map<string, Move[]>()
  for (const move of moves) {
    const group = groups.get(move.kind)
    if (group) group.push(move)
    else groups.set(move.kind, [move])
  }
  return groups
}

/** A live object, or undefined; one whose row is damaged is not there. */
export async function objectById<K extends Kind>(
  db: Knex,
  kind: K,
  id: string,
): Promise<{ id: string; seq: number; body: Bodies[K] } | undefined> {
  const row: Row | undefined = await db('objects').where({ kind, id, deleted: false }).first()
  return row && isSound(row) ? rowToObject(row) : undefined
}

/** As `objectById`, for a job that is going to move it: the row is not read a second time then. */
export async function objectToMove<K extends Kind>(
  trx: Knex,
  head: Head,
  kind: K,
  id: string,
): Promise<{ id: string; seq: number; body: Bodies[K] } | undefined> {
  const row: Row | undefined = await trx('objects').where({ kind, id, deleted: false }).first()
  if (!row) return undefined
  head.known.set(`${kind}\0${id}`, row)
  return isSound(row) ? rowToObject(row) : undefined
}

/** The person of this username. Not by a join: SQLite would go through all people for it. */
export async function userObjectByName(
  db: Knex,
  username: string,
): Promise<{ id: string; seq: number; body: Bodies['user'] } | undefined> {
  const row: Row | undefined = await db('objects')
    .where({ kind: 'user', deleted: false })
    .where('id', db('users').where({ username }).select('id'))
    .first()
  return row && isSound(row) ? rowToObject(row) : undefined
}

export async function objectsByIds<K extends Kind>(
  db: Knex,
  kind: K,
  ids: readonly string[],
): Promise<Map<string, { id: string; seq: number; body: Bodies[K] }>> {
  const found = new Map<string, { id: string; seq: number; body: Bodies[K] }>()
  for (let at = 0; at < ids.length; at += 500) {
    const rows: Row[] = await db('objects')
      .where({ kind, deleted: false })
      .whereIn('id', ids.slice(at, at + 500))
    for (const row of rows) if (isSound(row)) found.set(row.id, rowToObject(row))
  }
  return found
}

/** All live objects of a kind of which there are few (domain, plugins, clients, devices ...). */
export async function objectsOf<K extends Kind>(
  db: Knex,
  kind: K,
): Promise<{ id: string; seq: number; body: Bodies[K] }[]> {
  const rows: Row[] = await db('objects').where({ kind, deleted: false }).orderBy('seq')
  return rows.filter(isSound).map(rowToObject)
}

const rowToObject = (row: Row) => ({ id: row.id, seq: Number(row.seq), body: JSON.parse(row.body as string) })
/** How many live objects of a kind there are, also of one that this version does not know. */
export async function countOfKind(db: Knex, kind: string): Promise<number> {
  const [counted] = await db('objects').where({ kind, deleted: false }).count({ n: '*' })
  return Number(counted?.n ?? 0)
}

/** Objects of some kinds with this id, of which one may have several. */
export async function bodiesOf(
  db: Knex,
  kinds: string[],
  id: string,
): Promise<{ kind: string; id: string; body: string }[]> {
  return db('objects').where({ id, deleted: false }).whereIn('kind', kinds).select('kind', 'id', 'body')
}

/** Ids of what was removed after a change, and of plugins that were changed since: one that is off has no group. */
export async function entriesGoneSince(db: Knex, seq: number): Promise<string[]> {
  const rows: { id: string }[] = await db('objects')
    .where('seq', '>', seq)
    .whereIn('kind', ['user', 'group', 'client', 'plugin', 'windows', 'machine', 'kept'])
    .where((either) => either.where({ deleted: true }).orWhere({ kind: 'plugin' }))
    .select('id')
  return rows.map(({ id }) => id)
}

/** Forgets what was removed up to a change. Whoever stands before it then needs more than a delta: the horizon. */
export async function removeTombstones(trx: Knex, upto: number): Promise<void> {
  await trx('objects').where({ deleted: true }).where('seq', '<=', upto).delete()
}

export async function countTombstones(db: Knex, upto: number): Promise<number> {
  const [row] = await db('objects').where({ deleted: true }).where('seq', '<=', upto).count({ n: '*' })
  return Number(row?.n ?? 0)
}

export async function lastTombstone(db: Knex, upto: number): Promise<number | undefined> {
  const row: Row | undefined = await db('objects')
    .where({ deleted: true })
    .where('seq', '<=', upto)
    .orderBy('seq', 'desc')
    .first('seq')
  return row && Number(row.seq)
}

/** How many objects have moved after a change. */
export async function countAfter(db: Knex, seq: number): Promise<number> {
  const [row] = await db('objects').where('seq', '>', seq).count({ n: '*' })
  return Number(row?.n ?? 0)
}

/** `digest`: what was counted in for it. */
export type FeedRow = { seq: number; kind: string; id: string; body: string | undefined; digest: Buffer | undefined }

/** What a live row holds now, and whether that is what was counted in. */
export function foundIn({ kind, id, body, digest }: FeedRow): { digest: Buffer | undefined; isSound: boolean } {
  const found = body === undefined ? undefined : objectDigest(kind, id, body)
  return { digest: found, isSound: found === undefined ? digest === undefined : digest?.equals(found) === true }
}

/**
 * The feed after `since`, in order, in slices; inside one read transaction it is one state. The next slice is read while
 * the last one is used.
 */
export async function* feedRows(trx: Knex, since: number, slice = 500): AsyncGenerator<FeedRow[]> {
  const read = async (after: number): Promise<Row[]> =>
    trx('objects').where('seq', '>', after).orderBy('seq').limit(slice)
  let next: Promise<Row[]> | undefined = read(since)
  try {
    while (next) {
      const rows: Row[] = await next
      next = rows.length === slice ? read(Number(rows.at(-1)?.seq)) : undefined
      if (rows.length > 0) yield rows.map(rowToFeed)
    }
  } finally {
    // Whoever stops early ends the transaction next: nothing may be under way in it then.
    await next?.catch(() => {})
  }
}

const rowToFeed = (row: Row): FeedRow => ({
  seq: Number(row.seq),
  kind: row.kind,
  id: row.id,
  body: row.deleted ? undefined : (row.body ?? ''),
  digest: row.digest ?? undefined,
})

const parsedAtOnce = 50

/** Every live object of the kinds this version knows, in slices of one state: what the LDAP directory is built from. */
export async function* liveObjects(db: Db): AsyncGenerator<Changed[]> {
  const trx = await db.reader.transaction()
  try {
    for await (const all of feedRows(trx, 0)) {
      const rows = all.filter((row) => foundIn(row).isSound)
      if (rows.length < all.length) db.isDamaged = true
      // Few at a time: what is parsed and not used at once grows old, and makes the heap twice as large as it need be.
      for (let at = 0; at < rows.length; at += parsedAtOnce) {
        yield rows
          .slice(at, at + parsedAtOnce)
          .flatMap(({ kind, id, seq, body }) =>
            body !== undefined && isKnownKind(kind) ? [{ kind, id, seq, body: JSON.parse(body) } as Changed] : [],
          )
      }
    }
  } finally {
    await trx.rollback()
  }
}
