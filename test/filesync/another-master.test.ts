import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileSetByName } from '../../server/filesync/sets.ts'
import { ownStates } from '../../server/filesync/states.ts'
import { restoreVersion } from '../../server/filesync/versions.ts'
import { makeBackup } from '../../server/mode/backup.ts'
import { restoreNode } from '../../server/mode/restore.ts'
import { handOver } from '../../server/replication/hand-over.ts'
import { aSet, dirOn, holds, placeOn, put, sameTrees } from '../support/files.ts'
import { caughtUp, startMaster, startNode, startSlave, type TestNode, until } from '../support/node.ts'
import { me } from '../support/people.ts'
import { aFolder } from '../support/store.ts'

describe('files when another node becomes master', () => {
  let first: TestNode
  let second: TestNode
  let third: TestNode
  before(async () => {
    first = await startMaster()
    second = await startSlave(first, 'gw-second')
    third = await startSlave(first, 'gw-third')
    await aSet(first, 'scripts')
    put(dirOn(first, 'scripts'), 'logon.bat', 'one')
    for (const node of [second, third]) {
      await placeOn(node, 'scripts')
      await holds(dirOn(node, 'scripts'), { 'logon.bat': 'one' })
    }
  })
  after(async () => {
    for (const node of [third, second, first]) await node?.close()
  })

  test('the directory of the new master is what the others follow, the old master too', async () => {
    await handOver(first.db, me, 'gw-second')
    await until(() => third.db.position.epochNo === second.db.position.epochNo, 20_000)
    put(dirOn(second, 'scripts'), 'logon.bat', 'two')
    for (const node of [third, first]) await holds(dirOn(node, 'scripts'), { 'logon.bat': 'two' }, 30_000)
  })

  test('what came to it while it was a slave, it gives to slaves that join now', async () => {
    put(dirOn(second, 'scripts'), 'more.bat', 'more')
    const fourth = await startSlave(second, 'gw-fourth')
    try {
      await placeOn(fourth, 'scripts')
      await holds(dirOn(fourth, 'scripts'), { 'logon.bat': 'two', 'more.bat': 'more' })
    } finally {
      await fourth.close()
    }
  })
})

test('a backup has every version of each file, and the restored master gives them', async () => {
  const master = await startMaster()
  await aSet(master, 'scripts')
  const from = dirOn(master, 'scripts')
  const slave = await startSlave(master)
  await placeOn(slave, 'scripts')
  for (const content of ['first', 'second']) {
    put(from, 'logon.bat', content)
    await holds(dirOn(slave, 'scripts'), { 'logon.bat': content })
  }
  const folder = aFolder('backup')
  const file = join(folder, 'node.backup')
  await makeBackup(master.dir, file, 'a long enough passphrase')
  const port = `${master.ports().sync}`
  await master.stop()
  const dir = join(folder, 'again')
  await restoreNode(dir, file, 'a long enough passphrase', me)
  // Where a set comes from is a directory of the administrator's, with a copy of its own.
  cpSync(from, join(dir, 'files', 'scripts'), { recursive: true })
  const again = await startNode(dir, { 'sync-port': port })
  try {
    const other = await startSlave(again, 'gw-other')
    await placeOn(other, 'scripts')
    await holds(dirOn(other, 'scripts'), { 'logon.bat': 'second' })
    const set = await fileSetByName(again.db, 'scripts')
    await placeOn(again, 'scripts')
    await until(() => ownStates(again.db).get(set.id)?.state === 'equal')
    await restoreVersion(again.db, me, 'scripts', 'logon.bat', 1)
    await holds(dirOn(other, 'scripts'), { 'logon.bat': 'first' })
    await caughtUp(slave, again)
    await sameTrees(dirOn(slave, 'scripts'), dirOn(other, 'scripts'), 30_000)
    await other.close()
  } finally {
    for (const node of [again, slave, master]) await node.close()
    rmSync(folder, { recursive: true, force: true })
  }
})
