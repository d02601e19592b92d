import type { Actor } from '../audit/actor.ts'
import { Refused } from '../errors.ts'
import { closeDb, openDb } from '../store/db.ts'
import { lockFolder } from '../store/lock.ts'
import { commit } from '../store/write.ts'
import { unpackBackup } from './backup.ts'
import { beginEpoch } from './epoch.ts'

export type Restored = { name: string; mode: string; epochNo: number; seq: number; made: string }

/**
 * Makes a node from a backup, in an empty directory. A master begins a new epoch before anybody can ask it: numbers of changes
 * that slaves may have got after the backup come again and mean something else.
 */
export async function restoreNode(dir: string, file: string, passphrase: string, actor: Actor): Promise<Restored> {
  const unlock = await lockFolder(dir)
  if (!unlock) throw new Refused(`A node is running in ${dir}.`, 'running')
  try {
    const { made } = await unpackBackup(dir, file, passphrase)
    const db = await openDb(dir)
    try {
      await commit(db, actor, async ({ note }) => note({ sentence: `Restored this node from a backup of ${made}` }))
      if (db.local.mode === 'master' || db.local.mode === 'standalone') await beginEpoch(db, actor)
      const { epochNo, seq } = db.position
      return { name: db.local.name, mode: db.local.mode ?? 'not set up', epochNo, seq, made }
    } finally {
      await closeDb(db)
    }
  } finally {
    await unlock()
  }
}
