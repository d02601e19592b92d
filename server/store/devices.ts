import type { Knex } from 'knex'
import type { Report } from '../replication/report.ts'
import type { DeviceBody } from './bodies.ts'
import type { Projection } from './project.ts'
import { inSlices, insertRows } from './slices.ts'

export type DeviceRow = { id: string; device_id: string; token_hash: string; status: 'active' | 'revoked' }

export const deviceToRow = (id: string, { deviceId, tokenHash, status }: DeviceBody): DeviceRow => ({
  id,
  device_id: deviceId,
  token_hash: tokenHash,
  status,
})

export async function projectDevices(trx: Knex, changes: Projection<'device'>[]): Promise<void> {
  if (changes.length === 0) return
  const removed = changes.filter((change) => !change.now).map((change) => change.id)
  await inSlices(removed, (ids) => trx('devices').whereIn('id', ids).delete())
  const rows = changes.flatMap(({ id, now }) => (now ? [deviceToRow(id, now)] : []))
  await insertRows(trx, 'devices', rows, ['id'])
}

export async function deviceRow(db: Knex, deviceId: string): Promise<DeviceRow | undefined> {
  return db('devices').where({ device_id: deviceId }).first()
}

/** How far a slave was when it last asked. */
export type Contact = {
  deviceId: string
  seq: number
  hash: string
  address?: string
  version?: string
  lastContact: string
  /** When it last asked with this master's own position and hash, ISO 8601. */
  provedAt?: string
  /** The change at which it was. */
  provedSeq?: number
  /** From the first change that it did not have until it had confirmed it, the last time. */
  tookSeconds?: number
  /** What it said of itself: replication/report.ts. */
  report?: Report
}

type ContactRow = {
  device_id: string
  seq: number
  hash: string
  address: string | null
  version: string | null
  last_contact: string
  report: string | null
}

type Said = Pick<Contact, 'provedAt' | 'provedSeq' | 'tookSeconds' | 'report'>

export async function contacts(db: Knex): Promise<Contact[]> {
  const rows: ContactRow[] = await db('contacts')
  return rows.map((row) => ({
    deviceId: row.device_id,
    seq: Number(row.seq),
    hash: row.hash,
    address: row.address ?? undefined,
    version: row.version ?? undefined,
    lastContact: row.last_contact,
    ...(JSON.parse(row.report ?? '{}') as Said),
  }))
}

export async function keepContacts(trx: Knex, kept: Contact[]): Promise<void> {
  const rows: ContactRow[] = kept.map((contact) => ({
    device_id: contact.deviceId,
    seq: contact.seq,
    hash: contact.hash,
    address: contact.address ?? null,
    version: contact.version ?? null,
    last_contact: contact.lastContact,
    report: JSON.stringify(saidBy(contact)),
  }))
  await insertRows(trx, 'contacts', rows, ['device_id'])
}

const saidBy = ({ provedAt, provedSeq, tookSeconds, report }: Contact): Said => ({
  ...(provedAt && { provedAt }),
  ...(provedSeq !== undefined && { provedSeq }),
  ...(tookSeconds !== undefined && { tookSeconds }),
  ...(report && { report }),
})
