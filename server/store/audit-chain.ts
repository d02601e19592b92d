import { createHmac } from 'node:crypto'
import type { Knex } from 'knex'
import type { Actor } from '../audit/actor.ts'
import type { Note } from './audit.ts'
import type { Head } from './head.ts'
import { insertRows } from './slices.ts'

// What is written to the audit, and what proves that nobody has altered it since. What is read of it is in audit.ts.

/** A row as it is kept. */
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
  undoes: number | null
}

export type Row = Kept & { id: number; mac: string }

/**
 * Each row's MAC covers the row and the MAC before it: a row that is changed, left out or put in breaks the chain. Rows
 * without batch, undo and undoes are covered as earlier versions did, which had none.
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
        ...(row.batch === null && row.undo === null && row.undoes === null ? [] : [row.batch, row.undo]),
        ...(row.undoes === null ? [] : [Number(row.undoes)]),
      ]),
    )
    .digest('hex')

const sealOf = (key: Buffer, rows: number, mac: string): string =>
  createHmac('sha256', key)
    .update(JSON.stringify(['head', rows, mac]))
    .digest('hex')

/** Appends what was done to the chain, and moves its end in `head`. Jobs that share the commit read it. */
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
      undoes: note.undoes ?? null,
    }
    head.audit.mac = macOf(head.auditKey, head.audit.mac, row)
    head.audit.rows++
    return { ...row, mac: head.audit.mac }
  })
  await insertRows(trx, 'audit', rows)
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

export type ChainFault = 'altered' | 'numbered' | 'removed' | 'swapped' | 'inserted' | 'cut' | 'seal'

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
      // Numbers have no gaps, and are what undo goes by; the MAC leaves them out, since the database gives them.
      if (row.id !== last + 1) return { rows, brokenAt: row.id, fault: 'numbered' }
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
