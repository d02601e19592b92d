import type { Knex } from 'knex'
import type { Actor } from '../audit/actor.ts'
import type { Note } from './audit.ts'
import { inSlices } from './slices.ts'

/** Who has confirmed a change that shuts somebody out; it does not travel. */
export type Receipt = {
  /** The row of the audit that says what was done. */
  id: number
  /** What one import or one bulk edit did has one receipt. */
  batch?: string
  seq: number
  /** ISO 8601. */
  at: string
  actor: string
  sentence: string
  /** Kind of the object that it is about. */
  kind: string
  /** The person; of a batch, the first. */
  object: string
  name: string
  people: number
  /** Device IDs of the slaves that there were. */
  awaits: string[]
  /** Device ID -> when it asked with this change in its position, ISO 8601. */
  confirmed: Record<string, string>
  /** What of it stands in the audit: nothing yet, how far it was, that all have it. */
  told: 'no' | 'part' | 'all'
}

type Row = Omit<Receipt, 'awaits' | 'confirmed' | 'batch'> & {
  awaits: string
  confirmed: string
  batch: string | null
}

const rowToReceipt = (row: Row): Receipt => {
  const { batch, ...rest } = row
  return {
    ...rest,
    ...(batch && { batch }),
    seq: Number(row.seq),
    awaits: JSON.parse(row.awaits),
    confirmed: JSON.parse(row.confirmed),
  }
}

/** Keeps a receipt of each note that asks for one, in the transaction of the change; nothing while there is no slave. */
export async function keepReceipts(
  trx: Knex,
  { actor, seq, firstRow }: { actor: Actor; seq: number; firstRow: number },
  notes: readonly Note[],
): Promise<Receipt[]> {
  const asked = notes.flatMap((note, index) => (note.receipt && note.object ? [{ note, id: firstRow + index }] : []))
  if (asked.length === 0) return []
  const devices: { device_id: string }[] = await trx('devices').where({ status: 'active' }).select('device_id')
  if (devices.length === 0) return []
  const receipts: Receipt[] = []
  for (const { note, id } of asked) {
    const batch = note.batch ?? actor.batch
    const people = note.receipt === true ? 1 : Number(note.receipt)
    const known: Row | undefined = batch ? await trx('receipts').where({ batch }).first() : undefined
    const receipt: Receipt = known
      ? { ...rowToReceipt(known), seq, people: known.people + people, confirmed: {}, told: 'no' }
      : {
          id,
          ...(batch && { batch }),
          seq,
          at: new Date().toISOString(),
          actor: actor.name,
          sentence: note.sentence,
          kind: note.object?.kind ?? 'user',
          object: note.object?.id ?? '',
          name: note.object?.name ?? '',
          people,
          awaits: devices.map(({ device_id }) => device_id),
          confirmed: {},
          told: 'no',
        }
    await saveReceipts(trx, [receipt])
    receipts.push(receipt)
  }
  return receipts
}

export async function saveReceipts(trx: Knex, receipts: readonly Receipt[]): Promise<void> {
  const rows = receipts.map((receipt) => ({
    ...receipt,
    batch: receipt.batch ?? null,
    awaits: JSON.stringify(receipt.awaits),
    confirmed: JSON.stringify(receipt.confirmed),
  }))
  await inSlices(rows, (slice) => trx('receipts').insert(slice).onConflict('id').merge(), 50)
}

export const receiptsUnderWay = async (db: Knex): Promise<Receipt[]> =>
  ((await db('receipts').whereNot({ told: 'all' })) as Row[]).map(rowToReceipt)

export async function receiptById(db: Knex, id: number): Promise<Receipt | undefined> {
  const row: Row | undefined = await db('receipts').where({ id }).first()
  return row && rowToReceipt(row)
}

/** The newest first. */
export const receiptsKept = async (db: Knex, size: number): Promise<Receipt[]> =>
  ((await db('receipts').orderBy('id', 'desc').limit(size)) as Row[]).map(rowToReceipt)

/** The latest of one person. */
export async function receiptOf(db: Knex, object: string): Promise<Receipt | undefined> {
  const row: Row | undefined = await db('receipts').where({ object }).orderBy('id', 'desc').first()
  return row && rowToReceipt(row)
}

/** Which of these rows of the audit have a receipt. */
export async function rowsWithReceipt(db: Knex, ids: number[]): Promise<Set<number>> {
  const found = new Set<number>()
  await inSlices(ids, async (slice) => {
    const rows: { id: number }[] = await db('receipts').whereIn('id', slice).select('id')
    for (const { id } of rows) found.add(id)
  })
  return found
}

export const trimReceipts = (db: Knex, before: string): Promise<number> =>
  db('receipts').where('at', '<', before).delete()
