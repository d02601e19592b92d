import { join } from 'node:path'
import { needRight } from '../accounts/roles.ts'
import { type Actor, thisNode } from '../audit/actor.ts'
import { messageOf, Refused } from '../errors.ts'
import type { Db } from '../store/db.ts'
import type { Place } from '../store/file-places.ts'
import { commit } from '../store/write.ts'
import { allowed, ownRoot, placeSet } from './places.ts'
import { type FileSet, isFor, isSetName } from './sets.ts'

/** So many sets are placed by themselves; a master that makes more asks for an administrator. */
const most = 100

/** Whether sets that are meant for this node, also later ones, are placed below its own root without being asked for. */
export async function setReceiving(db: Db, actor: Actor, receives: boolean): Promise<void> {
  needRight(actor, 'change')
  if (db.local.mode !== 'slave') throw new Refused('Only a slave receives files.', 'not-a-slave')
  if (allowed(db).receives === receives) return
  await commit(db, actor, async (change) => {
    change.note({
      sentence: receives
        ? `File sets that are meant for ${db.local.name} are placed in ${ownRoot(db)} from now on`
        : `File sets are no longer placed on ${db.local.name} by themselves`,
    })
    change.local({ files: receivingFrom(db, receives) })
  })
}

export const receivingFrom = (db: Db, receives: boolean) => ({ ...allowed(db), receives, notHere: [] })

/**
 * Places what is meant for this node and lies nowhere yet; what could not be, as a sentence, by set. Logon scripts are left
 * to the set-up of Samba, which shares them, and certificates lie in every node anyway.
 */
export async function placeReceived(db: Db, sets: FileSet[], all: Place[]): Promise<Map<string, string>> {
  const problems = new Map<string, string>()
  const { receives, notHere } = allowed(db)
  if (db.local.mode !== 'slave' || !receives) return problems
  const placed = new Set(all.map(({ setId }) => setId))
  let room = most - placed.size
  for (const set of sets) {
    if (set.kind !== 'custom' || !isFor(set, db.local.deviceId)) continue
    if (placed.has(set.id) || notHere.includes(set.id)) continue
    try {
      if (!isSetName(set.name)) throw new Error('Its name is none of a set')
      if (room-- <= 0) throw new Error(`${most} sets lie here already`)
      await placeSet(db, thisNode, set, { dir: join(ownRoot(db), set.name) })
    } catch (error) {
      problems.set(set.id, `Not placed by itself: ${messageOf(error).replace(/\.$/, '')}. Name a directory for it.`)
    }
  }
  return problems
}
