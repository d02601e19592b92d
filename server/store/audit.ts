import { createHmac } from 'node:crypto'
import type { Knex } from 'knex'
import type { Actor } from '../audit/actor.ts'
import { containing } from './like.ts'
import type { Head } from './objects.ts'

/** What was done, as one sentence, and what it changed. Secrets never stand here. */
export type Note = {
  sentence: string
  object?: { kind: string; id: string; name: string }
  changes?: FieldChange[]
}

export type FieldChange = { field: string; before?: string; after?: string }

export type AuditRow = {
  id: number
  /** ISO 8601. */
  at: string
  actor: string
  via: string
  address?: string
  sentence: string
  object?: { kind: string; id: string; name: string }
  changes: FieldChange[]
  /** Where the feed stood afterwards. */
  seq: number
}

type Row = {
  id: number
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
  mac: string
}

const rowToAudit = (row: Row): AuditRow => ({
  id: row.id,
  at: row.at,
  actor: row.actor,
  via: row.via,
  address: row.address ?? undefined,
  sentence: row.sentence,
  object: row.kind ? { kind: row.kind, id: row.object ?? '', name: row.name ?? '' } : undefined,
  changes: JSON.parse(row.changes),
  seq: Number(row.seq),
})

/** Each row's MAC covers the row and the MAC before it: a row that is changed, left out or put in breaks the chain. */
const macOf = (key: Buffer, before: string, row: Omit<Row, 'id' | 'mac'>): string =>
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
      ]),
    )
    .digest('hex')

/** Appends what was done to the chain; the answer is the MAC that the next row builds on. */
export async function appendAudit(trx: Knex, head: Head, actor: Actor, notes: Note[]): Promise<string> {
  if (notes.length === 0) return head.auditMac
  let mac = head.auditMac
  const rows = notes.map((note) => {
    const row = {
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
    }
    mac = macOf(head.auditKey, mac, row)
    return { ...row, mac }
  })
  await trx('audit').insert(rows)
  return mac
}

export async function auditMatching(
  db: Knex,
  query: { search?: string; object?: string; page: number; size: number },
): Promise<{ rows: AuditRow[]; total: number }> {
  const matching = () => {
    const rows = db('audit')
    if (query.object) rows.where({ object: query.object })
    if (query.search) {
      const part = containing(query.search)
      rows.where((either) => {
        for (const column of ['sentence', 'actor', 'address', 'name'])
          either.orWhereRaw(`${column} like ? escape '\\'`, [part])
      })
    }
    return rows
  }
  const [counted] = await matching().count({ n: '*' })
  const rows: Row[] = await matching()
    .orderBy('id', 'desc')
    .limit(query.size)
    .offset((query.page - 1) * query.size)
  return { rows: rows.map(rowToAudit), total: Number(counted?.n ?? 0) }
}

/** Walks the chain from the first row. */
export async function auditChain(db: Knex, key: Buffer): Promise<{ rows: number; brokenAt?: number }> {
  let before = ''
  let count = 0
  for (let after = 0; ; ) {
    const rows: Row[] = await db('audit').where('id', '>', after).orderBy('id').limit(500)
    for (const row of rows) {
      if (macOf(key, before, row) !== row.mac) return { rows: count, brokenAt: row.id }
      before = row.mac
      count++
    }
    if (rows.length < 500) return { rows: count }
    after = rows.at(-1)?.id ?? 0
  }
}

/** Changes per day of the last `days` days, oldest first. */
export async function auditPerDay(db: Knex, days: number): Promise<{ day: string; changes: number }[]> {
  const from = new Date(Date.now() - (days - 1) * 86_400_000).toISOString().slice(0, 10)
  const rows: { day: string; n: number }[] = await db('audit')
    .where('at', '>=', from)
    .groupByRaw('substr(at, 1, 10)')
    .select(db.raw('substr(at, 1, 10) as day'))
    .count({ n: '*' })
  const counts = new Map(rows.map((row) => [row.day, Number(row.n)]))
  return Array.from({ length: days }, (_, index) => {
    const day = new Date(Date.now() - (days - 1 - index) * 86_400_000).toISOString().slice(0, 10)
    return { day, changes: counts.get(day) ?? 0 }
  })
}
