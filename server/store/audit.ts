import type { Knex } from 'knex'
import type { Row } from './audit-chain.ts'
import { containing } from './like.ts'

/** What was done, as one sentence, and what it changed. Secrets never stand here. */
export type Note = {
  sentence: string
  object?: AuditObject
  changes?: FieldChange[]
  /** How this is taken back, without secrets; absent when it cannot be. */
  undo?: UndoStep[]
  /** What one import or one bulk edit did has one batch. */
  batch?: string
  /** The number of the row that this takes back. */
  undoes?: number
  /** It shuts somebody out, or so many people: who has confirmed it is kept (receipts.ts). */
  receipt?: boolean | number
}

export type AuditObject = { kind: string; id: string; name: string }

export type FieldChange = { field: string; before?: string; after?: string }

/**
 * One step that undo takes back: an edit (only the fields that differ, as they were and became), an object that was added or
 * went to the recycle bin, people who joined or left a group or a plugin.
 */
export type UndoStep =
  | { kind: string; id: string; was: Record<string, unknown>; now: Record<string, unknown> }
  | { kind: string; id: string; added: true }
  /** With `body` where no recycle bin has it. */
  | { kind: string; id: string; removed: true; body?: object }
  | { list: 'groups' | 'plugins'; name: string; ids: string[]; joined: boolean }

export type AuditRow = {
  id: number
  /** ISO 8601. */
  at: string
  actor: string
  via: string
  address?: string
  sentence: string
  object?: AuditObject
  changes: FieldChange[]
  /** Where the feed stood afterwards. */
  seq: number
  batch?: string
  /** It can be taken back, and was not yet. */
  undoable: boolean
  /** The row that took it back. */
  undoneBy?: number
  /** The row that it takes back. */
  undoes?: number
  /** How; only where one row or one batch was asked for. */
  undo?: UndoStep[]
}

type ListedRow = Omit<Row, 'undo' | 'mac'> & { undoable: number | boolean; undone_by: number | null }

const rowToAudit = (row: ListedRow): AuditRow => ({
  id: row.id,
  at: row.at,
  actor: row.actor,
  via: row.via,
  address: row.address ?? undefined,
  sentence: row.sentence,
  object: row.kind ? { kind: row.kind, id: row.object ?? '', name: row.name ?? '' } : undefined,
  changes: JSON.parse(row.changes),
  seq: Number(row.seq),
  batch: row.batch ?? undefined,
  undoable: Boolean(row.undoable) && row.undone_by === null,
  undoneBy: row.undone_by ?? undefined,
  undoes: row.undoes ?? undefined,
})

export type AuditFilter = {
  /** A part of the sentence, the name, the actor or the address. */
  search?: string
  /** One, or any of several. */
  actor?: string | readonly string[]
  /** Kind of object: user, group, device ... */
  kind?: string
  via?: string
  /** Id of one object. */
  object?: string
  batch?: string
  /** Moments, ISO 8601: from this one on, and before that one. */
  from?: string
  until?: string
}

export type AuditRange = {
  rows: AuditRow[]
  /** Give this as `before` for what is older; absent when there is nothing older. */
  older?: number
  /** Only so far back was looked; ISO 8601. */
  lookedBackTo?: string
}

const scannedAtOnce = 20_000
const scannedAtMost = 200_000

/**
 * The newest rows that match, before a row. Rows are looked through in pieces, and only so many: in a million of them a
 * word that hardly occurs is answered with how far was looked, instead of late.
 */
export async function auditMatching(
  db: Knex,
  filter: AuditFilter,
  { before, size }: { before?: number; size: number },
): Promise<AuditRange> {
  const last = await lastId(db)
  const low = filter.from ? await firstIdAt(db, filter.from) : 1
  let top = Math.min(before ?? last + 1, filter.until ? await firstIdAt(db, filter.until) : last + 1)
  // An index leads straight to one object, one batch, one actor; everything else is looked through.
  const several = typeof filter.actor === 'object'
  const isScan = !filter.object && !filter.batch && Boolean(filter.search || filter.kind || filter.via || several)
  const bottom = isScan ? top - scannedAtMost : 0
  const rows: ListedRow[] = []
  while (rows.length <= size && top > low) {
    if (top <= bottom) return lookedBack(db, rows, top)
    const floor = isScan ? Math.max(low, top - scannedAtOnce) : low
    const found: ListedRow[] = await matching(db, filter)
      .where('id', '<', top)
      .where('id', '>=', floor)
      .orderBy('id', 'desc')
      .limit(size + 1 - rows.length)
    rows.push(...found)
    top = floor
  }
  const shown = rows.slice(0, size)
  return { rows: shown.map(rowToAudit), ...(rows.length > size ? { older: shown.at(-1)?.id } : {}) }
}

async function lookedBack(db: Knex, rows: ListedRow[], top: number): Promise<AuditRange> {
  const row: { at: string } | undefined = await db('audit').where('id', '>=', top).orderBy('id').first('at')
  return { rows: rows.map(rowToAudit), older: top, lookedBackTo: row?.at }
}

