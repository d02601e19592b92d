import { join } from 'node:path'
import { z } from 'zod'
import type { Db } from '../store/db.ts'
import { readPrivate, writePrivate } from '../store/files.ts'

const line = z.string().max(500)

/** How the Samba of a node was found when it was last asked there. */
export const sambaReport = z
  .object({
    at: z.iso.datetime(),
    kind: z.enum(['pdc', 'bdc', 'file-server']),
    server: z.string().max(32),
    version: z.string().max(32),
    findings: z.array(z.object({ what: line, state: z.enum(['good', 'doubt', 'bad']), says: line })).max(32),
  })
  .meta({ id: 'SambaReport', description: 'How Samba was found when it was last asked.' })

export type SambaReport = z.output<typeof sambaReport>

const file = 'samba-reports.json'
const ofDb = new WeakMap<Db, Map<string, SambaReport>>()

/** By Device ID: of this node, and on the master of all that have told it. They do not travel. */
export function reportsOf(db: Db): Map<string, SambaReport> {
  const known = ofDb.get(db)
  if (known) return known
  const kept = readPrivate(join(db.dir, file))
  const reports = new Map(Object.entries(kept === undefined ? {} : (JSON.parse(kept) as Record<string, SambaReport>)))
  ofDb.set(db, reports)
  return reports
}

export function keepReport(db: Db, deviceId: string, report: SambaReport): void {
  const all = reportsOf(db).set(deviceId, report)
  writePrivate(join(db.dir, file), `${JSON.stringify(Object.fromEntries(all))}\n`)
}
