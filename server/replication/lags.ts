import type { Db } from '../store/db.ts'
import { keepLags, type Lag, lagsSince, trimLags } from '../store/lags.ts'
import { contactsOf } from './contact.ts'
import { deviceStatuses } from './status.ts'

const slotMs = 30 * 60_000
const slots = 48

const slotOf = (at: number): string => new Date(Math.floor(at / slotMs) * slotMs).toISOString()

/** The worst of the piece of time that is under way, so that a short lag is not missed between two looks. */
const current = new WeakMap<Db, Map<string, Lag>>()

/** Keeps how far each slave is behind now, and was at worst since the last time. */
export async function takeLags(db: Db, now = Date.now()): Promise<void> {
  if (db.local.mode !== 'master') return
  const slot = slotOf(now)
  const before = current.get(db) ?? new Map<string, Lag>()
  const worst = contactsOf(db)?.worst
  const lags = (await deviceStatuses(db))
    .filter(({ status }) => status === 'active')
    .map(({ deviceId, lag, lagSeconds }): Lag => {
      const was = before.get(deviceId)
      const kept = was?.slot === slot ? was : undefined
      const seen = worst?.get(deviceId)
      return {
        deviceId,
        slot,
        changes: Math.max(lag, seen?.changes ?? 0, kept?.changes ?? 0),
        seconds: Math.max(lagSeconds ?? 0, seen?.seconds ?? 0, kept?.seconds ?? 0),
      }
    })
  worst?.clear()
  current.set(db, new Map(lags.map((lag) => [lag.deviceId, lag])))
  await keepLags(db.writer, lags)
  await trimLags(db.writer, slotOf(now - 2 * slots * slotMs))
}

export type LagPoint = { at: string; changes?: number; seconds?: number }

/** The last 24 hours of each slave, or of one, oldest first; a piece of time in which this master did not run has no figures. */
export async function lagHistory(db: Db, deviceId?: string, now = Date.now()): Promise<Map<string, LagPoint[]>> {
  const first = Math.floor(now / slotMs) * slotMs - (slots - 1) * slotMs
  const history = new Map<string, LagPoint[]>()
  for (const lag of await lagsSince(db.reader, new Date(first).toISOString(), deviceId)) {
    const points = history.get(lag.deviceId) ?? emptyDay(first)
    const at = Math.round((Date.parse(lag.slot) - first) / slotMs)
    if (points[at]) points[at] = { at: lag.slot, changes: lag.changes, seconds: lag.seconds }
    history.set(lag.deviceId, points)
  }
  return history
}

const emptyDay = (first: number): LagPoint[] =>
  Array.from({ length: slots }, (_, index) => ({ at: new Date(first + index * slotMs).toISOString() }))
