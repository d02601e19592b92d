import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Db } from '../store/db.ts'

/** Files with keys that this node has to have and has not: its data directory was copied in part, or lost some of it. */
export function missingFiles({ dir, local: { mode }, auditKeyIsLost }: Db): string[] {
  if (!mode) return []
  const names = ['ca.pem', 'node.key', 'node.pem', mode === 'slave' ? 'device-credential' : 'ca.key']
  return [...names.filter((name) => !existsSync(join(dir, name))), ...(auditKeyIsLost ? ['audit.key'] : [])]
}
