import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { purge } from '../../server/accounts/bin.ts'
import { usersPage } from '../../server/accounts/user-lists.ts'
import { addUser, removeUser, userByUsername } from '../../server/accounts/users.ts'
import { epochName } from '../../server/mode/epoch.ts'
import { moveHorizon } from '../../server/replication/horizon.ts'
import { judgePosition } from '../../server/replication/master.ts'
import { workerOf } from '../../server/replication/serving.ts'
import type { Db } from '../../server/store/db.ts'
import { caughtUp, startMaster, startNode, startSlave, type TestNode, until } from '../support/node.ts'
import { aUser, me, somebody } from '../support/people.ts'
import { ldapSignIn } from '../support/process.ts'
import { aMasterStore } from '../support/store.ts'

const dayMs = 86_400_000
const tombstones = async (db: Db): Promise<number> => (await db.reader('objects').where({ deleted: true })).length
const later = (days: number) => Date.now() + days * dayMs

describe('I5: what was removed is forgotten one day, and nobody comes back for it', () => {
  test('before, at and behind the horizon', async () => {
    const { db, close } = await aMasterStore()
    const hashes = new Map<number, string>()
    const note = () => hashes.set(db.position.seq, db.position.hash)
    for (let number = 0; number < 4; number++) {
      const user = await addUser(db, me, somebody())
      note()
      await removeUser(db, me, user.id)
      note()
      await purge(db, me, user.id)
      note()
    }
    await addUser(db, me, somebody())
    note()
    assert.equal(await moveHorizon(db, later(89)), 0)
    assert.equal(db.position.horizon, 0)
    const before = db.position.hash
    assert.ok((await moveHorizon(db, later(91))) > 0)
    const { horizon } = db.position
    assert.equal(await tombstones(db), 0)
    assert.equal(db.position.hash, before, 'nothing that counts has changed')
    const epoch = epochName(db.position)
    const judged = async (since: number, hash = hashes.get(since) ?? '') =>
      (await judgePosition(db, { since, hash, epoch }))?.code
    assert.equal(await judged(horizon - 1), 'gone')
    assert.equal(await judged(horizon), undefined)
    for (const [since] of hashes) assert.equal(await judged(since), since < horizon ? 'gone' : undefined, `${since}`)
    assert.equal(await judged(0), undefined, 'everything is always to be had')
    await close()
  })

  test('a slave that still waits for it holds it back, until there is too much of it', async () => {
    const master = await startMaster()
    const slave = await startSlave(master)
    await workerOf(slave.db)?.stop()
    const one = await aUser(master.db)
    await removeUser(master.db, me, one.id)
    await purge(master.db, me, one.id)
    const kept = await tombstones(master.db)
    assert.ok(kept > 0)
    await moveHorizon(master.db, later(91))
    assert.equal(await tombstones(master.db), kept)
    workerOf(slave.db)?.start()
    await caughtUp(slave, master)
    await aUser(master.db)
    await caughtUp(slave, master)
    await until(async () => {
      await moveHorizon(master.db, later(91))
      return (await tombstones(master.db)) === 0
    })
    await aUser(master.db)
    await caughtUp(slave, master)
    assert.equal(slave.db.position.horizon, master.db.position.horizon)
    assert.equal(await tombstones(slave.db), 0, 'the slave forgets with its master')
    await slave.close()
    await master.close()
  })
})

describe('a slave that was away for years', () => {
  let master: TestNode
  let slave: TestNode
  before(async () => {
    master = await startMaster()
    for (const name of ['stays', 'goes', 'changes'])
      await aUser(master.db, { username: name, password: `${name}-password-1` })
    slave = await startSlave(master)
    await slave.stop()
  })
  after(async () => {
    await slave.close()
    await master.close()
  })

  test('serves all the while, and comes back to what is now: nobody who was removed signs in again', async () => {
    const { id } = await userByUsername(master.db, 'goes')
    await removeUser(master.db, me, id)
    await purge(master.db, me, id)
    for (let number = 0; number < 20; number++) {
      const user = await aUser(master.db)
      await removeUser(master.db, me, user.id)
      await purge(master.db, me, user.id)
    }
    // So many are gone that what was removed is not kept for a slave that stays away.
    await master.db.writer('contacts').delete()
    const { seq } = master.db.position
    await master.db.writer('objects').where({ deleted: true }).delete()
    master.db.position = { ...master.db.position, horizon: seq }
    await master.db.writer('position').update({ horizon: seq })
    await aUser(master.db, { username: 'newcomer' })

    slave = await startNode(slave.dir)
    const { ldap = 0 } = slave.ports()
    await caughtUp(slave, master)
    assert.equal(await ldapSignIn(ldap, 'stays', 'stays-password-1'), true)
    assert.equal(await ldapSignIn(ldap, 'goes', 'goes-password-1'), false)
    assert.equal((await usersPage(slave.db, {})).total, (await usersPage(master.db, {})).total)
    assert.equal((await userByUsername(slave.db, 'newcomer')).username, 'newcomer')
  })
})