const listed = 'id at actor via address sentence kind object name changes seq batch undoes'.split(' ')

const undoneBy = '(select min(other.id) from audit as other where other.undoes = audit.id)'
const canBeUndone = `undo is not null and ${undoneBy} is null`

function matching(db: Knex, filter: AuditFilter) {
  const rows = db('audit')
    .select(listed)
    .select(db.raw('undo is not null as undoable'), db.raw(`${undoneBy} as undone_by`))
  const { actor } = filter
  if (actor) rows.whereIn('actor', [actor].flat())
  for (const column of ['kind', 'via', 'object', 'batch'] as const)
    if (filter[column]) rows.where(column, filter[column])
  if (filter.search) {
    const part = containing(filter.search)
    rows.where((either) => {
      for (const column of ['sentence', 'actor', 'address', 'name'])
        either.orWhereRaw(`${column} like ? escape '\\'`, [part])
    })
  }
  return rows
}

/** Where the feed stood before the write that a row is of; rows of one write all stand at its end. */
export async function seqBefore(db: Knex, { id, seq }: Pick<AuditRow, 'id' | 'seq'>): Promise<number> {
  const row: { seq: number } | undefined = await db('audit')
    .where('id', '<', id)
    .where('seq', '<', seq)
    .orderBy('id', 'desc')
    .first('seq')
  return Number(row?.seq ?? 0)
}

/** Everything that matches, oldest first, in slices. */
export async function* auditRows(db: Knex, filter: AuditFilter, slice = 500): AsyncGenerator<AuditRow[]> {
  const end = filter.until ? await firstIdAt(db, filter.until) : await nextId(db)
  for (let from = filter.from ? await firstIdAt(db, filter.from) : 1; from < end; ) {
    const to = Math.min(end, from + scannedAtOnce)
    const found: ListedRow[] = await matching(db, filter)
      .where('id', '>=', from)
      .where('id', '<', to)
      .orderBy('id')
      .limit(slice)
    if (found.length > 0) yield found.map(rowToAudit)
    from = found.length === slice ? (found.at(-1)?.id as number) + 1 : to
  }
}

type RowWithUndo = ListedRow & { undo: string | null }

const rowWithUndo = (row: RowWithUndo): AuditRow => ({
  ...rowToAudit(row),
  undo: row.undo ? JSON.parse(row.undo) : [],
})

/** One row with how it is taken back. */
export async function auditById(db: Knex, id: number): Promise<AuditRow | undefined> {
  const row: RowWithUndo | undefined = await matching(db, {}).select('undo').where({ id }).first()
  return row && rowWithUndo(row)
}

/** What of a batch can still be taken back, the newest first: so many before a row. */
export async function auditOfBatch(db: Knex, batch: string, before: number, size: number): Promise<AuditRow[]> {
  const rows: RowWithUndo[] = await matching(db, { batch })
    .select('undo')
    .where('id', '<', before)
    .whereRaw(canBeUndone)
    .orderBy('id', 'desc')
    .limit(size)
  return rows.map(rowWithUndo)
}

/** What an actor did after a row that can still be taken back, the newest first. */
export async function undoableAfter(db: Knex, actor: string, after: number, limit = 2): Promise<AuditRow[]> {
  const rows: ListedRow[] = await matching(db, { actor })
    .where('id', '>', after)
    .whereRaw(canBeUndone)
    .orderBy('id', 'desc')
    .limit(limit)
  return rows.map(rowToAudit)
}

/** How many rows a batch has, and how many of them can still be taken back. */
export async function batchCounts(db: Knex, batch: string): Promise<{ rows: number; undoable: number }> {
  const row = await db('audit')
    .where({ batch })
    .first(db.raw('count(*) as n'), db.raw(`sum(${canBeUndone}) as undoable`))
  return { rows: Number(row?.n ?? 0), undoable: Number(row?.undoable ?? 0) }
}

/** Who did something, in order of name; at most `limit`. Each step takes the next name from the index. */
export async function auditActors(db: Knex, limit = 200): Promise<string[]> {
  const rows: { name: string | null }[] = await db.raw(
    `with recursive found(name) as (
       select min(actor) from audit
       union all select (select min(actor) from audit where actor > found.name) from found where found.name is not null
       limit ?
     ) select name from found`,
    [limit],
  )
  return rows.flatMap(({ name }) => name ?? [])
}

async function lastId(db: Knex): Promise<number> {
  const [row] = await db('audit').max({ last: 'id' })
  return Number(row?.last ?? 0)
}

const nextId = async (db: Knex): Promise<number> => (await lastId(db)) + 1

/** The first row at or after a moment. Rows are in order of time, so it is found by halving; no index is needed. */
export async function firstIdAt(db: Knex, at: string): Promise<number> {
  let low = 1
  let high = await nextId(db)
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const row: { id: number; at: string } | undefined = await db('audit')
      .where('id', '>=', middle)
      .orderBy('id')
      .first('id', 'at')
    if (row && row.at < at) low = row.id + 1
    else high = middle
  }
  return low
}
