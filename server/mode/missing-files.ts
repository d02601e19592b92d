import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Db } from '../store/db.ts'
import { ntHashKeyIsLost } from '../store/nt-hashes.ts'

/** Files with keys that this node has to have and has not: its data directory was copied in part, or lost some of it. */
export async function missingFiles({ dir, reader, local: { mode }, auditKeyIsLost }: Db): Promise<string[]> {
  if (!mode) return []
  const names = ['ca.pem', 'node.key', 'node.pem', mode === 'slave' ? 'device-credential' : 'ca.key']
  const missing = names.filter((name) => !existsSync(join(dir, name)))
  if (auditKeyIsLost) missing.push('audit.key')
  // A slave gets it from its master.
  if (mode !== 'slave' && (await ntHashKeyIsLost(reader, dir))) missing.push('nt-hash.key')
  return missing
}
