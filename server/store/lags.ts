import type { Knex } from 'knex'
import { insertRows } from './slices.ts'

/** How far a slave was behind at worst in a piece of time; it does not travel. */
export type Lag = { deviceId: string; slot: string; changes: number; seconds: number }

type Row = { device_id: string; slot: string; changes: number; seconds: number }

export async function lagsSince(db: Knex, slot: string, deviceId?: string): Promise<Lag[]> {
  const asked = db('lags').where('slot', '>=', slot).orderBy('slot')
  if (deviceId !== undefined) asked.where({ device_id: deviceId })
  const rows: Row[] = await asked
  return rows.map(({ device_id, ...row }) => ({ deviceId: device_id, ...row }))
}

export async function keepLags(trx: Knex, lags: readonly Lag[]): Promise<void> {
  const rows: Row[] = lags.map(({ deviceId, ...lag }) => ({ device_id: deviceId, ...lag }))
  await insertRows(trx, 'lags', rows, ['device_id', 'slot'])
}

export const trimLags = (db: Knex, before: string): Promise<number> => db('lags').where('slot', '<', before).delete()
