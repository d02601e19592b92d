import assert from 'node:assert/strict'
import { cpSync, rmSync } from 'node:fs'
import { describe, test } from 'node:test'
import { usersPage } from '../../server/accounts/user-lists.ts'
import { changeUser, removeUser, userByUsername } from '../../server/accounts/users.ts'
import { auditPage } from '../../server/audit/audit.ts'
import { beginEpoch } from '../../server/mode/epoch.ts'
import { workerOf } from '../../server/replication/serving.ts'
import type { Db } from '../../server/store/db.ts'
import { caughtUp, startMaster, startNode, startSlave, type TestNode, until } from '../support/node.ts'
import { aUser, me } from '../support/people.ts'
import { aFolder } from '../support/store.ts'

const people = async (db: Db) => (await usersPage(db, { size: 200 })).rows.map(({ username }) => username).sort()

/** A master whose folder is copied, who then makes `lost` changes that all slaves get, and is put back as it was copied. */
async function putBack(lost: number): Promise<{ master: TestNode; slaves: TestNode[]; epochNo: number }> {
  const master = await startMaster()
  const { sync } = master.ports()
  const { epochNo } = master.db.position
  for (let number = 0; number < 5; number++) await aUser(master.db)
  const slaves = [await startSlave(master, 'gw-malmo'), await startSlave(master, 'gw-lagos')]
  for (const slave of slaves) await caughtUp(slave, master)
  await master.stop()
  const copy = aFolder('copy')
  cpSync(master.dir, copy, { recursive: true })
  const again = await startNode(master.dir, { 'sync-port': `${sync}` })
  for (let number = 0; number < lost; number++) await aUser(again.db, { username: `lost${number}` })
  for (const slave of slaves) await caughtUp(slave, again)
  await again.stop()
  rmSync(master.dir, { recursive: true })
  cpSync(copy, master.dir, { recursive: true })
  rmSync(copy, { recursive: true })
  return { master: await startNode(master.dir, { 'sync-port': `${sync}` }), slaves, epochNo }
}

describe('a master restored from an older copy, by hand and without a word', () => {
  const cases = { fewer: 0, 'exactly as many': 4, more: 9 }
  for (const [what, made] of Object.entries(cases))
    test(`${what} changes made since than were lost: every slave holds what the master holds`, async () => {
      const { master, slaves, epochNo } = await putBack(4)
      // Before any slave has asked again, or while they do: it does not matter.
      for (let number = 0; number < made; number++) await aUser(master.db, { username: `made${number}` })
      for (const slave of slaves) await caughtUp(slave, master)
      await aUser(master.db, { username: 'afterwards' })
      for (const slave of slaves) {
        await caughtUp(slave, master)
        assert.deepEqual(await people(slave.db), await people(master.db))
        assert.ok(!(await people(slave.db)).includes('lost0'))
      }
      if (made === 0) {
        assert.ok(master.db.position.epochNo > epochNo, 'what comes under the same numbers is another epoch')
        const said = (await auditPage(master.db, { size: 20 })).rows.map(({ sentence }) => sentence)
        assert.ok(said.some((sentence) => /its store is an older one/.test(sentence)))
      }
      for (const slave of slaves) await slave.close()
      await master.close()
    })
})

describe('epochs', () => {
  test('a new epoch is followed without a full copy, and the old one is refused from then on', async () => {
    const master = await startMaster()
    for (let number = 0; number < 30; number++) await aUser(master.db)
    const slave = await startSlave(master)
    const phases: string[] = []
    const { line } = workerOf(slave.db) ?? assert.fail()
    let { phase } = line
    Object.defineProperty(line, 'phase', {
      get: () => phase,
      set: (next) => {
        phases.push(next)
        phase = next
      },
    })
    await beginEpoch(master.db, me)
    const user = await aUser(master.db)
    await caughtUp(slave, master)
    assert.equal(slave.db.position.epochNo, master.db.position.epochNo)
    // Stopped while the next begins, so that it has to be told.
    await workerOf(slave.db)?.stop()
    await beginEpoch(master.db, me)
    await changeUser(master.db, me, user.id, { first: 'New' })
    await removeUser(master.db, me, (await aUser(master.db)).id)
    workerOf(slave.db)?.start()
    await caughtUp(slave, master)
    assert.equal(slave.db.position.epochNo, master.db.position.epochNo)
    assert.equal((await userByUsername(slave.db, user.username)).first, 'New')
    assert.ok(!phases.includes('full'), phases.join())
    await slave.close()
    await master.close()
  })

  test('two masters of one cluster: a slave that has seen the newer epoch takes nothing from the older, which bows', async () => {
    const master = await startMaster()
    const { sync } = master.ports()
    const slave = await startSlave(master)
    await master.stop()
    const copy = aFolder('copy')
    cpSync(master.dir, copy, { recursive: true })
    const newer = await startNode(master.dir, { 'sync-port': `${sync}` })
    await beginEpoch(newer.db, me)
    await aUser(newer.db, { username: 'of_the_newer' })
    await caughtUp(slave, newer)
    const was = { ...slave.db.position }
    await newer.stop()
    const older = await startNode(copy, { 'sync-port': `${sync}` })
    await until(() => older.db.local.newer?.epochNo === was.epochNo, 10_000)
    await assert.rejects(aUser(older.db, { username: 'of_the_older' }), /is master now/)
    await until(() => /is not the master any more/.test(workerOf(slave.db)?.line.problem ?? ''), 10_000)
    assert.deepEqual(slave.db.position, was)
    assert.ok((await people(slave.db)).includes('of_the_newer'))
    await older.close()
    const back = await startNode(master.dir, { 'sync-port': `${sync}` })
    await aUser(back.db)
    await until(() => slave.db.position.hash === back.db.position.hash, 20_000)
    await slave.close()
    await back.close()
  })
})
