import { needRight } from '../accounts/roles.ts'
import type { Actor } from '../audit/actor.ts'
import { Refused } from '../errors.ts'
import type { Db } from '../store/db.ts'
import { deviceRow } from '../store/devices.ts'
import type { Local } from '../store/local.ts'
import { commit } from '../store/write.ts'
import { keepCaKey, masterName, ownNames } from './certificates.ts'
import { startEpoch } from './epoch.ts'
import { makeKey } from './key.ts'
import { declareNew } from './set-up.ts'

/**
 * This slave becomes the master: with the cluster's key it signs the next epoch, which every node of the cluster follows from
 * then on, and which the old master bows to when they meet. Its copy is what counts.
 */
export async function takeOver(
  db: Db,
  actor: Actor,
  caKey: string,
  reason: string,
  { alerts, oldMasters = [] }: Pick<Local, 'alerts' | 'oldMasters'> = db.local,
): Promise<void> {
  needRight(actor, 'change')
  const { name, deviceId, masterUrl, masterName: oldName } = db.local
  if (db.local.mode !== 'slave') throw new Refused('Only a slave is promoted. This node is none.', 'not-slave')
  if (db.position.seq === 0)
    throw new Refused('This slave has received nothing yet, so it has nothing to be master of.', 'empty')
  keepCaKey(db.dir, caKey)
  const { issueOwn } = await import('./ca.ts')
  await issueOwn(db.dir, name, [masterName(db.position.clusterId), ...ownNames(name)])
  const { made } = makeKey(db.dir)
  await commit(db, actor, async (change) => {
    startEpoch(db, change, change.head.epochNo + 1)
    change.local({
      mode: 'master',
      since: new Date().toISOString(),
      keyMade: made,
      oldMasters: [...new Set([...oldMasters, ...(masterUrl ? [masterUrl] : [])])],
      alerts,
      masterUrl: undefined,
      masterName: undefined,
      masterWeb: undefined,
      provedAt: undefined,
    })
    const own = await deviceRow(change.trx, deviceId)
    if (own) await change.remove('device', own.id)
    change.note({ sentence: `This node became master in place of ${oldName ?? masterUrl}. ${reason}` })
  })
  await declareNew(db)
}
