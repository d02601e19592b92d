import { thisNode } from '../audit/actor.ts'
import { auditById, firstIdAt } from '../store/audit.ts'
import type { Db } from '../store/db.ts'
import { countTombstones, lastTombstone, removeTombstones } from '../store/objects.ts'
import { write } from '../store/write.ts'
import { contactsOf } from './contact.ts'
import { deviceList } from './devices.ts'

const dayMs = 86_400_000
const keptDays = 90
/** Beyond this share of the objects, what was removed is no longer kept for slaves that stay away. */
const share = 0.1
const few = 1000

/**
 * Forgets what was removed long ago and every slave has heard of. The horizon moves in the same transaction: a slave that
 * stands before it is compared with this node as a whole, and never brings somebody back. Returns how many were forgotten.
 */
export async function moveHorizon(db: Db, now = Date.now()): Promise<number> {
  if (db.local.mode !== 'master' && db.local.mode !== 'standalone') return 0
  const old = await seqAt(db, new Date(now - keptDays * dayMs).toISOString())
  const count = await countTombstones(db.reader, old)
  if (count === 0) return 0
  const upto = count > Math.max(few, db.position.objects * share) ? old : Math.min(old, await confirmedByAll(db))
  return write(db, thisNode, async ({ trx, head }) => {
    const last = await lastTombstone(trx, upto)
    if (last === undefined || last <= head.horizon) return 0
    const forgotten = await countTombstones(trx, last)
    await removeTombstones(trx, last)
    head.horizon = last
    return forgotten
  })
}

/** Where the feed stood at a moment, as the audit has it. A clock that was wrong costs a slave one comparison, nothing else. */
async function seqAt(db: Db, moment: string): Promise<number> {
  const next = await firstIdAt(db.reader, moment)
  return (await auditById(db.reader, next - 1))?.seq ?? 0
}

async function confirmedByAll(db: Db): Promise<number> {
  const known = contactsOf(db)?.all
  const active = (await deviceList(db)).filter(({ status }) => status === 'active')
  return Math.min(db.position.seq, ...active.map(({ deviceId }) => known?.get(deviceId)?.seq ?? 0))
}
