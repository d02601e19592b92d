import { basename } from 'node:path'
import type { Actor } from '../audit/actor.ts'
import type { Db } from '../store/db.ts'
import { commit } from '../store/write.ts'

export const noteBackup = (db: Db, actor: Actor, file: string): Promise<void> =>
  commit(db, actor, async (change) => change.note({ sentence: `Made a backup, ${basename(file)}` }))
