import assert from 'node:assert/strict'
import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import pino from 'pino'
import { setPassword, userByUsername } from '../../server/accounts/users.ts'
import { readConfig } from '../../server/config.ts'
import { serve } from '../../server/main.ts'
import { synchronizationKey } from '../../server/mode/key.ts'
import { setUpDomain } from '../../server/samba/domain.ts'
import { startMaster } from '../support/node.ts'
import { me, password as secret } from '../support/people.ts'
import { aFolder } from '../support/store.ts'

test('a database that came without its keys says which are missing, and gives none away', async () => {
  const master = await startMaster()
  await setUpDomain(master.db, me, { name: 'EXAMPLE', password: secret })
  await master.stop()
  const dir = aFolder('copy')
  copyFileSync(join(master.dir, 'accounts.db'), join(dir, 'accounts.db'))
  const lines: string[] = []
  const log = pino({ level: 'error' }, { write: (line: string) => void lines.push(line) })
  const off = { 'web-port': '0', 'ldap-port': '0', 'ldaps-port': '0', 'sync-port': '0', 'files-port': '0' }
  const node = await serve(readConfig({ data: dir, ...off }, {}), log)
  try {
    assert.match(
      lines.join(),
      /missing in \S+: ca\.pem, node\.key, node\.pem, ca\.key, audit\.key, nt-hash\.key\. Copy the whole/,
    )
    await assert.rejects(synchronizationKey(node.db), /ca\.pem is missing in/)
    const { id } = await userByUsername(node.db, 'winadmin')
    await assert.rejects(setPassword(node.db, me, id, 'another-long-walk-9'), /nt-hash\.key is missing in/)
  } finally {
    await node.close()
    for (const folder of [dir, master.dir]) rmSync(folder, { recursive: true, force: true })
  }
})
