import { join } from 'node:path'
import sqlite3 from 'sqlite3'
import { openFolder } from './files.ts'

/**
 * One process at a time has the data directory: what a node keeps in memory must be what is on its disk.
 * The lock is SQLite's own on an empty file, which the kernel lets go of however the process ends.
 * Undefined when another process has it.
 */
export async function lockFolder(dir: string): Promise<(() => Promise<void>) | undefined> {
  openFolder(dir)
  const file = join(dir, 'lock')
  const lock = await new Promise<sqlite3.Database>((resolve, reject) => {
    const opened = new sqlite3.Database(file, (error) => (error ? reject(error) : resolve(opened)))
  })
  const close = () => new Promise<void>((resolve) => lock.close(() => resolve()))
  const taken = await new Promise<boolean>((resolve, reject) =>
    // No journal beside it: for that a full disk has no room.
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE', (error) => {
      if (!error) resolve(true)
      else if ((error as { code?: string }).code === 'SQLITE_BUSY') resolve(false)
      else reject(error)
    }),
  )
  if (taken) return close
  await close()
  return undefined
}
