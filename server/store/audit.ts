import { createHmac } from 'node:crypto'
import type { Knex } from 'knex'
import type { Actor } from '../audit/actor.ts'
import { containing } from './like.ts'
import type { Head } from './objects.ts'
import { inSlices, insertRows } from './slices.ts'

/** What was done, as one sentence, and what it changed. Secrets never stand here. */
export type Note = {
  sentence: string
  object?: AuditObject
  changes?: FieldChange[]
  /** How this is taken back, without secrets; absent when it cannot be. */
  undo?: UndoStep[]
  /** What one import or one bulk edit did has one batch. */
  batch?: string
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
  /** How; only where one row or one batch was asked for. */
  undo?: UndoStep[]
}

type Kept = {
  at: string
  actor: string
  via: string
  address: string | null
  sentence: string
  kind: string | null
  object: string | null
  name: string | null
  changes: string
  seq: number
  batch: string | null
  undo: string | null
}

type Row = Kept & { id: number; mac: string; undone_by: number | null }
type ListedRow = Omit<Row, 'undo' | 'mac'> & { undoable: number | boolean }

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
})

/**
 * Each row's MAC covers the row and the MAC before it: a row that is changed, left out or put in breaks the chain. Rows
 * without batch and undo are covered as version 0.1.0 did.
 */
const macOf = (key: Buffer, before: string, row: Kept): string =>
  createHmac('sha256', key)
    .update(
      JSON.stringify([
        before,
        row.at,
        row.actor,
        row.via,
        row.address,
        row.sentence,
        row.kind,
        row.object,
        row.name,
        row.changes,
        Number(row.seq),
        ...(row.batch === null && row.undo === null ? [] : [row.batch, row.undo]),
      ]),
    )
    .digest('hex')

const sealOf = (key: Buffer, rows: number, mac: string): string =>
  createHmac('sha256', key)
    .update(JSON.stringify(['head', rows, mac]))
    .digest('hex')

/** Appends what was done to the chain, and moves its end in `head`. */
export async function appendAudit(trx: Knex, head: Head, actor: Actor, notes: Note[]): Promise<void> {
  const rows = notes.map((note) => {
    const row: Kept = {
      at: new Date().toISOString(),
      actor: actor.name,
      via: actor.via,
      address: actor.address ?? null,
      sentence: note.sentence,
      kind: note.object?.kind ?? null,
      object: note.object?.id ?? null,
      name: note.object?.name ?? null,
      changes: JSON.stringify(note.changes ?? []),
      seq: head.seq,
      batch: note.batch ?? actor.batch ?? null,
      undo: note.undo && note.undo.length > 0 ? JSON.stringify(note.undo) : null,
    }
    head.audit.mac = macOf(head.auditKey, head.audit.mac, row)
    head.audit.rows++
    return { ...row, mac: head.audit.mac }
  })
  await insertRows(trx, 'audit', rows)
}

/** Marks rows as taken back by the change that is under way; its own first row comes right after the last one. */
export async function markUndone(trx: Knex, ids: number[]): Promise<void> {
  const by = await nextId(trx)
  await inSlices(ids, (slice) => trx('audit').whereIn('id', slice).update({ undone_by: by }))
}

/** Where the chain ends. Its seal tells when rows were cut off: what is left would be a chain too. */
export type AuditEnd = { rows: number; mac: string }

type SealedEnd = AuditEnd & { seal: string }

/** Keeps the end of the chain in the transaction that moved it. A seal that somebody took away stays away. */
export async function sealAudit(trx: Knex, key: Buffer, { rows, mac }: AuditEnd): Promise<void> {
  await trx('audit_head')
    .where({ one: 1 })
    .update({ rows, mac, seal: sealOf(key, rows, mac) })
}

/** The end as it is kept, so that what was cut off while the node stood still leaves a gap. */
export async function readAuditEnd(db: Knex): Promise<AuditEnd> {
  const kept: SealedEnd | undefined = await db('audit_head').where({ one: 1 }).first()
  return kept ? { rows: Number(kept.rows), mac: kept.mac } : lastOfRows(db)
}

