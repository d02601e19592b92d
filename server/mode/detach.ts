import { randomUUID } from 'node:crypto'
import { needRight } from '../accounts/roles.ts'
import type { Actor } from '../audit/actor.ts'
import { Refused } from '../errors.ts'
import type { Db } from '../store/db.ts'
import { objectsOf } from '../store/objects.ts'
import { commit } from '../store/write.ts'
import { masterName, ownNames } from './certificates.ts'
import { forgetCredential } from './credential.ts'
import { startEpoch } from './epoch.ts'
import { makeKey } from './key.ts'

/**
 * A slave leaves its master and is standalone, with its accounts as they are: a cluster of its own, with a CA of its own, so
 * that neither is ever taken for the other again.
 */
export async function detach(db: Db, actor: Actor): Promise<void> {
  needRight(actor, 'change')
  const { name, masterName: was, masterUrl } = db.local
  if (db.local.mode !== 'slave') throw new Refused('Only a slave is detached. This node is none.', 'not-slave')
  if (db.position.seq === 0)
    throw new Refused('This slave has received nothing yet, so it has nothing to go on with.', 'empty')
  const clusterId = randomUUID()
  const { issueOwn, makeCa } = await import('./ca.ts')
  await makeCa(db.dir, `Account Synchronization ${name}`)
  await issueOwn(db.dir, name, [masterName(clusterId), ...ownNames(name)])
  const { made } = makeKey(db.dir)
  await commit(db, actor, async (change) => {
    change.head.clusterId = clusterId
    startEpoch(db, change, 1)
    // Slaves of the other cluster, and its key.
    for (const kind of ['device', 'recovery'] as const)
      for (const { id } of await objectsOf(change.trx, kind)) await change.remove(kind, id)
    change.local({
      mode: 'standalone',
      since: new Date().toISOString(),
      keyMade: made,
      masterUrl: undefined,
      masterName: undefined,
      masterWeb: undefined,
      provedAt: undefined,
      epochs: undefined,
    })
    change.note({
      sentence: `Detached this node from ${was ?? masterUrl}: it is standalone, with the accounts that it had`,
    })
  })
  forgetCredential(db.dir)
}
