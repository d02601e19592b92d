import type { Knex } from 'knex'
import type { AuditEnd } from './audit-chain.ts'
import { type Bodies, type Changed, isKnownKind, type Kind } from './bodies.ts'
import type { Db } from './db.ts'
import { type HashWork, noHashWork, noteHashes } from './nt-hashes.ts'
import { countIn, hashHex, type Position, type StateHash, stateHash } from './position.ts'
import { type Projected, project } from './project.ts'
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

/** The feed while a transaction moves it. */
export type Head = Omit<Position, 'hash'> & {
  state: StateHash
  changes: Changed[]
  /** Takes the changes of a full sync as they come, instead of `changes`. */
  refill?: Refill
  /** So much has changed that listeners should read everything again. */
  many: boolean
  auditKey: Buffer
  audit: AuditEnd
  /** The store holds nothing yet: no old row needs to be looked for. */
  fresh: boolean
  /** Lists of members that the job under way has touched: revisions.ts. */
  lists: Set<string>
  /** Whose NT hash has to be seen to after the job under way: nt-hashes.ts. */
  hashes: HashWork
  /** The names of everything that moves were freed beforehand, so all of them are taken again. */
  namesFreed: boolean
}

export const headAt = (position: Position, auditKey: Buffer, audit: AuditEnd): Head => {
  const { hash, ...rest } = position
  return {
    ...rest,
    state: stateHash(hash),
    changes: [],
    many: false,
    auditKey,
    audit: { ...audit },
    fresh: false,
    lists: new Set(),
    hashes: noHashWork(),
    namesFreed: false,
  }
}

export const positionOf = (head: Head): Position => {
  const { clusterId, epochNo, epochId, epochSig, seq, objects, horizon } = head
  return { clusterId, epochNo, epochId, epochSig, seq, objects, horizon, hash: hashHex(head.state) }
}

export const samePosition = (position: Position, head: Head): boolean =>
  position.seq === head.seq &&
  position.epochId === head.epochId &&
  position.horizon === head.horizon &&
  position.hash === hashHex(head.state)

/** Somebody who holds everything in memory and takes a full sync as it is applied, rather than read it all again afterwards. */
export type Refill = {
  add: (changes: Changed[]) => Promise<void>
  /** It is committed: what was taken is what counts from now on. */
  done: () => Promise<void>
  /** It was taken back: forget what was taken. */
  failed: () => Promise<void>
}

const tellAtMost = 2000

type Row = { seq: number; kind: string; id: string; deleted: boolean | number; body: string | null }

/** Moves objects in the feed and in the projections, on master and slave alike, and keeps the state hash. */
export async function moveObjects(trx: Knex, head: Head, moves: Move[]): Promise<void> {
  if (moves.length === 0) return
  const old = head.fresh ? new Map<string, string>() : await liveBodies(trx, moves)
  const rows: Row[] = []
  const projected: Projected[] = []
  const changed: Changed[] = []
  for (const { kind, id, body, seq, value } of moves) {
    const was = old.get(`${kind}\0${id}`)
    if (seq === undefined && was === body) continue
    if (was !== undefined) countIn(head.state, -1, kind, id, was)
    if (body !== undefined) countIn(head.state, 1, kind, id, body)
    head.objects += (body === undefined ? 0 : 1) - (was === undefined ? 0 : 1)
    const at = seq ?? head.seq + 1
    if (at > head.seq) head.seq = at
    rows.push({ seq: at, kind, id, deleted: body === undefined, body: body ?? null })
    if (!isKnownKind(kind)) continue
    const now = body === undefined ? undefined : (value ?? JSON.parse(body))
    projected.push({ kind, id, was: was === undefined ? undefined : JSON.parse(was), now })
    changed.push({ kind, id, seq: at, body: now })
  }
  // A slave gets revisions as they are on the master.
  if (moves.some(({ seq }) => seq === undefined)) {
    noteLists(head.lists, projected)
    noteHashes(head.hashes, projected)
  }
  // SQLite works on its own thread: what is in memory is brought up to date meanwhile.
  const written = insertRows(trx, 'objects', rows, ['kind', 'id']).then(() => project(trx, projected, head.namesFreed))
  await Promise.all([written, remember(head, changed)])
}

async function remember(head: Head, changed: Changed[]): Promise<void> {
  if (head.refill) await head.refill.add(changed)
  if (head.many) return
  head.changes.push(...changed)
  if (head.changes.length > tellAtMost) {
    head.many = true
    head.changes = []
  }
}

async function liveBodies(trx: Knex, moves: Move[]): Promise<Map<string, string>> {
  const ids = groupByKind(moves)
  const bodies = new Map<string, string>()
  for (const [kind, ofKind] of ids) {
    const rows: Row[] = await trx('objects')
      .where({ kind, deleted: false })
      .whereIn(
        'id',
        ofKind.map((move) => move.id),
      )
      .select('id', 'body')
    for (const row of rows) bodies.set(`${kind}\0${row.id}`, row.body as string)
  }
  return bodies
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

/** A live object, or undefined. */
export async function objectById<K extends Kind>(
  db: Knex,
  kind: K,
  id: string,
): Promise<{ id: string; seq: number; body: Bodies[K] } | undefined> {
  const row: Row | undefined = await db('objects').where({ kind, id, deleted: false }).first('seq', 'body')
  return row && { id, seq: Number(row.seq), body: JSON.parse(row.body as string) }
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
      .select('id', 'seq', 'body')
    for (const row of rows)
      found.set(row.id, { id: row.id, seq: Number(row.seq), body: JSON.parse(row.body as string) })
  }
  return found
}

/** All live objects of a kind of which there are few (domain, plugins, clients, devices ...). */
export async function objectsOf<K extends Kind>(
  db: Knex,
  kind: K,
): Promise<{ id: string; seq: number; body: Bodies[K] }[]> {
  const rows: Row[] = await db('objects').where({ kind, deleted: false }).orderBy('seq').select('id', 'seq', 'body')
  return rows.map((row) => ({ id: row.id, seq: Number(row.seq), body: JSON.parse(row.body as string) }))
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

export type FeedRow = { seq: number; kind: string; id: string; body: string | undefined }

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
  body: row.deleted ? undefined : (row.body as string),
})

const parsedAtOnce = 50

/** Every live object of the kinds this version knows, in slices of one state: what the LDAP directory is built from. */
export async function* liveObjects(db: Db): AsyncGenerator<Changed[]> {
  const trx = await db.reader.transaction()
  try {
    for await (const rows of feedRows(trx, 0)) {
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
