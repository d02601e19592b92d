import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { undelete } from '../../server/accounts/bin.ts'
import { addMembers } from '../../server/accounts/group-members.ts'
import { addGroup, removeGroup } from '../../server/accounts/groups.ts'
import { enablePlugin } from '../../server/accounts/plugins.ts'
import { usersPage } from '../../server/accounts/user-lists.ts'
import { addUser, changeUser, removeUser, userByUsername } from '../../server/accounts/users.ts'
import { ReadOnly } from '../../server/errors.ts'
import { setMode } from '../../server/mode/mode.ts'
import { revokeDevice } from '../../server/replication/devices.ts'
import { scrub } from '../../server/replication/scrub.ts'
import { workerOf } from '../../server/replication/serving.ts'
import { deviceStatuses, masterStatus } from '../../server/replication/status.ts'
import { canonical } from '../../server/store/canonical.ts'
import { ownerOfName } from '../../server/store/names.ts'
import { write } from '../../server/store/write.ts'
import { caughtUp, isEqual, silent, startMaster, startNode, startSlave, type TestNode, until } from '../support/node.ts'
import { aUser, me, somebody } from '../support/people.ts'

describe('a slave of a running master', () => {
  let master: TestNode
  let slave: TestNode
  before(async () => {
    master = await startMaster()
    slave = await startSlave(master)
  })
  after(async () => {
    await slave.close()
    await master.close()
  })

  test('people, groups, plugins and fields arrive, and both hold the same', async () => {
    await addGroup(master.db, me, { name: 'sales', description: 'Who sells' })
    const input = somebody({
      username: 'arrives',
      groups: ['sales'],
      plugins: ['ftp'],
      extensions: { contact: { city: 'Malmö' } },
    })
    const added = await addUser(master.db, me, input)
    await caughtUp(slave, master)
    assert.deepEqual(await userByUsername(slave.db, 'arrives'), added)
    assert.equal((await usersPage(slave.db, { group: 'sales' })).total, 1)
    assert.equal((await usersPage(slave.db, { plugin: 'ftp' })).total, 1)
    assert.equal((await usersPage(slave.db, { search: 'ARR' })).total, 1)
  })

  test('the slave refuses an edit and names its master', async () => {
    await assert.rejects(
      aUser(slave.db),
      (error) => error instanceof ReadOnly && error.message.includes('master.example.lan'),
    )
    await assert.rejects(setMode(slave.db, me, 'standalone'), ReadOnly)
    await assert.rejects(enablePlugin(slave.db, me, 'ftp', ['arrives']), ReadOnly)
  })

  test('two people swap their names in one answer', async () => {
    const one = await aUser(master.db, { username: 'swap_a' })
    const two = await aUser(master.db, { username: 'swap_b' })
    await caughtUp(slave, master)
    await workerOf(slave.db)?.stop()
    await changeUser(master.db, me, one.id, { username: 'swap_c' })
    await changeUser(master.db, me, two.id, { username: 'swap_a' })
    await changeUser(master.db, me, one.id, { username: 'swap_b' })
    workerOf(slave.db)?.start()
    await caughtUp(slave, master)
    assert.equal((await userByUsername(slave.db, 'swap_a')).id, two.id)
    assert.equal((await userByUsername(slave.db, 'swap_b')).id, one.id)
  })

  test('a name goes from a person to a group in one answer', async () => {
    const person = await aUser(master.db, { username: 'moves_on' })
    await caughtUp(slave, master)
    await workerOf(slave.db)?.stop()
    await removeUser(master.db, me, person.id)
    await addGroup(master.db, me, { name: 'moves_on', description: '' })
    workerOf(slave.db)?.start()
    await caughtUp(slave, master)
  })

  test('names pass on across the slices of a large answer', async () => {
    const people = await Promise.all(
      Array.from({ length: 600 }, (_, index) => aUser(master.db, { username: `chain${index}` })),
    )
    await caughtUp(slave, master)
    await workerOf(slave.db)?.stop()
    // Everyone takes the name of the next: whoever is applied first needs a name that is freed last.
    await write(master.db, me, async (change) => {
      for (const { id, hasPassword: _, seq: __, ...body } of people)
        await change.put('user', id, { ...body, username: `${body.username}x` })
    })
    await write(master.db, me, async (change) => {
      for (const [index, { id, hasPassword: _, seq: __, ...body }] of people.entries())
        await change.put('user', id, { ...body, username: `chain${(index + 1) % people.length}` })
    })
    workerOf(slave.db)?.start()
    await caughtUp(slave, master)
    assert.equal((await userByUsername(slave.db, 'chain0')).id, people.at(-1)?.id)
  })

  test('a large answer frees no name that it does not bring', async () => {
    const { id, name } = await addGroup(master.db, me, { name: 'crowd', description: '' })
    await caughtUp(slave, master)
    await workerOf(slave.db)?.stop()
    const people = await Promise.all(Array.from({ length: 300 }, () => aUser(master.db)))
    // What is told of the group under its id comes along; the group itself has not changed.
    await addMembers(master.db, me, id, { usernames: people.map(({ username }) => username) })
    workerOf(slave.db)?.start()
    await caughtUp(slave, master)
    assert.equal(await ownerOfName(slave.db.reader, name), id)
    assert.deepEqual((await scrub(slave.db, silent)).mended, [])
  })

  test('removing a group takes everyone out of it, on both, and bringing it back puts them in again', async () => {
    const group = await addGroup(master.db, me, { name: 'short_lived', description: '' })
    const user = await aUser(master.db)
    await addMembers(master.db, me, group.id, { usernames: [user.username] })
    const groupsOn = async (node: TestNode) =>
      (await usersPage(node.db, { search: user.username })).rows.flatMap(({ groupNames }) => groupNames)
    await removeGroup(master.db, me, group.id)
    await caughtUp(slave, master)
    assert.deepEqual(await groupsOn(slave), [])
    await undelete(master.db, me, group.id)
    await caughtUp(slave, master)
    assert.deepEqual(await groupsOn(slave), ['short_lived'])
    assert.deepEqual(await groupsOn(master), ['short_lived'])
  })

  test('a kind that this version does not know is kept, counted and passed on', async () => {
    await write(master.db, me, (change) =>
      change.move([
        { kind: 'tomorrow', id: '7f000000-0000-4000-8000-000000000001', body: canonical({ b: [1, 'ü'], a: null }) },
      ]),
    )
    await caughtUp(slave, master)
    const [row] = await slave.db.reader('objects').where({ kind: 'tomorrow' })
    assert.equal(row.body, '{"a":null,"b":[1,"ü"]}')
  })

  test('the master sees the slave as equal at its own change', async () => {
    await until(async () => (await deviceStatuses(master.db))[0]?.state === 'equal')
    const [device] = await deviceStatuses(master.db)
    assert.equal(device?.name, 'gw-malmo')
    assert.equal(device?.seq, master.db.position.seq)
    assert.equal(device?.lag, 0)
  })

  test('a row that was changed by hand on the slave is found and repaired', async () => {
    const user = await aUser(master.db, { username: 'damaged', last: 'Right' })
    await caughtUp(slave, master)
    await slave.db
      .writer('objects')
      .where({ id: user.id })
      .update({ body: canonical({ ...user, last: 'Wrong' }) })
    await slave.db.writer('objects').where({ kind: 'group' }).delete()
    // The damage shows when one of the damaged rows moves.
    await changeUser(master.db, me, user.id, { first: 'Found' })
    await caughtUp(slave, master)
    assert.equal((await userByUsername(slave.db, 'damaged')).last, 'Right')
    const rows = async (node: TestNode) =>
      (await node.db
        .reader('objects')
        .where({ deleted: false })
        .orderBy(['kind', 'id'])
        .select('kind', 'id', 'body')) as unknown[]
    assert.deepEqual(await rows(slave), await rows(master))
  })

  test('rows that make no sense any more end in a full sync, not in a stopped slave', async () => {
    const user = await aUser(master.db)
    await caughtUp(slave, master)
    await slave.db.writer('objects').where({ id: user.id }).update({ body: 'not even JSON' })
    await changeUser(master.db, me, user.id, { first: 'Again' })
    await caughtUp(slave, master)
  })

  test('a master that becomes standalone is not pulled from, and is caught up with when it is master again', async () => {
    await setMode(master.db, me, 'standalone')
    await until(() => masterStatus(slave.db).problem !== undefined)
    await aUser(master.db, { username: 'while_alone' })
    await setMode(master.db, me, 'master')
    await caughtUp(slave, master)
    assert.equal((await userByUsername(slave.db, 'while_alone')).username, 'while_alone')
  })

  test('a revoked slave is cut off and keeps what it has', async () => {
    const second = await startSlave(master, 'fs-malmo')
    const users = (await usersPage(second.db, {})).total
    await revokeDevice(master.db, me, second.db.local.deviceId)
    await until(() => workerOf(second.db)?.line.stopped === true)
    await aUser(master.db)
    assert.match(masterStatus(second.db).problem ?? '', /revoked/)
    assert.equal((await usersPage(second.db, {})).total, users)
    await second.close()
  })
})

