import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readCredential } from '../../server/mode/credential.ts'
import { synchronizationKey } from '../../server/mode/key.ts'
import { deviceStatuses } from '../../server/replication/status.ts'
import { caughtUp, startMaster, startNode, startSlave } from '../support/node.ts'
import { aUser, password } from '../support/people.ts'
import { ldapSignIn } from '../support/process.ts'

const losses: Record<string, (file: string) => void> = {
  'is gone': (file) => rmSync(file),
  'is no database any more': (file) => writeFileSync(file, 'x'.repeat(100_000)),
  'has lost its first page': (file) => {
    const bytes = readFileSync(file)
    writeFileSync(file, bytes.fill(0, 0, 4096))
  },
}

for (const [what, lose] of Object.entries(losses))
  test(`a slave whose database ${what} fetches everything from its master, by itself and as the same device`, async () => {
    const master = await startMaster()
    let slave = await startSlave(master)
    await aUser(master.db, { username: 'anna', password })
    await caughtUp(slave, master)
    const { deviceId } = slave.db.local
    await slave.stop()
    for (const end of ['-wal', '-shm']) rmSync(join(slave.dir, `accounts.db${end}`), { force: true })
    lose(join(slave.dir, 'accounts.db'))
    slave = await startNode(slave.dir)
    await caughtUp(slave, master)
    assert.equal(slave.db.local.deviceId, deviceId)
    assert.equal(slave.db.local.name, 'gw-malmo')
    assert.equal((await deviceStatuses(master.db)).length, 1)
    assert.equal(await ldapSignIn(slave.ports().ldap ?? 0, 'anna', password), true)
    assert.equal(existsSync(join(slave.dir, 'accounts.db.damaged')), what !== 'is gone')
    const file = join(slave.dir, 'joined.json')
    assert.equal(statSync(file).mode & 0o777, 0o600)
    for (const secret of [await synchronizationKey(master.db), readCredential(slave.dir)?.split('.')[1] ?? ''])
      assert.ok(!readFileSync(file, 'utf8').includes(secret))
    await slave.close()
    await master.close()
  })
