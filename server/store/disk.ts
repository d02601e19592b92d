import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf, Unavailable } from '../errors.ts'
import type { Db } from './db.ts'

export const databaseFile = 'accounts.db'

/** What is known to survive a power cut: the first so many commits of those that there were. */
export type Disk = {
  commits: number
  kept: number
  /** A commit ends once it is on the disk; otherwise it is there after `onDisk`, in the order of the commits. */
  isWaitedFor: boolean
}

/** What an earlier process committed last may not be there either: it may have been killed before it waited. */
export const newDisk = (): Disk => ({ commits: 1, kept: 0, isWaitedFor: true })

/** Whether commits from now on wait for the disk. */
export async function waitForDisk({ disk, writer }: Db, isWaitedFor: boolean): Promise<void> {
  if (disk.isWaitedFor === isWaitedFor) return
  await writer.raw(`PRAGMA synchronous = ${isWaitedFor ? 'FULL' : 'NORMAL'}`)
  disk.isWaitedFor = isWaitedFor
}

/** Resolves when everything that was committed survives a power cut; Unavailable when the disk refuses. */
export async function onDisk({ dir, disk }: Db): Promise<void> {
  const { commits } = disk
  if (disk.kept >= commits) return
  try {
    // All that is not in the file of the database itself is in the log, and whatever moves it over waits for the disk.
    const log = await open(join(dir, `${databaseFile}-wal`), 'r')
    await log.datasync().finally(() => log.close())
  } catch (error) {
    throw new Unavailable(`The disk of this node refuses to write: ${messageOf(error)}.`, 60)
  }
  disk.kept = Math.max(disk.kept, commits)
}

/** Whether SQLite was refused by the disk: full, broken or read-only. */
export const isFaultOfDisk = (error: unknown): boolean =>
  /^SQLITE_(FULL|IOERR|READONLY)/.test(String((error as { code?: unknown }).code ?? ''))
