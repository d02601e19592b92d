import { join } from 'node:path'
import type { Db } from '../store/db.ts'
import { readPrivate, writePrivate } from '../store/files.ts'

/** Beside the database: what Samba of this node is to be. systemd watches it (setup/units.ts), for a node is not root. */
export const roleFile = 'samba-role'

/** Writes down what the mode makes of Samba here, when that is something else than before. */
export function keepRole({ dir, local: { mode, masterUrl } }: Db): void {
  if (!mode) return
  const role = mode === 'slave' ? `bdc of ${masterUrl ? new URL(masterUrl).hostname : 'nobody'}` : 'pdc'
  const file = join(dir, roleFile)
  if (readPrivate(file) !== `${role}\n`) writePrivate(file, `${role}\n`)
}