/** Seals what is there for the first time: once, when the database is made or comes from a version without a seal. */
export async function firstSeal(db: Knex, key: Buffer): Promise<void> {
  const { rows, mac } = await lastOfRows(db)
  await db('audit_head').insert({ one: 1, rows, mac, seal: sealOf(key, rows, mac) })
}

async function lastOfRows(db: Knex): Promise<AuditEnd> {
  const last: { mac: string } | undefined = await db('audit').orderBy('id', 'desc').first('mac')
  const [counted] = await db('audit').count({ n: '*' })
  return { rows: Number(counted?.n ?? 0), mac: last?.mac ?? '' }
}

export type AuditFilter = {
  /** A part of the sentence, the name, the actor or the address. */
  search?: string
  actor?: string
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
  const isScan = !filter.object && !filter.batch && Boolean(filter.search || filter.kind || filter.via)
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

const listed = 'id at actor via address sentence kind object name changes seq batch undone_by'.split(' ')

function matching(db: Knex, filter: AuditFilter) {
  const rows = db('audit').select(listed).select(db.raw('undo is not null as undoable'))
  for (const column of ['actor', 'kind', 'via', 'object', 'batch'] as const)
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
    .whereNull('undone_by')
    .whereNotNull('undo')
    .orderBy('id', 'desc')
    .limit(size)
  return rows.map(rowWithUndo)
}

/** What an actor did after a row that can still be taken back, the newest first. */
export async function undoableAfter(db: Knex, actor: string, after: number, limit = 2): Promise<AuditRow[]> {
  const rows: ListedRow[] = await matching(db, { actor })
    .where('id', '>', after)
    .whereNull('undone_by')
    .whereNotNull('undo')
    .orderBy('id', 'desc')
    .limit(limit)
  return rows.map(rowToAudit)
}

/** How many rows a batch has, and how many of them can still be taken back. */
export async function batchCounts(db: Knex, batch: string): Promise<{ rows: number; undoable: number }> {
  const row = await db('audit')
    .where({ batch })
    .first(db.raw('count(*) as n'), db.raw('sum(undo is not null and undone_by is null) as undoable'))
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

export type ChainFault = 'altered' | 'removed' | 'swapped' | 'inserted' | 'cut' | 'seal'

export type Chain = {
  /** How many rows were proved. */
  rows: number
  /** The first row that does not fit; for what was cut off the end, the number after the last one. */
  brokenAt?: number
  fault?: ChainFault
}

/** Walks the chain from the first row to its sealed end. `progress` hears how far it is, and ends it by throwing. */
export async function auditChain(db: Knex, key: Buffer, progress?: (rows: number) => void): Promise<Chain> {
  const end: SealedEnd | undefined = await db('audit_head').where({ one: 1 }).first()
  let before = ''
  let last = 0
  let rows = 0
  // What is written meanwhile comes after the end that was read.
  let isEndThere = end?.rows === 0
  for (let slice: Row[] = [{} as Row]; slice.length > 0; ) {
    slice = await db('audit').where('id', '>', last).orderBy('id').limit(500)
    for (const row of slice) {
      if (macOf(key, before, row) !== row.mac)
        return { rows, brokenAt: row.id, fault: await faultAt(db, key, { id: last, mac: before }, row) }
      before = row.mac
      last = row.id
      rows++
      if (rows === end?.rows && row.mac === end.mac) isEndThere = true
    }
    progress?.(rows)
  }
  if (!end || end.seal !== sealOf(key, end.rows, end.mac)) return { rows, brokenAt: last + 1, fault: 'seal' }
  if (!isEndThere) return { rows, brokenAt: last + 1, fault: rows < end.rows ? 'cut' : 'removed' }
  return { rows }
}

/** What was done to the rows around one that does not fit after `good`. */
async function faultAt(db: Knex, key: Buffer, good: { id: number; mac: string }, row: Row): Promise<ChainFault> {
  const following: Row[] = await db('audit').where('id', '>', row.id).orderBy('id').limit(500)
  if (following.some((other) => macOf(key, good.mac, other) === other.mac))
    return following.some((other) => macOf(key, other.mac, row) === row.mac) ? 'swapped' : 'inserted'
  return row.id > good.id + 1 ? 'removed' : 'altered'
}
