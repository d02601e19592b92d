import { thisNode } from '../audit/actor.ts'
import type { Db } from '../store/db.ts'
import { whyNoChange } from '../store/local.ts'
import { revised } from '../store/revisions.ts'
import { write } from '../store/write.ts'

/**
 * Notes that accounts have begun, or ended, by the clock, so that everybody who follows the feed learns of it. Nobody waits
 * for that: each node judges accounts by its own clock.
 */
export async function noteTurned(db: Db, ids: readonly string[]): Promise<void> {
  if (whyNoChange(db.local)) return
  for (let at = 0; at < ids.length; at += 400)
    await write(db, thisNode, (change) => change.move(revised(change.head, ids.slice(at, at + 400))))
}
