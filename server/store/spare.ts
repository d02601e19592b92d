import { rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

// SQLite needs room before it reads: for its log and the index of that. A node that is started on a full disk gives up
// what it has laid by for this, and serves.

const spareFile = 'spare'
const spareBytes = 128 * 1024

/** Lays the room by where there is any. */
export function keepSpare(dir: string): void {
  const file = join(dir, spareFile)
  try {
    if (statSync(file, { throwIfNoEntry: false })?.size === spareBytes) return
    writeFileSync(file, Buffer.alloc(spareBytes), { mode: 0o600, flush: true })
  } catch {
    rmSync(file, { force: true })
  }
}

/** Gives the room up; false when there was none. */
export function giveSpare(dir: string): boolean {
  const file = join(dir, spareFile)
  const isThere = statSync(file, { throwIfNoEntry: false }) !== undefined
  rmSync(file, { force: true })
  return isThere
}