describe('restarts', () => {
  test('either side may go away at any moment; the slave serves on, says since when, and catches up by itself', async () => {
    let master = await startMaster()
    const slave = await startSlave(master)
    await aUser(master.db, { username: 'before' })
    await caughtUp(slave, master)
    const { sync } = master.ports()
    await master.stop()
    // A master that ends in good order says nothing that a slave could take for a farewell.
    assert.equal(workerOf(slave.db)?.line.stopped, false)
    await until(() => !masterStatus(slave.db).reachable)
    assert.equal((await userByUsername(slave.db, 'before')).username, 'before')
    assert.match(masterStatus(slave.db).problem ?? '', /127\.0\.0\.1/)
    assert.ok(masterStatus(slave.db).since)
    await assert.rejects(aUser(slave.db), ReadOnly)

    master = await startNode(master.dir, { 'sync-port': `${sync}` })
    await aUser(master.db, { username: 'later' })
    await caughtUp(slave, master)
    await slave.stop()
    await aUser(master.db, { username: 'meanwhile' })
    const again = await startNode(slave.dir)
    await caughtUp(again, master)
    assert.equal((await userByUsername(again.db, 'meanwhile')).username, 'meanwhile')
    assert.ok(isEqual(again, master))
    await again.close()
    await master.close()
  })
})
