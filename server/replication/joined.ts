import { existsSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { thisNode } from '../audit/actor.ts'
import { messageOf } from '../errors.ts'
import type { Log } from '../log.ts'
import { type Db, openDb } from '../store/db.ts'
import { readPrivate, writePrivate } from '../store/files.ts'
import type { Local } from '../store/local.ts'
import type { Position } from '../store/position.ts'
import { commit } from '../store/write.ts'

/** With what a slave finds its master again when its database is lost. It stands beside the database, like the credential. */
type Joined = {
  local: Pick<Local, 'deviceId' | 'name' | 'masterUrl' | 'masterName'>
  epoch: Pick<Position, 'clusterId' | 'epochNo' | 'epochId' | 'epochSig'>
}

const fileIn = (dir: string) => join(dir, 'joined.json')

export function keepJoined({ dir, local, position }: Db): void {
  if (local.mode !== 'slave') {
    rmSync(fileIn(dir), { force: true })
    return
  }
  const { deviceId, name, masterUrl, masterName } = local
  const { clusterId, epochNo, epochId, epochSig } = position
  const joined: Joined = {
    local: { deviceId, name, masterUrl, masterName },
    epoch: { clusterId, epochNo, epochId, epochSig },
  }
  const text = `${JSON.stringify(joined)}\n`
  if (readPrivate(fileIn(dir)) !== text) writePrivate(fileIn(dir), text)
}

/**
 * Opens the store. A slave whose database is gone, or cannot be read, begins with an empty one and is filled by its master:
 * everything it holds is there as well.
 */
export async function openNode(dir: string, log: Log): Promise<Db> {
  const text = readPrivate(fileIn(dir))
  if (text === undefined) return openDb(dir)
  let db: Db
  try {
    db = await openDb(dir)
  } catch (error) {
    if (!/ is damaged: /.test(messageOf(error))) throw error
    log.error(`${messageOf(error)}. It is set aside, and everything is fetched from the master.`)
    setAside(join(dir, 'accounts.db'))
    db = await openDb(dir)
  }
  if (!db.local.mode) await joinAgain(db, JSON.parse(text))
  return db
}

function setAside(file: string): void {
  for (const end of ['-wal', '-shm']) rmSync(`${file}${end}`, { force: true })
  if (existsSync(file)) renameSync(file, `${file}.damaged`)
}

const joinAgain = (db: Db, { local, epoch }: Joined): Promise<void> =>
  commit(db, thisNode, async (change) => {
    Object.assign(change.head, epoch)
    change.local({ ...local, mode: 'slave', since: new Date().toISOString() })
    change.note({
      sentence: `The database was lost; everything is fetched from ${local.masterName ?? local.masterUrl}`,
    })
  })
