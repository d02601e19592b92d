import { thisNode } from '../audit/actor.ts'
import type { Db } from '../store/db.ts'
import { commit } from '../store/write.ts'
import { readCa } from './certificates.ts'
import { epochIsSigned } from './epoch.ts'

/** What somebody says of an epoch, and where its master answers. */
export type Newer = { epoch: string; sig: string; name?: string; url?: string }

/**
 * Somebody knows of a newer epoch, and the cluster's key signed it: another node is the master now. From this moment on
 * nothing is changed here. What is not signed is hearsay. True when it was so.
 */
export async function bowToNewer(db: Db, { epoch, sig, name, url }: Newer): Promise<boolean> {
  const [no = '', epochId = ''] = epoch.split(/\.(.*)/)
  const newer = { clusterId: db.position.clusterId, epochNo: Number(no), epochId }
  if (db.local.mode !== 'master' || !Number.isSafeInteger(newer.epochNo) || sig === '') return false
  if (epochId === db.position.epochId || newer.epochNo < db.position.epochNo) return false
  if (db.local.newer && db.local.newer.epochNo >= newer.epochNo && (db.local.newer.url || !url)) return true
  if (!epochIsSigned(newer, sig, readCa(db.dir) ?? '')) return false
  const known = { epochNo: newer.epochNo, ...(name && { name }), ...(url && { url }) }
  await commit(db, thisNode, async (change) => {
    change.local({ newer: known })
    change.note({
      sentence: `Another node${name ? `, ${name},` : ''} is master since epoch ${newer.epochNo}; this one changes nothing any more`,
    })
  })
  return true
}
